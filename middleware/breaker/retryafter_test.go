// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
)

// hint returns how long the refusal of an operation says to wait; zero if the
// operation is not refused.
func (r *rig) hint(t testing.TB) time.Duration {
	t.Helper()
	open, ok := errors.AsType[*breaker.OpenError](r.do(t.Context(), func(context.Context) error { return nil }))
	switch {
	case !ok:
		return 0
	case open.RetryAfter <= 0 || strings.Contains(open.Error(), " 0s"):
		t.Fatalf("%q has a RetryAfter of %v", open, open.RetryAfter)
	}
	return open.RetryAfter
}

func TestNoCallerThatWaitsAsLongAsToldFindsTheBreakerStillOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 150
		r := newRig(t, breaker.Config{FailureThreshold: 1})
		r.open(t)
		var passed, limited atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				time.Sleep(rand.N(30 * time.Second))
				time.Sleep(r.hint(t))
				switch err := r.do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return nil }); {
				case err == nil:
					passed.Add(1)
				case errors.Is(err, breaker.ErrProbeLimit):
					limited.Add(1)
				default:
					t.Errorf("Do = %v after the wait, want no refusal but by the probe limit", err)
				}
			})
		}
		wg.Wait()
		if passed.Load() != 2 || limited.Load() != callers-2 {
			t.Errorf("%d passed and %d hit the probe limit, want 2 and %d", passed.Load(), limited.Load(), callers-2)
		}
	})
}

// probeFor makes the breaker half-open, and takes all of its places for a time.
func (r *rig) probeFor(t *testing.T, d time.Duration) {
	r.halfOpen(t)
	for range 2 {
		go func() { _ = r.do(t.Context(), func(context.Context) error { time.Sleep(d); return nil }) }()
	}
	synctest.Wait()
}

func TestALoopThatSleepsForTheToldTimeDoesNotSpin(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  breaker.Config
		stop func(*testing.T, *rig) // keeps the breaker from passing operations
		most int                    // refusals
	}{
		{"open", breaker.Config{}, func(t *testing.T, r *rig) { r.open(t) }, 1},
		{"open for a nanosecond", breaker.Config{RecoveryTimeout: 1}, func(t *testing.T, r *rig) { r.open(t) }, 1},
		{"half-open", breaker.Config{}, func(t *testing.T, r *rig) { r.probeFor(t, 28500*time.Millisecond) }, 29},
		{"half-open with a short recovery", breaker.Config{RecoveryTimeout: time.Microsecond}, func(t *testing.T, r *rig) { r.probeFor(t, time.Minute) }, 1},
		{"forced open", breaker.Config{}, func(t *testing.T, r *rig) {
			r.ForceOpen()
			time.AfterFunc(time.Hour, r.Reset)
		}, 121},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, row.cfg)
				row.stop(t, r)
				refusals := 0
				for wait := r.hint(t); wait > 0; wait = r.hint(t) {
					refusals++
					time.Sleep(wait)
				}
				if refusals < 1 || refusals > row.most {
					t.Errorf("%d refusals, want 1 to %d", refusals, row.most)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestASnapshotOfAnOpenBreakerTellsATimeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, breaker.Config{RecoveryTimeout: time.Second})
		r.open(t)
		for left := range 100 {
			if s := r.Snapshot(); s.State != "open" || s.Timing.RetryAfter != float64(100-left)/100 {
				t.Errorf("after %d0 ms: %s, retry after %v", left, s.State, s.Timing.RetryAfter)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if s := r.Snapshot(); s.State != "half_open" || s.Timing.RetryAfter != 0 {
			t.Errorf("after a second: %s, retry after %v", s.State, s.Timing.RetryAfter)
		}
	})
}

func TestARecoveryOfCenturiesDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(24 * time.Hour)
		r := newRig(t, breaker.Config{RecoveryTimeout: math.MaxInt64, FairRun: math.MaxInt64,
			SlowCallRate: 1, SlowCallThreshold: math.MaxInt64, FailureRate: 1, FailureWindowTime: math.MaxInt64, FailureThreshold: 1})
		time.Sleep(24 * time.Hour)
		_ = r.do(t.Context(), func(context.Context) error { time.Sleep(time.Hour); return nil })
		r.is(t, breaker.Closed)
		r.open(t)
		for range 10 {
			time.Sleep(365 * 24 * time.Hour)
			r.is(t, breaker.Open)
			if wait := r.hint(t); wait < 100*365*24*time.Hour {
				t.Errorf("RetryAfter %v, want centuries", wait)
			}
		}
		if _, ok := r.Retire(); ok {
			t.Error("an open breaker retired")
		}
	})
}
