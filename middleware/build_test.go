// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
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
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

func pass(next core.Handler) core.Handler { return next }

func TestBuildArrangesTheStages(t *testing.T) {
	probed := &health.Config{Probe: without(nil)}
	own := func(name, before, after string) middleware.Stage {
		return middleware.Stage{Name: name, Middleware: pass, Before: before, After: after}
	}
	for _, row := range []struct {
		name string
		cfg  middleware.Config
		want string
	}{
		{"the default", middleware.Config{Health: probed}, "trace > breaker > retry > timeout > health"},
		{"no probe", middleware.Config{}, "trace > breaker > retry > timeout"},
		{"no probe, but a place for it", leaveOut(middleware.Config{Order: []string{"trace", "health"}}, "breaker", "retry", "timeout"), "trace"},
		{"without one", leaveOut(middleware.Config{Health: probed}, "retry"), "trace > breaker > timeout > health"},
		{"without any", leaveOut(middleware.Config{Health: probed}, middleware.DefaultOrder()...), ""},
		{"disabled", middleware.Config{
			Breaker: breaker.Config{Disabled: true},
			Retry:   retry.Config{Disabled: true},
			Timeout: timeout.Config{Disabled: true},
			Health:  &health.Config{Probe: without(nil), Disabled: true},
		}, "trace"},
		{"disabled, however bad its configuration", middleware.Config{Breaker: breaker.Config{Disabled: true, FailureThreshold: -1}}, "trace > retry > timeout"},
		{"another order", middleware.Config{Health: probed, Order: []string{"health", "timeout", "retry", "breaker", "trace"}},
			"health > timeout > retry > breaker > trace"},
		{"one of the user's, before", middleware.Config{Stages: []middleware.Stage{own("log", "retry", "")}}, "trace > breaker > log > retry > timeout"},
		{"one of the user's, after", middleware.Config{Stages: []middleware.Stage{own("log", "", "retry")}}, "trace > breaker > retry > log > timeout"},
		{"one of the user's, next to one that is left out", middleware.Config{Stages: []middleware.Stage{own("log", "", "health")}}, "trace > breaker > retry > timeout > log"},
		{"one of the user's, outermost", middleware.Config{Stages: []middleware.Stage{own("log", "trace", "")}}, "log > trace > breaker > retry > timeout"},
		{"one of the user's, next to another", middleware.Config{Stages: []middleware.Stage{own("a", "", "b"), own("b", "", "timeout")}},
			"trace > breaker > retry > timeout > b > a"},
		{"one of the user's, in the order", middleware.Config{Stages: []middleware.Stage{own("log", "", "")}, Order: []string{"trace", "breaker", "log", "retry", "timeout"}},
			"trace > breaker > log > retry > timeout"},
		{"one of the user's, left out", leaveOut(middleware.Config{Stages: []middleware.Stage{own("log", "", "retry")}}, "log"),
			"trace > breaker > retry > timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			chain, err := middleware.Build(row.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := chain.String(); got != row.want {
				t.Errorf("chain %q, want %q", got, row.want)
			}
			if got := slices.Contains(chain.Names, "breaker"); (chain.Breaker != nil) != got {
				t.Errorf("a breaker: %v, but chain %q", chain.Breaker != nil, chain)
			}
			if got := slices.Contains(chain.Names, "health"); (chain.Monitor != nil) != got {
				t.Errorf("a monitor: %v, but chain %q", chain.Monitor != nil, chain)
			}
			if chain.Middleware == nil {
				t.Error("no middleware")
			}
		})
	}
}

func TestBuildAndWithoutChangeNothingOfTheConfiguration(t *testing.T) {
	full := func() middleware.Config {
		return middleware.Config{
			Name: "milvus", Order: []string{"trace", "health", "log"},
			Stages:       []middleware.Stage{{Name: "retry"}, {Name: "log", Middleware: pass}},
			Ops:          []core.Op{{Name: "Search"}},
			KeyedBreaker: &keyed.Config{}, Bulkhead: &bulkhead.Config{}, RateLimit: &ratelimit.Config{}, Chaos: &chaos.Config{}, Health: &health.Config{},
		}
	}
	cfg := full()
	cfg.Stages[0].Middleware = pass
	for range 2 {
		lean, err := cfg.Without("retry", "timeout", "breaker", "keyed_breaker", "bulkhead", "ratelimit", "chaos", "health")
		if err != nil {
			t.Fatal(err)
		}
		chain, err := middleware.Build(lean)
		if err != nil || chain.String() != "trace > log" {
			t.Fatalf("Build = %v, %v", chain, err)
		}
		if _, err := middleware.Build(cfg); err == nil {
			t.Error("Build accepted what it cannot place")
		}
	}
	cfg.Stages[0].Middleware, cfg.Stages[1].Middleware = nil, nil
	want := full()
	want.Stages[1].Middleware = nil
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("the configuration became %+v, want %+v", cfg, want)
	}
}

func TestTheBackendsNameIsThatOfItsBreakerAndMonitor(t *testing.T) {
	for _, row := range []struct{ own, want string }{{"", "milvus"}, {"mine", "mine"}} {
		chain, err := middleware.Build(middleware.Config{Name: "milvus", Breaker: breaker.Config{Name: row.own}})
		if err != nil {
			t.Fatal(err)
		}
		if got := chain.Breaker.Snapshot().Name; got != row.want {
			t.Errorf("the breaker is named %q, want %q", got, row.want)
		}
	}
}

func TestBuildHandsOutWhatCanBeTalkedToAndStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes := 0
		chain, err := middleware.Build(middleware.Config{Health: &health.Config{Probe: func(context.Context) error { probes++; return nil }}})
		if err != nil {
			t.Fatal(err)
		}
		if b := chain.Breaker; b == nil || b.State() != breaker.Closed {
			t.Error("no breaker, or none that is closed")
		}
		if len(chain.Names) != 5 {
			t.Errorf("chain %q, want five stages", chain)
		}
		time.Sleep(time.Hour)
		if probes != 0 {
			t.Errorf("%d probes before the monitor was started", probes)
		}
		chain.Monitor.Start()
		time.Sleep(time.Hour)
		if err := chain.Monitor.Close(t.Context()); err != nil || probes == 0 {
			t.Errorf("Close = %v after %d probes in an hour", err, probes)
		}
	})
}

func TestADisabledChainLeavesTheErrorAsItIs(t *testing.T) {
	r := newRig(t, leaveOut(middleware.Config{Retry: retry.Config{Disabled: true}, Timeout: timeout.Config{Disabled: true}}, "breaker"), nil)
	r.backend.serve = with(unavailable)
	err := r.do(t.Context(), core.ReadOnly)
	if e, ok := errors.AsType[*core.Error](err); !ok || !errors.Is(e.Err, unavailable) || e.Attempts != 1 {
		t.Errorf("Do = %v", err)
	}
}
