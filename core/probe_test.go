// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// asProbe is work as a probe's function.
func asProbe(w work) func(context.Context, string) error {
	return func(ctx context.Context, conn string) error {
		_, err := w(ctx, conn)
		return err
	}
}

func TestWhatAProbeComesTo(t *testing.T) {
	type end func(context.Context) (context.Context, context.CancelFunc)
	tests := []struct {
		name string
		trialConfig
		caller end
		work   work // nil: it must not run
		want   core.Outcome
		is     error // nil: the backend answered
		fate   fates
	}{
		{name: "it answered", work: fail(), fate: fates{core.Keep}},
		{name: "it refused the statement", work: fail(errStatement), fate: fates{core.Keep}},
		{
			name: "it refused the statement when the time was over", caller: deadline,
			work: hangWith(errStatement), fate: fates{core.Keep},
		},
		{
			name: "it failed", work: fail(errUnavailable), is: errUnavailable, fate: fates{core.Suspect},
			want: core.Outcome{Class: unavailable, Reached: true, Judged: true},
		},
		{
			name: "it failed, as others on that connection said before", trialConfig: trialConfig{stale: true},
			work: fail(errUnavailable), is: errUnavailable, fate: fates{core.Suspect},
			want: core.Outcome{
				Class:   core.Class{Verdict: core.Neutral, Retry: core.RetryIfIdempotent, Conn: core.Suspect, ErrorType: "UNAVAILABLE"},
				Reached: true,
			},
		},
		{
			name: "it is busy", work: fail(errLimited), is: errLimited, fate: fates{core.Keep},
			want: core.Outcome{Class: rateLimited, Reached: true, Judged: true},
		},
		{
			name: "no connection is free", trialConfig: trialConfig{acquire: acquire(coretest.Exhausted{})}, is: coretest.Exhausted{},
			want: core.Outcome{Class: poolTimeout, Reached: true},
		},
		{
			name: "no connection came free in time", trialConfig: trialConfig{acquire: waitFor(coretest.Exhausted{})}, caller: deadline,
			is: coretest.Exhausted{}, want: core.Outcome{Class: poolTimeout, Reached: true},
		},
		{
			name: "the pool refuses", trialConfig: trialConfig{acquire: acquire(errRefused)}, is: core.ErrRejected,
			want: core.Outcome{Class: rejected, Reached: true, Rejected: true},
		},
		{
			name: "it cannot be dialed", trialConfig: trialConfig{acquire: acquire(errUnavailable)}, is: errUnavailable,
			want: core.Outcome{Class: dialFailed, Reached: true, Judged: true},
		},
		{
			name: "it refuses the connection as it refuses a statement", trialConfig: trialConfig{acquire: acquire(errStatement)},
			is: errStatement, want: core.Outcome{Class: neverAsked, Reached: true},
		},
		{
			name: "it hangs until the deadline", caller: deadline, work: hang, is: context.DeadlineExceeded, fate: fates{core.Unclean},
			want: core.Outcome{Class: byDeadline, Reached: true, Judged: true, OutOfTime: true, Ran: time.Second},
		},
		{
			name: "the prober gives up", caller: canceled, work: hang, is: context.Canceled, fate: fates{core.Unclean},
			want: core.Outcome{Class: byCaller, Reached: true, Judged: true, Ran: time.Second},
		},
		{
			name: "the work was refused elsewhere", work: fail(errRefused), is: core.ErrRejected, fate: fates{core.Keep},
			want: core.Outcome{Class: rejected, Reached: true, Rejected: true},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := test.work
				if run == nil {
					run = func(context.Context, string) (string, error) {
						t.Error("the work ran")
						return "", nil
					}
				}
				ctx := t.Context()
				if test.caller != nil {
					var cancel context.CancelFunc
					ctx, cancel = test.caller(ctx)
					defer cancel()
				}
				tr := newTrial(t, test.trialConfig)
				err := tr.client.Probe(ctx, asProbe(run))
				if !errors.Is(err, test.is) || (err == nil) != (test.is == nil) {
					t.Errorf("Probe = %v, want %v", err, test.is)
				}
				if e, ok := errors.AsType[*core.Error](err); err != nil && (!ok || e.Op != "probe" || e.Attempts != 1 || e.Outcome != test.want) {
					t.Errorf("Probe = %#v\nwant the outcome %#v", e, test.want)
				}
				if !slices.Equal(tr.fates, test.fate) || tr.source.Out() != 0 {
					t.Errorf("returned as %v, %d are out, want %v and none", tr.fates, tr.source.Out(), test.fate)
				}
			})
		})
	}
}

func TestAProbePassesTheChainAndTheClientsTimeoutBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := new(coretest.Recorder)
		refusing := func(core.Handler) core.Handler {
			return func(_ context.Context, call *core.Call) error {
				call.Event(core.Event{Kind: core.EventReject})
				return errRefused
			}
		}
		client := newClient(t, core.ClientConfig[string]{
			Source: &coretest.Source[string]{Conn: "conn"}, Middleware: refusing, Observer: recorder, OperationTimeout: time.Second,
		})
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "caller's")
		err := client.Probe(ctx, func(ctx context.Context, conn string) error {
			if conn != "conn" || ctx.Value(key{}) != "caller's" {
				t.Errorf("fn got connection %q and value %v", conn, ctx.Value(key{}))
			}
			time.Sleep(time.Minute)
			return ctx.Err()
		})
		if err != nil || len(recorder.Lines()) != 0 {
			t.Errorf("Probe = %v, observed %q, want nil and nothing", err, recorder.Lines())
		}
		if _, err := core.Do(t.Context(), client, search, fail()); !errors.Is(err, errRefused) {
			t.Errorf("Do = %v, want the refusal that the probe passed by", err)
		}
	})
}

func TestAPanicInAProbeGoesOnAndLosesNoConnection(t *testing.T) {
	tr := newTrial(t, trialConfig{})
	if value, _ := panicOf(func() { _ = tr.client.Probe(t.Context(), asProbe(panicking)) }); value != errBoom {
		t.Errorf("Probe panicked with %v, want %v", value, errBoom)
	}
	if !exits(func() { _ = tr.client.Probe(t.Context(), asProbe(exiting)) }) {
		t.Error("Probe returned, want the goroutine to end")
	}
	if !slices.Equal(tr.fates, fates{core.Unclean, core.Unclean}) || tr.source.Out() != 0 {
		t.Errorf("returned as %v, %d are out, want Unclean twice and none", tr.fates, tr.source.Out())
	}
}
