// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func newClient[C any](t *testing.T, cfg core.ClientConfig[C]) *core.Client[C] {
	t.Helper()
	c, err := core.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDoReturnsTheTypedResult(t *testing.T) {
	source := &coretest.Source[int]{Conn: 7}
	client := newClient(t, core.ClientConfig[int]{Source: source})
	type hit struct{ id int }
	got, err := core.Do(t.Context(), client, search, func(_ context.Context, conn int) (*hit, error) {
		if source.Out() != 1 {
			t.Errorf("%d leases are out during the work, want 1", source.Out())
		}
		return &hit{conn}, nil
	})
	if err != nil || got == nil || got.id != 7 {
		t.Errorf("Do = %v, %v, want hit 7", got, err)
	}
	if source.Out() != 0 || source.Leases() != 1 {
		t.Errorf("%d of %d leases are out, want 0 of 1", source.Out(), source.Leases())
	}
}

func TestDoReturnsNoResultBesideAnError(t *testing.T) {
	tests := []struct {
		name  string
		stage core.Middleware
		work  work
	}{
		{"the work returned both", nil, fail(errStatement)},
		{"every attempt returned both", repeat(2), fail(errUnavailable, errUnavailable)},
		{"a stage turned a good answer into an error", func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				return errors.Join(next(ctx, call), errStatement)
			}
		}, fail()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTrial(t, trialConfig{stage: test.stage})
			if got, err := core.Do(t.Context(), tr.client, search, test.work); got != "" || err == nil {
				t.Errorf("Do = %q, %v, want an error alone", got, err)
			}
		})
	}
}

func TestDoReturnsNoResultOfAnAttemptBeforeTheLast(t *testing.T) {
	twice := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			first := next(ctx, call)
			call.NextAttempt()
			_ = next(ctx, call)
			return first
		}
	}
	for name, second := range map[string]error{"failed": errUnavailable, "answered": errStatement} {
		tr := newTrial(t, trialConfig{stage: twice})
		runs := 0
		got, err := core.Do(t.Context(), tr.client, search, func(context.Context, string) (string, error) {
			if runs++; runs == 2 {
				return "partial", second
			}
			return "result", nil
		})
		e, ok := errors.AsType[*core.Error](err)
		if got != "" || !ok || e.Attempts != 2 || e.Outcome != tr.outcome {
			t.Errorf("Do = %q, %#v after the last attempt %s, want an error alone, with the outcome %#v", got, e, name, tr.outcome)
		}
	}
}

func TestDoReturnsTheResultOfTheLastAttempt(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: repeat(3)})
	got, err := core.Do(t.Context(), tr.client, search, fail(errUnavailable, errUnavailable))
	if got != "result" || err != nil {
		t.Errorf("Do = %q, %v, want the result", got, err)
	}
}

func TestDoNamesTheOperationInItsError(t *testing.T) {
	tests := []struct {
		name     string
		op       core.Op
		attempts int
		want     string
	}{
		{"with a target", search, 1, "Search docs: unavailable"},
		{"without a target", core.Op{Name: "Ping"}, 1, "Ping: unavailable"},
		{"after several attempts", search, 3, "Search docs: unavailable (after 3 attempts)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTrial(t, trialConfig{stage: repeat(test.attempts)})
			_, err := core.Do(t.Context(), tr.client, test.op, fail(errUnavailable, errUnavailable, errUnavailable))
			if err == nil || err.Error() != test.want {
				t.Errorf("Do = %v, want %s", err, test.want)
			}
			e, ok := errors.AsType[*core.Error](err)
			if !ok {
				t.Fatalf("Do = %T, want *core.Error", err)
			}
			if e.Op != test.op.Name || e.Target != test.op.Target || e.Attempts != test.attempts {
				t.Errorf("Error = %+v, want op %q, target %q, attempts %d", e, test.op.Name, test.op.Target, test.attempts)
			}
			if e.Unwrap() != errUnavailable {
				t.Errorf("Unwrap = %v, want what the work returned, as it is", e.Unwrap())
			}
		})
	}
}

