// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// year is about a year.
const year = 365 * 24 * time.Hour

// forever is a chain in which every duration is the longest that there is.
func forever(t *testing.T) middleware.Config {
	t.Helper()
	const most = math.MaxInt64
	each := breaker.Config{
		FailureThreshold: 5, FailureRate: 1, FailureWindowTime: most, RecoveryTimeout: most, FairRun: most, SlowCallRate: 1, SlowCallThreshold: most,
	}
	return middleware.Config{
		Breaker:      each,
		KeyedBreaker: &keyed.Config{Each: each},
		Bulkhead:     &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 10, MaxWait: most},
		RateLimit:    &ratelimit.Config{Rate: 1e-9, Burst: 3, MaxWait: most},
		Retry:        steady(t, time.Second),
		Timeout:      timeout.Config{Attempt: most},
		Health:       &health.Config{Interval: most, Timeout: most, Probe: func(context.Context) error { return unavailable }},
		Chaos: &chaos.Config{Faults: []chaos.Fault{
			{Share: 1, From: most - 1, Until: most, Hang: true},
			{Share: 1, Ops: []string{"late"}, Latency: most},
		}},
		Ops: []core.Op{{Name: "Index", Timeout: most}},
	}
}

func TestDurationsOfCenturiesDoNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(year) // so that the clocks do not begin at zero
		r := newRig(t, forever(t), nil)
		time.Sleep(year)
		if s := r.Describe(); strings.Contains(s, "-2562047h") {
			t.Errorf("Describe has a negative duration:\n%s", s)
		}
		if got := r.WorstCase(core.Op{Name: "Index", Timeout: math.MaxInt64}); got.Duration < 0 || got.Duration != math.MaxInt64 {
			t.Errorf("WorstCase = %+v, want the longest duration", got)
		}
		r.Monitor.Start()
		for _, timeout := range []time.Duration{0, math.MaxInt64} {
			_, err := core.Do(t.Context(), r.client, core.Op{Name: "Index", Timeout: timeout}, func(ctx context.Context, b *backend) (int, error) {
				select {
				case <-time.After(year):
					return 0, b.Call(ctx)
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			})
			if err != nil {
				t.Errorf("Do = %v after a year, want nil", err)
			}
		}
		// One takes the last token and works for a year. The other waits for its slot,
		// and would wait for a token for decades.
		began := time.Now()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*year)
				defer cancel()
				_, _ = core.Do(ctx, r.client, core.Op{Name: "Index"}, func(ctx context.Context, _ *backend) (int, error) {
					time.Sleep(year)
					return 0, nil
				})
			})
		}
		wg.Wait()
		if took := time.Since(began); took < year || took > 2*year {
			t.Errorf("the operations took %v, want one year or two", took)
		}
		if r.Breaker.State() != breaker.Closed || !r.Monitor.Up() {
			t.Errorf("breaker %v, up %v, want closed and up: nothing was ever due", r.Breaker.State(), r.Monitor.Up())
		}
		if err := r.Monitor.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestALatencyOfCenturiesEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, forever(t), nil)
		ctx, cancel := context.WithTimeout(t.Context(), year)
		defer cancel()
		start := time.Now()
		_, err := core.Do(ctx, r.client, core.Op{Name: "late"}, func(ctx context.Context, _ *backend) (int, error) { return 0, ctx.Err() })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != year {
			t.Errorf("Do = %v after %v, want the deadline after a year", err, time.Since(start))
		}
	})
}

func TestADelayOfCenturiesNeverHedges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, middleware.Config{Timeout: timeout.Config{Attempt: math.MaxInt64}}, nil)
		h, err := hedge.New(hedge.Config{Delay: math.MaxInt64})
		if err != nil {
			t.Fatal(err)
		}
		_, err = hedge.Do(t.Context(), h, r.client, core.Op{Name: "Search", Safety: core.ReadOnly}, func(ctx context.Context, _ *backend) (int, error) {
			time.Sleep(year)
			return 0, nil
		})
		if s := h.Stats(); err != nil || s.Hedged != 0 || s.Delay != math.MaxInt64 {
			t.Errorf("Do = %v, %+v; want no second run", err, s)
		}
	})
}
