// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// The seven faults that a half-open breaker survives.

func TestHalfOpenSurvivesABurst(t *testing.T) {
	everyPolicy(t, func(t *testing.T, newRig rigMaker) {
		r := newRig(t, breaker.Config{MaxHalfOpenRequests: 2, HalfOpenSuccesses: 100})
		r.halfOpen(t)
		for range 10 {
			var now, peak, probes, limited atomic.Int64
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					err := r.do(t.Context(), func(context.Context) error {
						for n := now.Add(1); ; {
							if p := peak.Load(); n <= p || peak.CompareAndSwap(p, n) {
								break
							}
						}
						time.Sleep(time.Second)
						now.Add(-1)
						return nil
					})
					switch {
					case err == nil:
						probes.Add(1)
					case errors.Is(err, breaker.ErrProbeLimit) && errors.Is(err, breaker.ErrOpen) && errors.Is(err, core.ErrRejected):
						limited.Add(1)
					default:
						t.Errorf("Do = %v, want ErrProbeLimit", err)
					}
				})
			}
			synctest.Wait()
			if got := r.Snapshot().Current.HalfOpenRequests; got != 2 {
				t.Errorf("%d probes under way, want 2", got)
			}
			wg.Wait()
			if peak.Load() != 2 || probes.Load() != 2 || limited.Load() != 48 {
				t.Errorf("%d probes, %d at once, %d refused; want 2, 2, 48", probes.Load(), peak.Load(), limited.Load())
			}
		}
		if got := r.Snapshot().Current.HalfOpenRequests; got != 0 {
			t.Errorf("%d probes under way, want 0", got)
		}
	})
}

// free checks that all places for probes are free, and that good probes close
// the breaker.
func free(t *testing.T, r *rig) {
	t.Helper()
	if got := r.Snapshot().Current.HalfOpenRequests; got != 0 {
		t.Errorf("%d probes under way, want 0", got)
	}
	if r.State() == breaker.Open {
		r.recover(t)
	}
	r.is(t, breaker.HalfOpen)
	var wg sync.WaitGroup
	for range r.Snapshot().Configuration.MaxHalfOpenRequests {
		wg.Go(func() {
			if err := r.do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return nil }); err != nil {
				t.Errorf("Do = %v, want a place for each probe", err)
			}
		})
	}
	wg.Wait()
	r.end(t, 1, nil)
	r.is(t, breaker.Closed)
}

func TestHalfOpenSurvivesAPanic(t *testing.T) {
	everyPolicy(t, func(t *testing.T, newRig rigMaker) {
		r := newRig(t, breaker.Config{})
		r.halfOpen(t)
		func() {
			defer func() {
				if v := recover(); v != "boom" {
					t.Errorf("recovered %v, want boom", v)
				}
			}()
			_ = r.do(t.Context(), func(context.Context) error { panic("boom") })
		}()
		r.is(t, breaker.Open) // a panic is a failure
		free(t, r)
	})
}

func TestHalfOpenSurvivesGoexit(t *testing.T) {
	everyPolicy(t, func(t *testing.T, newRig rigMaker) {
		r := newRig(t, breaker.Config{})
		r.halfOpen(t)
		var wg sync.WaitGroup
		wg.Go(func() { _ = r.do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }) })
		wg.Wait()
		r.is(t, breaker.Open)
		free(t, r)
	})
}

