// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// The four rules of the default order.

func TestNoAttemptFollowsTheInstantTheBreakerOpens(t *testing.T) {
	coretest.OneProcessor(t)
	for _, mode := range []struct {
		name  string
		count bool
	}{{"counting operations", false}, {"counting attempts", true}} {
		t.Run(mode.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const loops, openers = 200, 5
				opened := make(chan time.Time, 1)
				cfg := middleware.Config{
					Breaker: breaker.Config{
						FailureThreshold: loops*2 + openers, // two rounds of attempts, where they count
						CountAttempts:    mode.count,
						OnTransition: func(_ string, _, to breaker.State) {
							if to == breaker.Open {
								opened <- time.Now()
							}
						},
					},
					Retry: steady(t, time.Second),
				}
				if !mode.count {
					cfg.Breaker.FailureThreshold = openers
				}
				cfg.Retry.MaxRetries = 20
				r := newRig(t, cfg, nil)
				r.backend.serve = func(context.Context, int) error { return unavailable }

				// Loops that fail at 0 s and 1 s, and then sleep until 3 s.
				var wg sync.WaitGroup
				var rejected atomic.Int64
				for range loops {
					wg.Go(func() {
						err := r.do(t.Context(), core.ReadOnly)
						if e, ok := errors.AsType[*retry.Error](err); !ok || e.Outcome != retry.OutcomeForbidden ||
							!errors.Is(err, unavailable) || errors.Is(err, core.ErrRejected) || !errors.Is(e.Reason, breaker.ErrOpen) {
							rejected.Add(1)
							t.Errorf("Do = %v, want the backend's error, and the open breaker as the reason beside it", err)
						}
					})
				}
				time.Sleep(2 * time.Second)
				if got := r.backend.calls.Load(); got != 2*loops || r.Breaker.State() != breaker.Closed {
					t.Fatalf("after 2 s: %d calls, breaker %v, want %d and closed", got, r.Breaker.State(), 2*loops)
				}
				for range openers { // each is one attempt: sent, and unsafe to repeat
					if err := r.do(t.Context(), core.Unsafe); !errors.Is(err, unavailable) {
						t.Fatalf("Do = %v", err)
					}
				}
				at := <-opened
				wg.Wait()
				if got := r.backend.after(at); got != 0 {
					t.Errorf("%d attempts after the breaker opened, want 0", got)
				}
				if got, want := r.backend.calls.Load(), int64(2*loops+openers); got != want {
					t.Errorf("%d calls in all, want %d", got, want)
				}
				if took := time.Since(at); took > 2*time.Second {
					t.Errorf("the loops ended %v after the opening", took)
				}
				time.Sleep(recovery)
			})
		})
	}
}

func TestAHalfOpenProbeIsOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := middleware.Config{Retry: steady(t, time.Millisecond)}
		r := newRig(t, cfg, nil)
		down := atomic.Bool{}
		down.Store(true)
		r.backend.serve = func(context.Context, int) error {
			time.Sleep(10 * time.Millisecond)
			if down.Load() {
				return unavailable
			}
			return nil
		}
		for r.Breaker.State() == breaker.Closed {
			_ = r.do(t.Context(), core.ReadOnly)
		}

		// burst starts 50 operations and returns how many became probes.
		burst := func() (probes int64) {
			var n atomic.Int64
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if err := r.do(t.Context(), core.ReadOnly); !errors.Is(err, breaker.ErrOpen) {
						n.Add(1)
					}
				})
			}
			wg.Wait()
			return n.Load()
		}
		for round := range 3 {
			time.Sleep(recovery)
			before := r.backend.calls.Load()
			probes := burst()
			if calls := r.backend.calls.Load() - before; calls != probes || probes != halfOpenProbes {
				t.Errorf("round %d: %d calls by %d probes, want %d and as many", round, calls, probes, halfOpenProbes)
			}
			if r.Breaker.State() != breaker.Open {
				t.Errorf("round %d: breaker %v after failed probes, want open", round, r.Breaker.State())
			}
		}

		time.Sleep(recovery)
		down.Store(false)
		before, probes := r.backend.calls.Load(), int64(0)
		for r.Breaker.State() == breaker.HalfOpen {
			probes += burst()
		}
		if calls := r.backend.calls.Load() - before; calls != probes {
			t.Errorf("%d calls by %d probes, want as many", calls, probes)
		}
		time.Sleep(recovery)
	})
}

