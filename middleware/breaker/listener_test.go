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
	"github.com/penstock-go/penstock/middleware/breaker"
)

func TestAListenerThatBlocksHoldsUpOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const held = time.Hour
		var returned atomic.Int64
		var transitions []string
		r := newRig(t, breaker.Config{FailureThreshold: 1, HalfOpenSuccesses: 1, OnTransition: func(_ string, from, to breaker.State) {
			if len(transitions) == 0 {
				time.Sleep(held)
			}
			transitions = append(transitions, from.String()+">"+to.String())
			returned.Add(1)
		}})
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			r.end(t, 1, errDown)
			if took := time.Since(start); took != held {
				t.Errorf("the call that opened it took %v, want %v", took, held)
			}
		})
		synctest.Wait()
		at := time.Now()
		if err := r.do(t.Context(), func(context.Context) error { return nil }); !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("Do = %v, want ErrOpen", err)
		}
		r.is(t, breaker.Open)
		_ = r.Snapshot()
		if took := time.Since(at); took != 0 {
			t.Errorf("the others were held up for %v", took)
		}
		r.recover(t)
		at = time.Now()
		r.end(t, 1, nil) // half-open, then closed
		r.ForceOpen()
		r.Reset()
		r.end(t, 1, errDown)
		if took := time.Since(at); took != 0 || returned.Load() != 0 {
			t.Errorf("the calls that made them took %v, and %d transitions were told", took, returned.Load())
		}
		wg.Wait()
		synctest.Wait()
		want := []string{"closed>open", "open>half_open", "half_open>closed", "closed>forced_open", "forced_open>closed", "closed>open"}
		if !slices.Equal(transitions, want) {
			t.Errorf("transitions %q, want %q", transitions, want)
		}
		r.recover(t)
	})
}

func TestAListenerThatIsTooSlowForTheTransitionsDoesNotKeepTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := newRig(t, breaker.Config{OnTransition: func(string, breaker.State, breaker.State) {
			time.Sleep(time.Minute)
			n++
		}})
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			r.ForceOpen()
			if took := time.Since(start); took > 3*time.Minute { // its own transition, and the two queued meanwhile
				t.Errorf("the call that made the first transition was held up for %v", took)
			}
		})
		time.Sleep(time.Second)
		for range 100 {
			r.Reset()
			time.Sleep(30 * time.Second)
			r.ForceOpen()
			time.Sleep(30 * time.Second)
		}
		wg.Wait()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if want := int(r.Snapshot().Counters.StateChangeCount); n != want {
			t.Errorf("%d transitions told, want %d", n, want)
		}
	})
}

func TestTransitionsAreToldInOrderAndOneAtATime(t *testing.T) {
	var now, n atomic.Int64
	last := breaker.Closed
	r := newRig(t, breaker.Config{
		FailureThreshold: 1, RecoveryTimeout: time.Nanosecond, HalfOpenSuccesses: 1,
		OnTransition: func(_ string, from, to breaker.State) {
			if now.Add(1) != 1 {
				t.Error("told of two transitions at once")
			}
			if from != last || from == to {
				t.Errorf("told of %v > %v after a transition to %v", from, to, last)
			}
			last = to
			runtime.Gosched()
			n.Add(1)
			now.Add(-1)
		},
	})
	// In rounds, because a queue of more than 1,000 transitions tells several as one.
	// An operation makes two at most, and so does setting the state.
	for range 12 {
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for n := range 40 {
					_ = r.do(t.Context(), func(context.Context) error { return []error{nil, errDown}[(n+w)%2] })
					switch {
					case w == 0 && n%10 == 0:
						r.ForceOpen()
					case w == 0 && n%10 == 5, w == 1 && n%7 == 0:
						r.Reset()
					}
				}
			})
		}
		wg.Wait()
		for want := int64(r.Snapshot().Counters.StateChangeCount); n.Load() != want; {
			runtime.Gosched() // a goroutine delivers the last transitions
		}
	}
}

func TestAListenerThatSetsTheStateIsToldOfThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		var mu sync.Mutex
		var transitions []breaker.State
		r = newRig(t, breaker.Config{FailureThreshold: 1, OnTransition: func(_ string, _, to breaker.State) {
			mu.Lock()
			defer mu.Unlock()
			transitions = append(transitions, to)
			switch {
			case len(transitions) > 9: // it could go on for ever without delaying a call
			case to == breaker.Open:
				r.ForceClose()
			case to == breaker.ForcedClosed:
				r.Disable()
			default:
				r.ForceClose()
			}
		}})
		r.end(t, 1, errDown)
		mu.Lock()
		if len(transitions) < 2 || transitions[1] != breaker.ForcedClosed {
			t.Errorf("transitions %v, want the one and what it led to", transitions)
		}
		mu.Unlock()
		synctest.Wait()
		if len(transitions) != 10 || r.State() != transitions[9] {
			t.Errorf("transitions %v, breaker %v; want 10, the last to that", transitions, r.State())
		}
		time.Sleep(r.timeout())
	})
}

