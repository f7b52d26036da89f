// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

// One failure, or an outage, of each of Max keys does not keep the breakers for good.
func TestKeysOfLongAgoMakeRoomForNewOnes(t *testing.T) {
	for name, row := range map[string]struct {
		failures int
		each     breaker.Config
	}{
		"one failure":             {1, breaker.Config{}},
		"an outage":               {5, breaker.Config{}},
		"one failure in a window": {1, breaker.Config{FailureRate: 0.5}},
		"a slow attempt":          {0, breaker.Config{SlowCallRate: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const most = 1000 // as many keys as by default
				row.each.FailureThreshold = 5
				r := newRig(t, keyed.Config{Each: row.each})
				var wg sync.WaitGroup
				for n := range most {
					key := fmt.Sprint("old", n)
					r.end(t, key, row.failures, errDown)
					if row.failures == 0 {
						wg.Go(func() {
							_ = r.do(t.Context(), key, func(context.Context) error { time.Sleep(time.Second); return nil })
						})
					}
				}
				wg.Wait()
				r.end(t, "too early", 1, nil)
				if s := r.Snapshot(); s.Overflowed != 1 || s.Forgotten != 0 {
					t.Errorf("%d overflowed, %d forgotten, want the failures of just now kept", s.Overflowed, s.Forgotten)
				}
				time.Sleep(365 * 24 * time.Hour)
				for n := range most {
					r.end(t, fmt.Sprint("new", n), 1, nil)
				}
				s := r.Snapshot()
				if s.Overflowed != 1 || s.Forgotten != most || len(s.Keys) != most {
					t.Errorf("%d overflowed, %d forgotten, %d keys, want 1, %d, %d", s.Overflowed, s.Forgotten, len(s.Keys), most, most)
				}
				// A bad key refuses nobody but itself.
				r.end(t, "bad", 5, errDown)
				if refused := r.end(t, "bad", 1, nil); refused != 1 {
					t.Error("the bad key was not refused")
				}
				if refused := r.end(t, "good", 1, nil); refused != 0 {
					t.Error("a good key was refused")
				}
			})
		})
	}
}

// hold makes keys whose breakers are not idle, in the order of their use.
func (r *rig) hold(t *testing.T, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if !r.ForceClose(fmt.Sprint("held", n)) {
			t.Fatalf("no room for key %d", n)
		}
	}
}

func TestBreakersThatStayDoNotHideThoseThatMayGo(t *testing.T) {
	for _, row := range []struct{ held, idle int }{{100, 1}, {199, 1}, {999, 1}, {500, 500}} {
		r := newRig(t, keyed.Config{Max: row.held + row.idle})
		r.hold(t, 0, row.held)
		for n := range row.idle {
			r.end(t, fmt.Sprint("idle", n), 1, nil)
		}
		for n := range row.idle {
			if refused := r.end(t, fmt.Sprint("new", n), 1, nil); refused != 0 {
				t.Error("a new key was refused")
			}
		}
		if s := r.Snapshot(); s.Overflowed != 0 || int(s.Forgotten) != row.idle {
			t.Errorf("%d held: %d overflowed, %d forgotten, want 0, %d", row.held, s.Overflowed, s.Forgotten, row.idle)
		}
	}
}

// An entry that was not idle when it was looked at is looked at again.
func TestABreakerThatBecomesIdleMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyed.Config{Max: 50})
		wake := make(chan struct{})
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() {
				_ = r.do(t.Context(), fmt.Sprint("busy", n), func(context.Context) error { <-wake; return nil })
			})
		}
		synctest.Wait()
		r.end(t, "early", 1, nil)
		if s := r.Snapshot(); s.Overflowed != 1 || len(s.Keys) != 50 {
			t.Errorf("%d overflowed, %d keys, want 1 and 50", s.Overflowed, len(s.Keys))
		}
		close(wake)
		wg.Wait()
		for n := range 100 {
			r.end(t, fmt.Sprint("late", n), 1, nil)
		}
		if s := r.Snapshot(); s.Overflowed != 1 || s.Forgotten != 100 || len(s.Keys) != 50 {
			t.Errorf("%d overflowed, %d forgotten, %d keys, want 1, 100 and 50", s.Overflowed, s.Forgotten, len(s.Keys))
		}
	})
}

func TestOperationsWithinEachOtherCloseTheBreakersOfTheirKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyed.Config{Each: breaker.Config{MaxHalfOpenRequests: 1}})
		for _, key := range []string{"a", "b"} {
			r.end(t, key, 5, errDown)
		}
		time.Sleep(30 * time.Second)
		in := func(key string, work func(context.Context) error) func(context.Context) error {
			return func(ctx context.Context) error { return r.do(ctx, key, work) }
		}
		ok := func(context.Context) error { return nil }
		for range 3 {
			if err := in("a", in("b", in("a", in("a", in("b", ok)))))(t.Context()); err != nil {
				t.Errorf("Do = %v", err)
			}
		}
		for _, key := range []string{"a", "b"} {
			if b, ok := r.Breaker(key); !ok || b.State() != breaker.Closed {
				t.Errorf("the breaker of %s is not closed", key)
			}
		}
		// A key that is open refuses its own part of the operation.
		r.ForceOpen("b")
		if err := in("a", in("b", ok))(t.Context()); !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("Do = %v, want a refusal", err)
		}
	})
}
