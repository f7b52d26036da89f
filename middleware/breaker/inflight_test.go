// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// hang starts n operations that end with err when the returned function is
// called, and waits until they are in flight.
func (r *rig) hang(t *testing.T, n int, err error) (wake func()) {
	t.Helper()
	var wg sync.WaitGroup
	woken := make(chan struct{})
	for range n {
		wg.Go(func() {
			_ = r.do(t.Context(), func(context.Context) error { <-woken; return err })
		})
	}
	synctest.Wait()
	return func() {
		close(woken)
		wg.Wait()
	}
}

func TestCallsThatHangOpenItBeforeTheyEnd(t *testing.T) {
	for _, before := range []int{0, 1, 1000} { // operations that were fast
		synctest.Test(t, func(t *testing.T) {
			var opened time.Time
			r := newRig(t, breaker.Config{
				SlowCallRate: 0.5, SlowCallThreshold: 2 * time.Second,
				OnTransition: func(_ string, _, to breaker.State) {
					if to == breaker.Open {
						opened = time.Now()
					}
				},
			})
			r.end(t, before, nil)
			start, goroutines := time.Now(), runtime.NumGoroutine()
			wake := r.hang(t, 20, nil)
			if got := runtime.NumGoroutine() - goroutines; got > 20 {
				t.Errorf("%d goroutines more for 20 callers", got)
			}
			time.Sleep(2*time.Second - 1)
			synctest.Wait()
			r.is(t, breaker.Closed)
			time.Sleep(100*time.Millisecond + 1)
			synctest.Wait()
			r.is(t, breaker.Open)
			if took := opened.Sub(start); took < 2*time.Second || took > 2100*time.Millisecond {
				t.Errorf("opened after %v, want 2 s", took)
			}
			e := r.recorder.Events(core.EventTransition)[0]
			if e.To != "open" || e.Op.Name != "op" || e.Err == nil || !strings.Contains(r.Snapshot().Timing.OpenedBecause, "slow") {
				t.Errorf("observed %+v, want a transition of an operation because it is slow", e)
			}
			err := r.do(t.Context(), func(context.Context) error { return nil })
			if !errors.Is(err, breaker.ErrOpen) {
				t.Errorf("Do = %v, want ErrOpen", err)
			}
			if ref, ok := r.recorder.Events(core.EventReject)[0].Ref.(int); !ok || ref <= before || ref > before+20 {
				t.Errorf("the refusal points at operation %v, want one that hangs", ref)
			}
			r.recover(t)
			wake() // they belong to an earlier period
			r.is(t, breaker.HalfOpen)
			r.end(t, 3, nil)
			r.is(t, breaker.Closed)
		})
	}
}

func TestCallsInFlightCountWithThoseThatEnded(t *testing.T) {
	const slow = 2 * time.Second
	for _, row := range []struct {
		name              string
		fast, late, hangs int
		want              breaker.State
	}{
		{"too few to judge", 4, 0, 5, breaker.Closed},
		{"just enough", 5, 0, 5, breaker.Open},
		{"one less than half", 6, 0, 4, breaker.Closed},
		{"half, of a window that is full", 100, 0, 5, breaker.Open},
		{"less than half of it", 100, 0, 4, breaker.Closed},
		{"with those that ended", 10, 2, 3, breaker.Open},
		{"with too few that ended", 10, 1, 3, breaker.Closed},
		{"more than the window", 0, 0, 50, breaker.Open},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, breaker.Config{SlowCallRate: 0.5, SlowCallThreshold: slow, SlowCallWindow: 10})
				r.end(t, row.fast, nil)
				for range row.late {
					r.run(t, slow, nil)
				}
				wake := r.hang(t, row.hangs, nil)
				time.Sleep(slow)
				synctest.Wait()
				r.is(t, row.want)
				if row.want == breaker.Closed {
					c := r.Snapshot().Current
					if want := min(row.fast+row.late+row.hangs, 10); c.WindowAttempts != want || c.WindowSlow != row.late+row.hangs {
						t.Errorf("the window holds %d slow ones of %d, want %d of %d", c.WindowSlow, c.WindowAttempts, row.late+row.hangs, want)
					}
					wake()
					r.is(t, row.want) // each attempt counts once
					if c := r.Snapshot().Current; c.WindowSlow != row.late+row.hangs {
						t.Errorf("the window holds %d slow ones after they ended, want %d", c.WindowSlow, row.late+row.hangs)
					}
				} else {
					r.recover(t)
					wake()
				}
			})
		})
	}
}