func TestAListenerThatPanicsIsContained(t *testing.T) {
	t.Run("of a call", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, breaker.Config{OnTransition: func(string, breaker.State, breaker.State) { panic("listener") }})
			r.open(t)
			r.recover(t)
			r.end(t, 1, errDown) // a probe
			r.is(t, breaker.Open)
			if s := r.Snapshot(); s.Counters.ListenerPanics != 3 || s.Counters.StateChangeCount != 3 {
				t.Errorf("counters %+v, want 3 transitions and as many panics", s.Counters)
			}
			free(t, r)
		})
	})
	t.Run("counting attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, breaker.Config{CountAttempts: true, OnTransition: func(string, breaker.State, breaker.State) { panic("listener") }})
			r.open(t)
			free(t, r)
		})
	})
	t.Run("beside a panic of the work", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, breaker.Config{FailureThreshold: 1, OnTransition: func(string, breaker.State, breaker.State) { panic("listener") }})
			defer func() {
				if v := recover(); v != "work" {
					t.Errorf("recovered %v, want the panic of the work", v)
				}
				r.is(t, breaker.Open)
				free(t, r)
			}()
			_ = r.do(t.Context(), func(context.Context) error { panic("work") })
		})
	})
	t.Run("of a call that hangs", func(t *testing.T) { // the listener is called on the goroutine of the timer
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, breaker.Config{SlowCallRate: 1, SlowCallThreshold: 2 * time.Second, SlowCallWindow: 2, OnTransition: func(string, breaker.State, breaker.State) { panic("listener") }})
			wake := r.hang(t, 2, nil)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			r.is(t, breaker.Open)
			wake()
			free(t, r)
		})
	})
	t.Run("by hand", func(t *testing.T) {
		r := newRig(t, breaker.Config{OnTransition: func(string, breaker.State, breaker.State) { panic("listener") }})
		r.ForceOpen()
		r.Reset()
		r.end(t, 1, nil)
	})
}

func TestAListenerThatNeverReturnsCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		told := []breaker.State{breaker.Closed}
		r := newRig(t, breaker.Config{OnTransition: func(_ string, from, to breaker.State) {
			<-wake
			if from != told[len(told)-1] || from == to {
				t.Errorf("told of %v > %v after a transition to %v", from, to, told[len(told)-1])
			}
			told = append(told, to)
		}})
		go r.ForceOpen()
		synctest.Wait()
		for range 50_000 {
			r.Reset()
			r.ForceOpen()
		}
		close(wake)
		synctest.Wait()
		if n := len(told); n > 2000 || told[n-1] != breaker.ForcedOpen {
			t.Errorf("told of %d transitions, the last to %v; want few, and the present state", n, told[n-1])
		}
	})
}

func TestAClassifierThatPanicsGivesBackItsPlace(t *testing.T) {
	errOdd := errors.New("odd")
	classifier := func(err error) core.Class {
		if errors.Is(err, errOdd) {
			panic("classifier")
		}
		return classify(err)
	}
	for _, row := range []struct {
		name  string
		inner core.Middleware // where the error comes from; nil is the work
		want  breaker.State
	}{
		{"of an attempt", nil, breaker.Open}, // like a panic of the work
		{"of a stage that did not call next", func(core.Handler) core.Handler {
			return func(context.Context, *core.Call) error { return errOdd }
		}, breaker.HalfOpen},
	} {
		for _, attempts := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					odd := false
					r := newRigOf(t, classifier, breaker.Config{CountAttempts: attempts, SlowCallRate: 1}, func(next core.Handler) core.Handler {
						inner := next
						if row.inner != nil {
							inner = row.inner(next)
						}
						return func(ctx context.Context, call *core.Call) error {
							if odd {
								return inner(ctx, call)
							}
							return next(ctx, call)
						}
					})
					r.halfOpen(t)
					before := r.Snapshot().Counters.TotalRequests
					odd = true
					func() {
						defer func() {
							if v := recover(); v != "classifier" && !(attempts && row.inner != nil) {
								t.Errorf("recovered %v, want the panic of the classifier", v)
							}
						}()
						_ = r.do(t.Context(), func(context.Context) error {
							if row.inner == nil {
								return errOdd
							}
							return nil
						})
					}()
					odd = false
					if s := r.Snapshot(); s.Counters.TotalRequests != before+1 || s.Current.HalfOpenRequests != 0 {
						t.Errorf("CountAttempts %v: the snapshot is %+v, want one request more, and no probe", attempts, s)
					}
					if !attempts {
						r.is(t, row.want)
					}
					if r.State() == breaker.Open {
						r.recover(t)
					}
					r.end(t, 3, nil)
					r.is(t, breaker.Closed)
				})
			})
		}
	}
}
