// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/middleware/breaker"
)

func TestTransitionsAreToldToTheListenerAndTheObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transitions []string
		r := newRig(t, breaker.Config{Name: "milvus", OnTransition: func(name string, from, to breaker.State) {
			transitions = append(transitions, name+" "+from.String()+">"+to.String())
		}})
		r.open(t)
		r.recover(t)
		r.end(t, 1, errDown)
		r.recover(t)
		r.end(t, 3, nil)
		want := []string{"milvus closed>open", "milvus open>half_open", "milvus half_open>open", "milvus open>half_open", "milvus half_open>closed"}
		if !slices.Equal(transitions, want) {
			t.Errorf("transitions %q, want %q", transitions, want)
		}
		var seen []string
		for _, e := range r.recorder.Events(core.EventTransition) {
			seen = append(seen, e.Name+" "+e.From+">"+e.To)
			if opened := e.To == "open"; errors.Is(e.Err, errDown) != opened {
				t.Errorf("transition %s>%s because of %v", e.From, e.To, e.Err)
			}
			if e.Op.Name != "op" {
				t.Errorf("transition %s>%s of operation %q", e.From, e.To, e.Op.Name)
			}
		}
		if !slices.Equal(seen, want) {
			t.Errorf("observed %q, want %q", seen, want)
		}
		if got := r.Snapshot().Counters.StateChangeCount; got != uint64(len(want)) {
			t.Errorf("%d transitions counted, want %d", got, len(want))
		}
	})
}

func TestARefusalPointsAtTheOperationThatOpenedTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{FailureThreshold: 2, MaxHalfOpenRequests: 1})
		r.end(t, 3, nil)
		r.end(t, 2, errDown) // operations 4 and 5
		time.Sleep(10 * time.Second)
		_ = r.do(t.Context(), func(context.Context) error { return nil })
		rejects := r.recorder.Events(core.EventReject)
		if len(rejects) != 1 {
			t.Fatalf("%d refusals observed, want 1", len(rejects))
		}
		if e := rejects[0]; e.Ref != 5 || e.Delay != 20*time.Second || e.Name != "breaker" || e.From != "open" || !errors.Is(e.Err, breaker.ErrOpen) {
			t.Errorf("observed %+v, want operation 5 as the cause and 20 s to go", e)
		}
		r.recover(t)
		_ = r.do(t.Context(), func(context.Context) error { // operation 7 is a probe, 8 is refused meanwhile
			_ = r.do(t.Context(), func(context.Context) error { return nil })
			return errDown
		})
		if e := r.recorder.Events(core.EventReject)[1]; e.Ref != 5 || e.From != "half_open" || e.Delay != time.Second || !errors.Is(e.Err, breaker.ErrProbeLimit) {
			t.Errorf("observed %+v, want the probe limit, and operation 5 as the cause", e)
		}
		_ = r.do(t.Context(), func(context.Context) error { return nil })
		if e := r.recorder.Events(core.EventReject)[2]; e.Ref != 7 {
			t.Errorf("observed %+v, want operation 7, the probe, as the cause", e)
		}
		r.recover(t)
	})
}

func TestTheListenerMayCallTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		var transitions []breaker.State
		r = newRig(t, breaker.Config{OnTransition: func(_ string, _, to breaker.State) {
			transitions = append(transitions, to)
			if r.State() != to || r.Snapshot().State != to.String() {
				t.Errorf("told of %v, but it is %v", to, r.State())
			}
			if to == breaker.Open {
				r.Reset()
			}
			_ = r.do(t.Context(), func(context.Context) error { return nil })
		}})
		r.end(t, 5, errDown)
		r.is(t, breaker.Closed)
		if want := []breaker.State{breaker.Open, breaker.Closed}; !slices.Equal(transitions, want) {
			t.Errorf("transitions %v, want %v", transitions, want)
		}
		time.Sleep(30 * time.Second)
	})
}

func TestATransitionSaysWhy(t *testing.T) {
	t.Run("counting attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, breaker.Config{CountAttempts: true})
			r.open(t)
			e := r.recorder.Events(core.EventTransition)[0]
			if e.Err == nil || core.ErrorType(e.Err) != errtype.Other {
				t.Errorf("opened because of %v, want the class of the attempt", e.Err)
			}
			if because := r.Snapshot().Timing.OpenedBecause; because == "" {
				t.Error("opened for no reason")
			}
			r.recover(t)
		})
	})
	t.Run("an error that counts as a success closes it, and is not why", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, breaker.Config{HalfOpenSuccesses: 1})
			r.halfOpen(t)
			r.end(t, 1, errStatement)
			transitions := r.recorder.Events(core.EventTransition)
			if e := transitions[len(transitions)-1]; e.To != "closed" || e.Err != nil {
				t.Errorf("transition to %s because of %v, want closed, and no error", e.To, e.Err)
			}
		})
	})
}

func TestAForbiddenAttemptIsToldUntilWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := make(chan error, 2)
		r := newRig(t, breaker.Config{FailureThreshold: 1}, func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				time.Sleep(10 * time.Second)
				errs <- call.BeforeAttempt()
				return next(ctx, call)
			}
		})
		var wg sync.WaitGroup
		for n := range 2 { // the first opens the breaker, a second before the other asks
			wg.Go(func() {
				time.Sleep(time.Duration(n) * time.Second)
				_ = r.do(t.Context(), func(context.Context) error { return errDown })
			})
		}
		wg.Wait()
		if err := <-errs; err != nil {
			t.Errorf("BeforeAttempt = %v while it was closed", err)
		}
		err := <-errs
		open, ok := errors.AsType[*breaker.OpenError](err)
		if !ok || open.State != breaker.Open || open.RetryAfter != 29*time.Second {
			t.Errorf("BeforeAttempt = %v, want 29 s to go", err)
		}
		r.recover(t)
	})
}

func TestNoTransitionIsLostOrBlamedOnAnotherOperation(t *testing.T) {
	var transitions atomic.Uint64
	r := newRig(t, breaker.Config{
		FailureThreshold: 1, RecoveryTimeout: time.Nanosecond, HalfOpenSuccesses: 1, MaxHalfOpenRequests: 8,
		OnTransition: func(_ string, from, to breaker.State) {
			transitions.Add(1)
			if from == breaker.Closed && to == breaker.HalfOpen || from == breaker.Open && to == breaker.Closed {
				t.Errorf("transition from %v to %v at once", from, to)
			}
		},
	})
	// In rounds, because a queue of more than 1,000 transitions tells several as one.
	// An operation makes two at most.
	for range 30 {
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for n := range 60 {
					_ = r.do(t.Context(), func(context.Context) error { return []error{nil, errDown}[(n+w)%2] })
				}
			})
		}
		wg.Wait()
		for counted := r.Snapshot().Counters.StateChangeCount; transitions.Load() < counted; {
			runtime.Gosched() // a goroutine delivers the last transitions
		}
	}
	for _, e := range r.recorder.Events(core.EventTransition) {
		if opened := e.To == "open"; errors.Is(e.Err, errDown) != opened {
			t.Fatalf("transition from %s to %s because of %v", e.From, e.To, e.Err)
		}
	}
	if got, counted := transitions.Load(), r.Snapshot().Counters.StateChangeCount; got != counted || got < 3 {
		t.Errorf("%d transitions counted, %d told", counted, got)
	}
}
