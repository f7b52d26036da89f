// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
)

func TestFailuresInARowOpenIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 3})
		for range 10 {
			r.end(t, 2, errDown)
			r.end(t, 1, nil)
		}
		r.end(t, 2, errDown)
		r.end(t, 1, errStatement) // an answer, so a success
		r.end(t, 2, errDown)
		r.end(t, 10, errLimited) // neutral: does not end the row
		r.is(t, breaker.Closed)
		r.end(t, 1, errDown)
		r.is(t, breaker.Open)
		r.recover(t)
	})
}

func TestASuccessOfLongAgoDoesNotKeepOldFailuresApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 3, RecoveryTimeout: time.Second})
		for range 3 { // failures in a row do not expire
			time.Sleep(time.Hour)
			r.end(t, 1, errDown)
		}
		r.is(t, breaker.Open)
		r.recover(t)
	})
}

func TestAnOpenBreakerRefusesAndSaysUntilWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{Name: "milvus"})
		r.open(t)
		time.Sleep(10 * time.Second)
		err := r.do(t.Context(), func(context.Context) error { t.Error("called"); return nil })
		open, ok := errors.AsType[*breaker.OpenError](err)
		if !ok || open.Name != "milvus" || open.State != breaker.Open || open.RetryAfter != 20*time.Second {
			t.Errorf("Do = %#v, want 20 s to go", err)
		}
		for _, target := range []error{breaker.ErrOpen, core.ErrRejected, core.ErrUnavailable, core.ErrConnection} {
			if !errors.Is(err, target) {
				t.Errorf("Do = %v, want %v in it", err, target)
			}
		}
		if errors.Is(err, breaker.ErrProbeLimit) || core.ErrorType(err) != "circuit_open" {
			t.Errorf("Do = %v, a probe limit or of type %q", err, core.ErrorType(err))
		}
		if want := `circuit breaker "milvus" is open for another 20s, opened 10s ago by down`; open.Error() != want {
			t.Errorf("the text is %q, want %q", open, want)
		}
		time.Sleep(20*time.Second - 1)
		r.is(t, breaker.Open)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		r.is(t, breaker.HalfOpen) // without an operation
	})
}

func TestItClosesAfterEnoughProbesSucceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{HalfOpenSuccesses: 3})
		r.halfOpen(t)
		r.end(t, 2, nil)
		r.end(t, 5, errLimited)
		r.is(t, breaker.HalfOpen)
		r.end(t, 1, errStatement)
		r.is(t, breaker.Closed)
		r.end(t, 4, errDown) // the row starts from zero
		r.is(t, breaker.Closed)
		r.end(t, 1, errDown)
		r.is(t, breaker.Open)
		r.recover(t)
		r.end(t, 2, nil)
		r.end(t, 1, errDown)
		r.is(t, breaker.Open)
		r.recover(t)
		r.end(t, 2, nil) // successes of an earlier half-open period do not count
		r.is(t, breaker.HalfOpen)
	})
}

func TestResetCloses(t *testing.T) {
	for _, from := range []breaker.State{breaker.Closed, breaker.Open, breaker.HalfOpen} {
		synctest.Test(t, func(t *testing.T) {
			var transitions []breaker.State
			r := newRig(t, breaker.Config{OnTransition: func(_ string, _, to breaker.State) { transitions = append(transitions, to) }})
			switch from {
			case breaker.Closed:
				r.end(t, 4, errDown)
			case breaker.Open:
				r.open(t)
			default:
				r.halfOpen(t)
				r.end(t, 1, nil)
			}
			n := len(transitions)
			r.Reset()
			r.is(t, breaker.Closed)
			if c := r.Snapshot().Counters; c.FailureCount != 0 || c.SuccessCount != 0 || c.TotalFailures == 0 {
				t.Errorf("from %v: counters %+v, want no row, and the totals", from, c)
			}
			if from != breaker.Closed && (len(transitions) != n+1 || transitions[n] != breaker.Closed) {
				t.Errorf("from %v: transitions %v, want one to closed", from, transitions[n:])
			}
			r.end(t, 4, errDown)
			r.is(t, breaker.Closed)
			r.Reset()
			r.Reset()
			time.Sleep(2 * r.timeout()) // the timer of the earlier opening
			r.is(t, breaker.Closed)
		})
	}
}

func TestWhatWasAdmittedBeforeAResetCausesNoTransition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 1})
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = r.do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return errDown })
		})
		synctest.Wait()
		r.Reset()
		wg.Wait()
		r.is(t, breaker.Closed)
		if got := r.Snapshot().Counters.TotalFailures; got != 1 {
			t.Errorf("%d failures in all, want 1", got)
		}
	})
}

func TestAnUnfairRunIsNeutral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FairRun: 2 * time.Second})
		for _, row := range []struct {
			deadline          time.Duration
			failures, neutral uint64
		}{{2*time.Second - 1, 0, 1}, {2 * time.Second, 1, 1}} {
			ctx, cancel := context.WithTimeout(t.Context(), row.deadline)
			_ = r.do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			cancel()
			if c := r.Snapshot().Counters; c.TotalFailures != row.failures || c.TotalNeutral != row.neutral {
				t.Errorf("deadline %v: counters %+v, want %d failures, %d neutral", row.deadline, c, row.failures, row.neutral)
			}
		}
	})
}

func TestStateChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transitions := 0
		r := newRig(t, breaker.Config{OnTransition: func(string, breaker.State, breaker.State) { transitions++ }})
		read := func(want breaker.State) {
			before := r.Snapshot()
			n := transitions
			for range 1_000_000 {
				r.is(t, want)
			}
			if after := r.Snapshot(); after != before || transitions != n {
				t.Errorf("reading it changed it from %+v to %+v", before, after)
			}
		}
		read(breaker.Closed)
		r.open(t)
		read(breaker.Open)
		r.recover(t)
		read(breaker.HalfOpen)
		if allocs := testing.AllocsPerRun(100, func() { r.State() }); allocs != 0 {
			t.Errorf("State allocates %v times", allocs)
		}
	})
}

// FairRun is about the deadline of the operation alone.
func TestAnAttemptTimeoutIsAFailureHoweverShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FairRun: time.Minute}, func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				ctx, cancel := context.WithTimeoutCause(ctx, time.Second, &core.TimeoutError{Limit: time.Second})
				defer cancel()
				return next(ctx, call)
			}
		})
		for range 5 {
			r.is(t, breaker.Closed)
			_ = r.do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		}
		r.is(t, breaker.Open)
		r.recover(t)
	})
}

func TestASiblingHasItsOwnNameAndState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newRig(t, breaker.Config{Name: "milvus", FailureThreshold: 2, OnTransition: func(name string, _, to breaker.State) {
			told = append(told, name+" "+to.String())
		}})
		sibling := r.Sibling("milvus 2")
		r.open(t)
		if sibling.State() != breaker.Closed {
			t.Errorf("the sibling is %v, want closed", sibling.State())
		}
		s := sibling.Snapshot()
		if s.Name != "milvus 2" || s.Configuration != r.Snapshot().Configuration || s.Counters.TotalRequests != 0 {
			t.Errorf("the sibling is %+v, want a new one with the same configuration", s)
		}
		sibling.ForceOpen()
		if want := []string{"milvus open", "milvus 2 forced_open"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		events := r.recorder.Events(core.EventTransition)
		if len(events) != 2 || events[1].Name != "milvus" {
			t.Errorf("observed %+v, want two under one name", events)
		}
		r.recover(t)
	})
}
