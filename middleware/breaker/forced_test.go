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

func TestAForcedOpenBreakerRefusesUntilItIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{Name: "milvus"})
		r.ForceOpen()
		r.is(t, breaker.ForcedOpen)
		time.Sleep(24 * time.Hour)
		err := r.do(t.Context(), func(context.Context) error { t.Error("called"); return nil })
		open, ok := errors.AsType[*breaker.OpenError](err)
		if !ok || open.State != breaker.ForcedOpen || open.RetryAfter != 30*time.Second || !errors.Is(err, breaker.ErrOpen) || errors.Is(err, breaker.ErrProbeLimit) {
			t.Errorf("Do = %#v, want a refusal, and an estimate", err)
		}
		if want := `circuit breaker "milvus" was forced open by hand 24h0m0s ago`; open.Error() != want {
			t.Errorf("the text is %q, want %q", open, want)
		}
		if e := r.recorder.Events(core.EventReject)[0]; e.From != "forced_open" || e.Delay != 30*time.Second || e.Ref != nil {
			t.Errorf("observed %+v, want no operation as the cause", e)
		}
		s := r.Snapshot()
		if s.State != "forced_open" || s.Timing.RetryAfter != 0 || s.Timing.OpenedBecause != "forced open" || s.Counters.TotalFastFailures != 1 {
			t.Errorf("the snapshot is %+v", s)
		}
		r.Reset()
		r.end(t, 1, nil)
		r.is(t, breaker.Closed)
	})
}

func TestForcingItOpenStopsWhatHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waited := func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				time.Sleep(time.Second)
				if err := call.BeforeAttempt(); !errors.Is(err, breaker.ErrOpen) {
					t.Errorf("BeforeAttempt = %v, want ErrOpen", err)
				}
				return next(ctx, call)
			}
		}
		for _, attempts := range []bool{false, true} {
			r := newRig(t, breaker.Config{CountAttempts: attempts}, waited)
			var wg sync.WaitGroup
			wg.Go(func() {
				err := r.do(t.Context(), func(context.Context) error { t.Error("called"); return nil })
				if !errors.Is(err, breaker.ErrOpen) {
					t.Errorf("Do = %v, want ErrOpen", err)
				}
			})
			synctest.Wait()
			r.ForceOpen()
			wg.Wait()
			if c := r.Snapshot().Counters; c.TotalRequests != 1 || c.TotalFastFailures != 1 {
				t.Errorf("CountAttempts %v: counters %+v, want one refusal", attempts, c)
			}
		}
	})
}

func TestNothingOpensABreakerThatIsForcedClosedOrDisabled(t *testing.T) {
	for state, force := range map[breaker.State]func(*breaker.Breaker){
		breaker.ForcedClosed: (*breaker.Breaker).ForceClose,
		breaker.Disabled:     (*breaker.Breaker).Disable,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, breaker.Config{
				FailureThreshold: 2, FailureRate: 0.1, FailureWindow: 10, SlowCallRate: 0.1, SlowCallThreshold: time.Second, SlowCallWindow: 10,
			})
			r.end(t, 1, errDown)
			force(r.Breaker)
			r.is(t, state)
			r.end(t, 50, errDown)
			for range 20 {
				r.run(t, 10*time.Second, nil)
			}
			r.end(t, 5, errDown)
			r.is(t, state)
			s := r.Snapshot()
			if s.State != state.String() || s.Counters.TotalFailures != 56 || s.Counters.TotalSuccesses != 20 {
				t.Errorf("the snapshot is %+v, want %v, and totals that went on", s, state)
			}
			// Only a disabled breaker goes on counting what would open it.
			shown := s.Counters.FailureCount == 5 && s.Current.WindowFailures == 5 && s.Current.WindowCalls == 10 && s.Current.WindowSlow == 5
			hidden := s.Counters.FailureCount == 0 && s.Current.WindowFailures == 0 && s.Current.WindowCalls == 0 && s.Current.WindowSlow == 0
			if state == breaker.Disabled && !shown || state == breaker.ForcedClosed && !hidden {
				t.Errorf("%v: counters %+v and windows %+v", state, s.Counters, s.Current)
			}
			r.Reset()
			r.is(t, breaker.Closed)
			if c := r.Snapshot().Counters.FailureCount; c != 0 {
				t.Errorf("after %v it begins with %d failures in a row, want 0", state, c)
			}
			r.end(t, 1, errDown)
			r.is(t, breaker.Closed)
			r.end(t, 1, errDown)
			r.is(t, breaker.Open)
			r.recover(t)
		})
	}
}