func TestCallsThatBecomeSlowOneByOneCountOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 1, SlowCallThreshold: 10 * time.Second, SlowCallWindow: 5})
		var wakes []func()
		for range 5 {
			r.run(t, time.Second, nil) // fast attempts in between
			wakes = append(wakes, r.hang(t, 1, nil))
		}
		for n := range 5 { // they become slow 10 s to 14 s after the first began
			time.Sleep(6*time.Second - time.Duration(min(n, 1))*5*time.Second)
			synctest.Wait()
			if got := r.Snapshot().Current.WindowSlow; n < 4 && got != n+1 {
				t.Errorf("%d are slow, want %d", got, n+1)
			}
		}
		r.is(t, breaker.Open)
		r.recover(t)
		for _, wake := range wakes {
			wake()
		}
	})
}

func TestASlowCallInFlightThatSaysNothingIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 0.5, SlowCallWindow: 10})
		r.end(t, 10, nil)
		for range 5 {
			wake := r.hang(t, 4, errLimited)
			time.Sleep(time.Minute)
			if got := r.Snapshot().Current.WindowSlow; got != 4 {
				t.Errorf("%d are slow, want 4", got)
			}
			wake()
		}
		if got := r.Snapshot().Current.WindowSlow; got != 0 {
			t.Errorf("%d are slow, want 0", got)
		}
		r.is(t, breaker.Closed)
	})
}

func TestAProbeThatHangsOpensItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 1, SlowCallThreshold: 2 * time.Second})
		r.halfOpen(t)
		wake := r.hang(t, 2, nil)
		time.Sleep(2*time.Second - 1)
		synctest.Wait()
		r.is(t, breaker.HalfOpen)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		r.is(t, breaker.Open)
		if got := r.Snapshot().Counters.StateChangeCount; got != 3 {
			t.Errorf("%d transitions, want 3", got)
		}
		r.recover(t)
		wake()
		free(t, r)
	})
}

func TestAHungProbeOfAClosedBreakerDoesNotOpenIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 0.1, SlowCallThreshold: 2 * time.Second, SlowCallWindow: 5, HalfOpenSuccesses: 1})
		r.halfOpen(t)
		wake := r.hang(t, 1, nil)
		r.end(t, 10, nil)
		r.is(t, breaker.Closed)
		time.Sleep(time.Minute)
		r.is(t, breaker.Closed)
		wake()
		r.is(t, breaker.Closed)
	})
}

func TestTheWatchEndsWithTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{SlowCallRate: 1, SlowCallThreshold: time.Second, SlowCallWindow: 2})
		for range 3 {
			r.hang(t, 10, nil)()
			time.Sleep(time.Hour) // no timer of the watch may disturb what follows
			r.is(t, breaker.Closed)
			wake := r.hang(t, 2, nil) // the watch begins again
			time.Sleep(time.Second)
			synctest.Wait()
			r.is(t, breaker.Open)
			r.recover(t)
			wake()
			r.Reset()
		}
	})
}

func TestAnEndThatMeetsTheWatchIsTakenOnce(t *testing.T) {
	// With real clocks, attempts end at the moment when they become slow.
	var told atomic.Int64
	r := newRig(t, breaker.Config{
		SlowCallRate: 0.5, SlowCallThreshold: 20 * time.Microsecond, SlowCallWindow: 8, RecoveryTimeout: time.Nanosecond, HalfOpenSuccesses: 1,
		OnTransition: func(string, breaker.State, breaker.State) { told.Add(1) },
	})
	const workers, each = 8, 2000
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				_ = r.do(t.Context(), func(context.Context) error {
					for start := time.Now(); time.Since(start) < 20*time.Microsecond; {
						runtime.Gosched()
					}
					return nil
				})
			}
		})
	}
	wg.Wait()
	s := r.Snapshot()
	if s.Counters.TotalRequests != workers*each || s.Current.HalfOpenRequests != 0 {
		t.Errorf("the snapshot is %+v, want %d requests and no probe", s, workers*each)
	}
	if s.Counters.StateChangeCount < 3 {
		t.Errorf("%d transitions, want some", s.Counters.StateChangeCount)
	}
	for _, e := range r.recorder.Events(core.EventTransition) {
		if e.To == "open" && e.Op.Name != "op" {
			t.Fatalf("observed %+v, want a transition of an operation", e)
		}
	}
	if s.Current.WindowSlow > s.Current.WindowAttempts {
		t.Errorf("the window holds %+v", s.Current)
	}
}