func TestDoCountsARefusedAttempt(t *testing.T) {
	tr := newTrial(t, trialConfig{stage: refuse(1, errRefused)})
	_, err := core.Do(t.Context(), tr.client, search, fail())
	if e, ok := errors.AsType[*core.Error](err); !ok || e.Attempts != 1 || !errors.Is(err, core.ErrRejected) {
		t.Errorf("Do = %#v, want a rejection after 1 attempt", err)
	}
	if tr.source.Leases() != 0 {
		t.Errorf("%d leases, want 0", tr.source.Leases())
	}
}

func TestDoAcquiresForEachAttemptAndReturnsBetween(t *testing.T) {
	var between []int
	tr := newTrial(t, trialConfig{})
	between3 := func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) (err error) {
			for range 3 {
				err = next(ctx, call)
				between = append(between, tr.source.Out())
			}
			return err
		}
	}
	client := newClient(t, core.ClientConfig[string]{Source: &tr.source, Middleware: between3})
	if _, err := core.Do(t.Context(), client, search, fail(errUnavailable, errUnavailable)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(between, []int{0, 0, 0}) || tr.source.Leases() != 3 {
		t.Errorf("leases out between attempts: %d (%d in all), want none (3)", between, tr.source.Leases())
	}
}

func TestDoTellsTheLenderWhatTheClassSays(t *testing.T) {
	broken, failed := errors.New("broken"), errors.New("failed")
	classifier := func(err error) core.Class {
		switch err {
		case broken:
			return core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Broken}
		case failed:
			return core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Keep}
		}
		return backend(err)
	}
	// A reason with core.Keep is a failure of the backend, and not its answer.
	tests := []struct {
		err    error
		want   core.ConnFate
		reason error
	}{
		{nil, core.Keep, nil}, {errStatement, core.Keep, nil}, {errLimited, core.Keep, nil}, {failed, core.Keep, failed},
		{errUnavailable, core.Suspect, errUnavailable}, {broken, core.Broken, broken},
	}
	for _, test := range tests {
		tr := newTrial(t, trialConfig{})
		client := newClient(t, core.ClientConfig[string]{Source: &tr.source, Classifier: classifier})
		_, _ = core.Do(t.Context(), client, search, func(context.Context, string) (string, error) { return "", test.err })
		if !slices.Equal(tr.fates, fates{test.want}) || tr.reasons[0] != test.reason {
			t.Errorf("after %v: Return(%v, %v), want %v and %v", test.err, tr.fates, tr.reasons, test.want, test.reason)
		}
	}
}

func TestALeaseTellsItsLenderHowTheLoanEnded(t *testing.T) {
	tr := newTrial(t, trialConfig{stale: true})
	for _, end := range []func(core.Lease[string]){
		func(l core.Lease[string]) { l.Release() },
		func(l core.Lease[string]) { l.Discard(errUnavailable) },
		func(l core.Lease[string]) {
			if l.Return(core.Suspect, errStatement) {
				t.Error("Return = true, want what the lender says")
			}
		},
	} {
		lease, err := tr.source.Acquire(t.Context())
		if err != nil || lease.Conn() != "conn" {
			t.Fatalf("Acquire = %q, %v, want conn", lease.Conn(), err)
		}
		end(lease)
	}
	if !slices.Equal(tr.fates, fates{core.Keep, core.Broken, core.Suspect}) ||
		!slices.Equal(tr.reasons, []error{nil, errUnavailable, errStatement}) {
		t.Errorf("the lender was told %v, %v", tr.fates, tr.reasons)
	}
}

func TestAResultOfAnEarlierAttemptIsNotReturned(t *testing.T) {
	attempts := 0
	acquire := func(context.Context) error {
		if attempts++; attempts == 2 {
			return errUnavailable
		}
		return nil
	}
	err := during(t, trialConfig{acquire: acquire}, fail(), func(ctx context.Context, call *core.Call, next core.Handler) error {
		if err := next(ctx, call); err != nil {
			t.Error(err)
		}
		call.NextAttempt()
		if err := next(ctx, call); err == nil {
			t.Error("the second attempt got a connection")
		}
		return nil // the stage forgets that
	})
	if err == nil {
		t.Error("Do returned the result of an attempt that was not the last")
	}
}
