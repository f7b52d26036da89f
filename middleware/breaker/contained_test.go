// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// ends are the two ways in which a function may not return.
var ends = map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit}

func TestAListenerThatDoesNotReturnEndsNoOperation(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			everyPolicy(t, func(t *testing.T, newRig rigMaker) {
				var transitions []breaker.State
				r := newRig(t, breaker.Config{OnTransition: func(_ string, _, to breaker.State) {
					transitions = append(transitions, to)
					end()
				}})
				r.open(t)
				r.recover(t)
				for range 3 { // the first makes the breaker half-open, the last closes it
					ran, returned := false, false
					var wg sync.WaitGroup
					wg.Go(func() {
						err := r.do(t.Context(), func(context.Context) error { ran = true; return nil })
						returned = err == nil
					})
					wg.Wait()
					if !ran || !returned {
						t.Errorf("a probe ran %v and returned %v, want both", ran, returned)
					}
				}
				r.ForceOpen()
				if want := []breaker.State{breaker.Open, breaker.HalfOpen, breaker.Closed, breaker.ForcedOpen}; !slices.Equal(transitions, want) {
					t.Errorf("transitions %v, want %v", transitions, want)
				}
				s := r.Snapshot()
				if s.Current.HalfOpenRequests != 0 || s.Counters.ListenerPanics != 4 {
					t.Errorf("the snapshot is %+v, want no probe and 4 panics", s)
				}
				events := r.recorder.Events(core.EventPanic)
				if len(events) != 4 {
					t.Fatalf("the observer was told of %d panics, want 4", len(events))
				}
				for _, e := range events {
					if e.Name != "OnTransition" || core.ErrorType(e.Err) != "panic" || !strings.Contains(e.Err.Error(), "OnTransition") {
						t.Errorf("observed %+v, want a panic of OnTransition", e)
					}
				}
			})
		})
	}
}

func TestAListenerThatDoesNotReturnStopsNoSlowCall(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, breaker.Config{SlowCallRate: 1, SlowCallThreshold: 2 * time.Second, SlowCallWindow: 2,
					OnTransition: func(string, breaker.State, breaker.State) { end() }})
				wake := r.hang(t, 2, nil)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				r.is(t, breaker.Open)
				wake()
				free(t, r)
			})
		})
	}
}

// exiting is an observer that ends the goroutine that tells it of a transition.
type exiting struct {
	coretest.Recorder
	to string
}

func (o *exiting) Event(ctx context.Context, e core.Event) {
	o.Recorder.Event(ctx, e)
	if e.Kind == core.EventTransition && e.To == o.to {
		runtime.Goexit()
	}
}

func TestAnObserverThatEndsTheGoroutineHoldsNoPlaceAndSilencesNoListener(t *testing.T) {
	for _, to := range []string{"half_open", "closed", "open"} {
		t.Run(to, func(t *testing.T) {
			everyPolicy(t, func(t *testing.T, newRig rigMaker) {
				var mu sync.Mutex
				var told []string
				r := newRig(t, breaker.Config{MaxHalfOpenRequests: 1, HalfOpenSuccesses: 1, OnTransition: func(_ string, _, to breaker.State) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, to.String())
				}})
				observer := &exiting{to: to}
				client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: r.Breaker.Middleware, Observer: observer})
				if err != nil {
					t.Fatal(err)
				}
				run := func(result error) {
					var wg sync.WaitGroup
					wg.Go(func() {
						_, _ = core.Do(t.Context(), client, core.Op{Name: "op"}, func(context.Context, int) (int, error) { return 0, result })
					})
					wg.Wait()
				}
				for range 100 {
					if r.State() == breaker.Open {
						break
					}
					run(errDown)
				}
				r.recover(t)
				for range 3 {
					run(nil)
				}
				r.is(t, breaker.Closed)
				if got := r.Snapshot().Current.HalfOpenRequests; got != 0 {
					t.Errorf("%d places taken, want 0", got)
				}
				if want := []string{"open", "half_open", "closed"}; !slices.Equal(told, want) {
					t.Errorf("the listener was told of %q, want %q", told, want)
				}
			})
		})
	}
}

func TestAnObserverThatEndsTheTimersGoroutineSilencesNoListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan breaker.State, 1)
		b, err := breaker.New(breaker.Config{SlowCallRate: 1, SlowCallThreshold: 2 * time.Second, SlowCallWindow: 1,
			OnTransition: func(_ string, _, to breaker.State) { told <- to }})
		if err != nil {
			t.Fatal(err)
		}
		client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: b.Middleware, Observer: &exiting{to: "open"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.Do(t.Context(), client, core.Op{Name: "op"}, func(context.Context, int) (int, error) {
			time.Sleep(3 * time.Second)
			return 0, errDown
		})
		if !errors.Is(err, errDown) || b.State() != breaker.Open {
			t.Errorf("Do = %v, breaker %v, want the error of the work and open", err, b.State())
		}
		select {
		case to := <-told:
			if to != breaker.Open {
				t.Errorf("the listener was told of %v, want open", to)
			}
		default:
			t.Error("the listener was not told")
		}
	})
}
