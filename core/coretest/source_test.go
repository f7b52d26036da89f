// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

func TestTheSourceLendsAndCounts(t *testing.T) {
	refusal := errors.New("no")
	var refuse bool
	var returned []core.ConnFate
	s := &coretest.Source[string]{
		Conn: "conn",
		OnAcquire: func(context.Context) error {
			if refuse {
				return refusal
			}
			return nil
		},
		OnReturn: func(fate core.ConnFate, _ error) bool {
			returned = append(returned, fate)
			return false
		},
	}
	lease, err := s.Acquire(t.Context())
	if err != nil || lease.Conn() != "conn" || s.Out() != 1 || s.Leases() != 1 {
		t.Errorf("Acquire = %q, %v (%d out, %d leases), want conn, 1 out, 1 lease", lease.Conn(), err, s.Out(), s.Leases())
	}
	if lease.Return(core.Broken, refusal) || s.Out() != 0 || !slices.Equal(returned, []core.ConnFate{core.Broken}) {
		t.Errorf("%d out, returned %v, want none out and Broken", s.Out(), returned)
	}
	refuse = true
	if _, err := s.Acquire(t.Context()); err != refusal || s.Out() != 0 || s.Leases() != 1 {
		t.Errorf("Acquire = %v (%d out, %d leases), want the refusal and no lease", err, s.Out(), s.Leases())
	}
	if !(&coretest.Source[string]{}).Return(0, core.Keep, nil) {
		t.Error("Return = false without OnReturn, want news")
	}
}

func TestExhaustedSaysItselfWhatItMeans(t *testing.T) {
	client, err := core.NewClient(core.ClientConfig[string]{Source: &coretest.Source[string]{
		OnAcquire: func(ctx context.Context) error {
			<-ctx.Done()
			return coretest.Exhausted{Cause: ctx.Err()}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err = core.Do(ctx, client, core.Op{Name: "Search"}, func(context.Context, string) (int, error) { return 0, nil })
	if want := "Search: pool exhausted: context deadline exceeded"; err == nil || err.Error() != want {
		t.Errorf("Do = %v, want %s", err, want)
	}
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Outcome.Class != (coretest.Exhausted{}).Class() || e.Outcome.Judged {
		t.Errorf("Outcome = %#v, want the class of Exhausted, not judged", e)
	}
	if core.ErrorType(err) != "pool_timeout" || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, coretest.Exhausted{Cause: context.DeadlineExceeded}) {
		t.Errorf("Do = %v (%s), want pool_timeout around its cause", err, core.ErrorType(err))
	}
	if got := (coretest.Exhausted{}).Error(); got != "pool exhausted" {
		t.Errorf("Error = %q, want pool exhausted", got)
	}
}

func TestOneProcessorIsForOneTestOnly(t *testing.T) {
	const before = 3
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(before))
	t.Run("inside", func(t *testing.T) {
		coretest.OneProcessor(t)
		if n := runtime.GOMAXPROCS(0); n != 1 {
			t.Errorf("%d processors, want 1", n)
		}
	})
	if after := runtime.GOMAXPROCS(0); after != before {
		t.Errorf("%d processors after the test, want %d as before", after, before)
	}
}