func TestHalfOpenSurvivesAHang(t *testing.T) {
	t.Run("with places left", func(t *testing.T) {
		everyPolicy(t, func(t *testing.T, newRig rigMaker) {
			r := newRig(t, breaker.Config{})
			r.halfOpen(t)
			wake := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() { _ = r.do(t.Context(), func(context.Context) error { <-wake; return errDown }) })
			synctest.Wait()
			r.end(t, 3, nil)
			r.is(t, breaker.Closed)
			close(wake)
			wg.Wait()
			r.is(t, breaker.Closed) // the failure belongs to an earlier period
			if got := r.Snapshot().Counters.FailureCount; got != 0 {
				t.Errorf("%d failures in a row, want 0", got)
			}
		})
	})
	t.Run("holds no place of a later half-open time", func(t *testing.T) {
		everyPolicy(t, func(t *testing.T, newRig rigMaker) {
			r := newRig(t, breaker.Config{})
			r.halfOpen(t)
			wake := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() { _ = r.do(t.Context(), func(context.Context) error { <-wake; return nil }) })
			synctest.Wait()
			r.end(t, 1, errDown)
			r.is(t, breaker.Open)
			free(t, r)
			close(wake)
			wg.Wait()
			if got := r.Snapshot().Current.HalfOpenRequests; got != 0 {
				t.Errorf("%d probes under way, want 0", got)
			}
		})
	})
	t.Run("bounded by a limit further in", func(t *testing.T) {
		everyPolicy(t, func(t *testing.T, newRig rigMaker) {
			limit := func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error {
					ctx, cancel := context.WithTimeout(ctx, time.Minute)
					defer cancel()
					return next(ctx, call)
				}
			}
			r := newRig(t, breaker.Config{}, limit)
			r.halfOpen(t)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { _ = r.do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }) })
			}
			wg.Wait()
			r.is(t, breaker.Open)
			free(t, r)
		})
	})
}

func TestHalfOpenSurvivesACancel(t *testing.T) {
	everyPolicy(t, func(t *testing.T, newRig rigMaker) {
		r := newRig(t, breaker.Config{})
		r.halfOpen(t)
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_ = r.do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		}
		r.is(t, breaker.HalfOpen)
		if c := r.Snapshot().Counters; c.TotalNeutral != 10 || c.SuccessCount != 0 {
			t.Errorf("counters %+v, want 10 neutral and no success", c)
		}
		free(t, r)
	})
}

func TestHalfOpenSurvivesAStraggler(t *testing.T) {
	for _, outcome := range []error{errDown, nil} {
		everyPolicy(t, func(t *testing.T, newRig rigMaker) {
			r := newRig(t, breaker.Config{HalfOpenSuccesses: 1})
			wake := make(chan struct{})
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() { _ = r.do(t.Context(), func(context.Context) error { <-wake; return outcome }) })
			}
			synctest.Wait()
			r.halfOpen(t)
			before := r.Snapshot().Counters
			close(wake)
			wg.Wait()
			r.is(t, breaker.HalfOpen)
			after := r.Snapshot().Counters
			if n := after.TotalFailures + after.TotalSuccesses - before.TotalFailures - before.TotalSuccesses; n != 20 || after.SuccessCount != 0 {
				t.Errorf("counters %+v, want 20 more in the totals alone", after)
			}
			r.end(t, 1, nil)
			r.is(t, breaker.Closed)
		})
	}
}

func TestHalfOpenSurvivesExcludedErrors(t *testing.T) {
	everyPolicy(t, func(t *testing.T, newRig rigMaker) {
		refuse := false
		r := newRig(t, breaker.Config{}, func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				if refuse {
					return core.ErrRejected
				}
				return next(ctx, call)
			}
		})
		r.halfOpen(t)
		r.end(t, 10, errLimited)
		refuse = true
		r.end(t, 10, core.ErrRejected)
		refuse = false
		r.is(t, breaker.HalfOpen)
		if got := r.Snapshot().Counters.TotalNeutral; got != 20 {
			t.Errorf("%d neutral, want 20", got)
		}
		free(t, r)
	})
}

func TestTheProbesUnderWayAreNeverMoreThanAllowed(t *testing.T) {
	r := newRig(t, breaker.Config{FailureThreshold: 1, RecoveryTimeout: time.Nanosecond, MaxHalfOpenRequests: 2, HalfOpenSuccesses: 1 << 30})
	r.end(t, 1, errDown)
	for r.State() != breaker.HalfOpen {
		runtime.Gosched()
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				_ = r.do(t.Context(), func(context.Context) error { return nil })
				if n := r.Snapshot().Current.HalfOpenRequests; n < 0 || n > 2 {
					t.Errorf("%d probes under way, want 0 to 2", n)
					return
				}
			}
		})
	}
	wg.Wait()
}