func TestAProbeIsOneAttemptAlsoWhenOthersClosedTheBreakerMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Breaker: breaker.Config{FailureThreshold: 1, HalfOpenSuccesses: 1}, Retry: steady(t, time.Second)}, nil)
		r.backend.serve = func(_ context.Context, n int) error {
			if n == 2 {
				time.Sleep(2 * time.Second) // the first probe
			}
			return []error{unavailable, unavailable, nil}[n-1]
		}
		_ = r.do(t.Context(), core.Unsafe)
		time.Sleep(recovery)
		synctest.Wait()
		var wg sync.WaitGroup
		wg.Go(func() {
			err := r.do(t.Context(), core.ReadOnly)
			if e, ok := errors.AsType[*retry.Error](err); !ok || e.Outcome != retry.OutcomeLimited || !errors.Is(err, unavailable) {
				t.Errorf("Do = %v, want the one attempt's error", err)
			}
		})
		time.Sleep(time.Second)
		if err := r.do(t.Context(), core.ReadOnly); err != nil || r.Breaker.State() != breaker.Closed {
			t.Fatalf("Do = %v, breaker %v; want a probe that closes it", err, r.Breaker.State())
		}
		wg.Wait()
		if got := r.backend.calls.Load(); got != 3 || r.Breaker.State() != breaker.Closed {
			t.Errorf("%d calls, breaker %v; want 3, and closed", got, r.Breaker.State())
		}
	})
}

func TestTheBreakerCountsOperationsUnlessToldToCountAttempts(t *testing.T) {
	for _, row := range []struct {
		count             bool
		operations, calls int64
	}{
		{count: false, operations: 5, calls: 20},
		{count: true, operations: 2, calls: 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, middleware.Config{Breaker: breaker.Config{CountAttempts: row.count}, Retry: steady(t, time.Second)}, nil)
			r.backend.serve = func(context.Context, int) error { return unavailable }
			operations := int64(0)
			for r.Breaker.State() == breaker.Closed {
				operations++
				_ = r.do(t.Context(), core.ReadOnly)
			}
			if calls := r.backend.calls.Load(); operations != row.operations || calls != row.calls {
				t.Errorf("CountAttempts %v: open after %d operations and %d calls, want %d and %d",
					row.count, operations, calls, row.operations, row.calls)
			}
			if got := r.verdicts().failure; got != 5 {
				t.Errorf("CountAttempts %v: %d failures counted, want 5", row.count, got)
			}
			time.Sleep(recovery)
		})
	}
}

func TestSlowIsTheTimeOfAnAttemptOnItsConnection(t *testing.T) {
	slow := middleware.Config{
		Breaker: breaker.Config{SlowCallRate: 0.2, SlowCallThreshold: time.Second, SlowCallWindow: 5},
		Timeout: timeout.Config{Attempt: time.Minute},
	}
	t.Run("waiting and backing off is not slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cfg := slow
			cfg.Retry = steady(t, 5*time.Second)
			r := newRig(t, cfg, func(_ *core.ClientConfig[*backend], s *coretest.Source[*backend]) {
				s.OnAcquire = func(context.Context) error {
					time.Sleep(10 * time.Second)
					return nil
				}
			})
			r.backend.serve = func(_ context.Context, n int) error {
				time.Sleep(10 * time.Millisecond)
				if n%2 == 1 {
					return unavailable
				}
				return nil
			}
			start := time.Now()
			for range 20 {
				if err := r.do(t.Context(), core.ReadOnly); err != nil {
					t.Fatalf("Do = %v", err)
				}
			}
			if took := time.Since(start); took < 20*25*time.Second {
				t.Fatalf("the operations took %v, want more than 25 s each", took)
			}
			if state := r.Breaker.State(); state != breaker.Closed {
				t.Errorf("breaker %v, want closed", state)
			}
		})
	})
	t.Run("a long attempt is", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, slow, nil)
			r.backend.serve = func(_ context.Context, n int) error {
				if n == 5 {
					time.Sleep(time.Second)
				} else {
					time.Sleep(time.Second - 1)
				}
				return nil
			}
			for n := range 5 {
				if state := r.Breaker.State(); state != breaker.Closed {
					t.Fatalf("breaker %v after %d attempts that were not slow", state, n)
				}
				if err := r.do(t.Context(), core.ReadOnly); err != nil {
					t.Fatalf("Do = %v", err)
				}
			}
			if state := r.Breaker.State(); state != breaker.Open {
				t.Errorf("breaker %v after a slow attempt, want open", state)
			}
			time.Sleep(recovery)
		})
	})
}
