// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/ratelimit"
)

func (r *rig) reconfigure(t *testing.T, cfg ratelimit.Config) {
	t.Helper()
	if err := r.limiter.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	r.rate = cfg.Rate
}

func TestTheLimiterKeepsItsTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ratelimit.Config{Rate: 1, Burst: 10})
		passes := func(want int) {
			t.Helper()
			n := 0
			for r.do(t.Context()) == nil {
				n++
			}
			if n != want {
				t.Errorf("%d operations pass at once, want %d", n, want)
			}
		}
		r.reconfigure(t, ratelimit.Config{Rate: 2, Burst: 20})
		passes(10)
		r.reconfigure(t, ratelimit.Config{Rate: 1000, Burst: 4})
		passes(0) // a change makes no token
		time.Sleep(time.Second)
		passes(4)
	})
}

func TestWaitersAreServedByAHigherRateAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSpentRig(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: time.Minute})
		wait, errs, times := r.queue(t.Context(), 3)
		time.Sleep(500 * time.Millisecond) // half of a token
		r.reconfigure(t, ratelimit.Config{Rate: 10, Burst: 1})
		wait()
		const ms = time.Millisecond
		if want := []time.Duration{550 * ms, 650 * ms, 750 * ms}; !slices.Equal(times, want) || errors.Join(errs...) != nil {
			t.Errorf("ran at %v with %v, want %v", times, errs, want)
		}
	})
}

// TestALowerRateHoldsFromTheNextOperationOn also has a shorter MaxWait, under which none of
// the waiters would have been let into the queue.
func TestALowerRateHoldsFromTheNextOperationOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSpentRig(t, ratelimit.Config{Rate: 10, Burst: 1, MaxWait: time.Minute})
		wait, errs, times := r.queue(t.Context(), 3)
		r.reconfigure(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: 5 * time.Second})
		later, lateErrs, lateTimes := r.queue(t.Context(), 2)
		wait()
		later()
		const ms = time.Millisecond
		if want := []time.Duration{100 * ms, 200 * ms, 300 * ms}; !slices.Equal(times, want) || errors.Join(errs...) != nil {
			t.Errorf("ran at %v with %v, want %v as before the change", times, errs, want)
		}
		if want := []time.Duration{1300 * ms, 2300 * ms}; !slices.Equal(lateTimes, want) || errors.Join(lateErrs...) != nil {
			t.Errorf("those that came after it ran at %v with %v, want %v", lateTimes, lateErrs, want)
		}
	})
}

func TestAWaiterThatLeavesMakesRoomForAnotherRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSpentRig(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		wait, _, _ := r.queue(ctx, 1)
		r.reconfigure(t, ratelimit.Config{Rate: 0.1, Burst: 1, MaxWait: time.Hour})
		cancel()
		wait()
		later, errs, times := r.queue(t.Context(), 1)
		later()
		if times[0] != 10*time.Second || errs[0] != nil {
			t.Errorf("ran at %v with %v, want 10s: the only waiter of the old rate has left", times[0], errs[0])
		}
	})
}

func TestSettingsOfALimiterThatAreRefused(t *testing.T) {
	r := newRig(t, ratelimit.Config{Name: "one", Rate: 3})
	for _, bad := range []ratelimit.Config{{Name: "one"}, {Name: "two", Rate: 5}} {
		if err := r.limiter.Reconfigure(bad); err == nil {
			t.Errorf("Reconfigure accepts %+v", bad)
		}
	}
	r.check(t, ratelimit.Stats{})
}