func TestStatesAreSetFromEveryState(t *testing.T) {
	set := map[breaker.State]func(*breaker.Breaker){
		breaker.Closed:       (*breaker.Breaker).Reset,
		breaker.ForcedOpen:   (*breaker.Breaker).ForceOpen,
		breaker.ForcedClosed: (*breaker.Breaker).ForceClose,
		breaker.Disabled:     (*breaker.Breaker).Disable,
	}
	for _, from := range []breaker.State{
		breaker.Closed, breaker.Open, breaker.HalfOpen, breaker.ForcedOpen, breaker.ForcedClosed, breaker.Disabled,
	} {
		for to := range set {
			synctest.Test(t, func(t *testing.T) {
				var told [][2]breaker.State
				r := newRig(t, breaker.Config{OnTransition: func(_ string, from, to breaker.State) { told = append(told, [2]breaker.State{from, to}) }})
				r.end(t, 1, nil) // so that the breaker knows the observer
				switch from {
				case breaker.Open:
					r.open(t)
				case breaker.HalfOpen:
					r.halfOpen(t)
					r.end(t, 1, nil)
				default:
					set[from](r.Breaker)
				}
				told = nil
				observed := len(r.recorder.Events(core.EventTransition))
				transitions := r.Snapshot().Counters.StateChangeCount
				for range 2 {
					set[to](r.Breaker)
				}
				r.is(t, to)
				var want [][2]breaker.State
				if from != to {
					want = [][2]breaker.State{{from, to}}
				}
				if !slices.Equal(told, want) {
					t.Errorf("from %v to %v: told %v, want %v", from, to, told, want)
				}
				events := r.recorder.Events(core.EventTransition)[observed:]
				if len(events) != len(want) || len(want) == 1 && (events[0].From != from.String() || events[0].To != to.String() || events[0].Name != "breaker") {
					t.Errorf("from %v to %v: observed %+v, want %v", from, to, events, want)
				}
				if n := r.Snapshot().Counters.StateChangeCount - transitions; n != uint64(len(want)) {
					t.Errorf("from %v to %v: %d transitions counted, want %d", from, to, n, len(want))
				}
				time.Sleep(2 * r.timeout()) // the timer of an earlier opening
				r.is(t, to)
			})
		}
	}
}

func TestAProbeThatWaitedForItsConnectionPassesAClosedBreaker(t *testing.T) {
	for _, set := range []func(*breaker.Breaker){(*breaker.Breaker).Reset, (*breaker.Breaker).ForceClose, (*breaker.Breaker).Disable} {
		synctest.Test(t, func(t *testing.T) {
			wait := time.Duration(0)
			r := newRig(t, breaker.Config{}, func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error { time.Sleep(wait); return next(ctx, call) }
			})
			r.halfOpen(t)
			wait = time.Second
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := r.do(t.Context(), func(context.Context) error { return errDown }); !errors.Is(err, errDown) {
					t.Errorf("Do = %v, want what the work returns", err)
				}
			})
			synctest.Wait()
			set(r.Breaker)
			state := r.State()
			wg.Wait()
			r.is(t, state)
			if got := r.Snapshot().Counters.FailureCount; got != 0 {
				t.Errorf("%d failures in a row, want 0: it was of an earlier state", got)
			}
		})
	}
}

func TestSettingStatesWhileOperationsRun(t *testing.T) {
	r := newRig(t, breaker.Config{FailureThreshold: 1, RecoveryTimeout: time.Nanosecond, SlowCallRate: 1, SlowCallThreshold: time.Nanosecond, SlowCallWindow: 3})
	const workers, each = 6, 2000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range each {
				_ = r.do(t.Context(), func(context.Context) error { return []error{nil, errDown}[(n+w)%2] })
			}
		})
	}
	wg.Go(func() {
		for range 500 {
			r.ForceOpen()
			r.ForceClose()
			r.Disable()
			r.Reset()
		}
	})
	wg.Wait()
	if s := r.Snapshot(); s.Counters.TotalRequests != workers*each || s.Current.HalfOpenRequests != 0 {
		t.Errorf("the snapshot is %+v, want %d requests and no probe", s, workers*each)
	}
}
