// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/ratelimit"
)

// queue starts n operations, one after the other, and returns what became of them
// and when.
func (r *rig) queue(ctx context.Context, n int) (wait func(), errs []error, times []time.Duration) {
	began := time.Now()
	errs, times = make([]error, n), make([]time.Duration, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i], times[i] = r.do(ctx), time.Since(began) })
		synctest.Wait()
	}
	return wg.Wait, errs, times
}

// newSpentRig returns a rig whose only token is spent.
func newSpentRig(t testing.TB, cfg ratelimit.Config) *rig {
	t.Helper()
	r := newRig(t, cfg)
	if err := r.do(t.Context()); err != nil {
		t.Errorf("Do = %v", err)
	}
	return r
}

func TestATimerThatComesEarlyLetsNobodyThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSpentRig(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: time.Minute})
		wait, errs, times := r.queue(t.Context(), 3)
		for range 5 {
			r.limiter.Serve()
			time.Sleep(100 * time.Millisecond)
		}
		wait()
		want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}
		if !slices.Equal(times, want) || errors.Join(errs...) != nil {
			t.Errorf("ran at %v with %v, want %v", times, errs, want)
		}
		time.Sleep(time.Minute) // until every timer has run
		r.check(t, ratelimit.Stats{Admitted: 4})
	})
}

// A late timer does not save up more tokens than Burst, and makes nobody wait for
// longer than MaxWait once it has come. A newcomer does what the timer has not done.
func TestATimerThatComesLate(t *testing.T) {
	for name, come := range map[string]func(*rig, context.Context){
		"the timer":   func(r *rig, _ context.Context) { r.limiter.Serve() },
		"a newcomer":  func(r *rig, ctx context.Context) { _ = r.do(ctx) },
		"both, twice": func(r *rig, ctx context.Context) { r.limiter.Serve(); _ = r.do(ctx); r.limiter.Serve(); _ = r.do(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, ratelimit.Config{Rate: 1, Burst: 2, MaxWait: 10 * time.Second})
				_, _ = r.do(t.Context()), r.do(t.Context())
				wait, errs, times := r.queue(t.Context(), 4)
				r.limiter.Hold()
				time.Sleep(11 * time.Second)
				gone, cancel := context.WithCancel(t.Context())
				cancel()
				come(r, gone)
				wait()
				for i, err := range errs {
					if times[i] != 11*time.Second || errors.Is(err, ratelimit.ErrLimited) != (i >= 2) || (err != nil) != (i >= 2) {
						t.Errorf("number %d ended after %v with %v, want the first two to pass after 11s", i, times[i], err)
					}
				}
			})
		})
	}
}

func TestATimerThatComesLateKeepsWhoCanStillPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSpentRig(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: 10 * time.Second})
		wait, errs, times := r.queue(t.Context(), 3)
		r.limiter.Hold()
		time.Sleep(5 * time.Second)
		r.limiter.Serve()
		wait()
		want := []time.Duration{5 * time.Second, 6 * time.Second, 7 * time.Second}
		if !slices.Equal(times, want) || errors.Join(errs...) != nil {
			t.Errorf("ran at %v with %v, want %v", times, errs, want)
		}
	})
}

// Whatever the rate: an interval need not be a whole number of nanoseconds.
func TestOperationsThatGiveUpCostNothing(t *testing.T) {
	for _, rate := range []float64{1, 3, 7, 999, 33333, 50000, 1e6 / 3} {
		synctest.Test(t, func(t *testing.T) {
			r := newSpentRig(t, ratelimit.Config{Rate: rate, Burst: 1, MaxWait: time.Hour})
			for range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				wait, _, _ := r.queue(ctx, 10)
				cancel()
				wait()
			}
			began := time.Now()
			err := r.do(t.Context())
			interval := time.Duration(float64(time.Second) / rate)
			if took := time.Since(began); err != nil || took > interval+1 || took < interval {
				t.Errorf("rate %v: Do = %v after %v, want the token after %v", rate, err, took, interval)
			}
		})
	}
}
