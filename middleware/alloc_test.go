// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
)

// What a call through all five stages allocates, with telemetry off.
func TestAllocations(t *testing.T) {
	search := core.Op{Name: "Search", Safety: core.ReadOnly}
	bounded, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()

	for _, row := range []struct {
		name      string
		ctx       context.Context
		cfg       middleware.Config
		capturing bool
		most      float64
	}{
		{name: "the caller's deadline is tighter", ctx: bounded, most: 1},
		{name: "the caller's deadline is tighter, the function captures", ctx: bounded, capturing: true, most: 2},
		{name: "the timeout makes a context", ctx: t.Context(), most: 1 + 4},
		{name: "the timeout makes a context, the function captures", ctx: t.Context(), capturing: true, most: 2 + 4},
		{name: "attempts count, and slow ones", ctx: bounded, most: 1,
			cfg: middleware.Config{Breaker: breaker.Config{CountAttempts: true, SlowCallRate: 1}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.cfg.Health = &health.Config{Probe: without(nil)}
			client, chain := newClient(t, row.cfg, core.ClientConfig[int]{Source: &coretest.Source[int]{Conn: 7}})
			if len(chain.Names) != 5 {
				t.Fatalf("chain %q, want all five stages", chain)
			}
			var err error
			var sum int
			do := func() {
				_, err = core.Do(row.ctx, client, search, func(_ context.Context, conn int) (int, error) { return conn, nil })
			}
			if row.capturing {
				do = func() {
					n := sum // escapes with the function
					_, err = core.Do(row.ctx, client, search, func(_ context.Context, conn int) (int, error) {
						sum = n + conn
						return conn, nil
					})
				}
			}
			if got := testing.AllocsPerRun(200, do); got > row.most {
				t.Errorf("%v allocations, want %v at most", got, row.most)
			}
			if err != nil {
				t.Errorf("Do = %v", err)
			}
		})
	}
}

// A refusal of an open breaker costs its error, the operation's error and the
// operation itself: an operation that failed leaves nothing to be used again.
func TestARefusalAllocatesLittle(t *testing.T) {
	client, _ := newClient(t, middleware.Config{Breaker: breaker.Config{FailureThreshold: 1}}, core.ClientConfig[int]{Source: &coretest.Source[int]{}})
	do := func() {
		_, _ = core.Do(t.Context(), client, core.Op{Name: "Insert"}, func(context.Context, int) (int, error) { return 0, unavailable })
	}
	do()
	if got := testing.AllocsPerRun(200, do); got > 4 {
		t.Errorf("%v allocations, want 4 at most", got)
	}
}
