// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"context"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// allocations returns how many allocations an operation that succeeds makes.
func allocations(t *testing.T, middleware core.Middleware) float64 {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: middleware})
	if err != nil {
		t.Fatal(err)
	}
	op := core.Op{Name: "Search", Target: "books"}
	return testing.AllocsPerRun(1000, func() {
		if _, err := core.Do(t.Context(), client, op, func(_ context.Context, conn int) (int, error) { return conn, nil }); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheSuccessPathDoesNotAllocate(t *testing.T) {
	bare := allocations(t, nil)
	check := func(name string, middleware core.Middleware) {
		if got := allocations(t, middleware) - bare; got != 0 {
			t.Errorf("%s: the stage allocates %v times, want 0", name, got)
		}
	}
	for name, cfg := range policies() {
		cfg.SlowCallThreshold = min(cfg.SlowCallThreshold*1_000_000, time.Second) // so that no attempt is slow
		b, err := breaker.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		check(name, b.Middleware)
	}
	for name, set := range map[string]func(*breaker.Breaker){
		"forced closed": (*breaker.Breaker).ForceClose, "disabled": (*breaker.Breaker).Disable,
	} {
		b, err := breaker.New(breaker.Config{})
		if err != nil {
			t.Fatal(err)
		}
		set(b)
		check(name, b.Middleware)
	}
}

func BenchmarkStage(b *testing.B) {
	rows := map[string]core.Middleware{"none": nil}
	for name, cfg := range map[string]breaker.Config{
		"in a row":      {},
		"rate by count": {FailureRate: 0.5},
		"rate by time":  {FailureRate: 0.5, FailureWindowTime: time.Minute},
		"slow":          {SlowCallRate: 0.5},
	} {
		stage, err := breaker.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		rows[name] = stage.Middleware
	}
	for name, middleware := range rows {
		b.Run(name, func(b *testing.B) {
			client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: middleware})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = core.Do(b.Context(), client, core.Op{Name: "Search", Target: "books"}, func(_ context.Context, conn int) (int, error) { return conn, nil })
			}
		})
	}
}

// BenchmarkClosedBreaker runs attempts that succeed again and again in one
// operation. What the breaker costs is the difference.
func BenchmarkClosedBreaker(b *testing.B) {
	stage, err := breaker.New(breaker.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range []struct {
		name       string
		middleware core.Middleware
	}{{"without", core.Compose()}, {"with", stage.Middleware}} {
		b.Run(row.name, func(b *testing.B) {
			loop := func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) (err error) {
					for b.Loop() {
						err = next(ctx, call)
					}
					return err
				}
			}
			client, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: core.Compose(loop, row.middleware)})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			_, err = core.Do(b.Context(), client, core.Op{Name: "Search"}, func(context.Context, int) (int, error) { return 0, nil })
			if err != nil {
				b.Error(err)
			}
		})
	}
}
