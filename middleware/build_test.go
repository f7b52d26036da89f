// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

func pass(next core.Handler) core.Handler { return next }

func TestBuildArrangesTheStages(t *testing.T) {
	probed := health.Config{Probe: without(nil)}
	own := func(name, before, after string) core.Stage {
		return core.Stage{Name: name, Middleware: pass, Before: before, After: after}
	}
	for _, row := range []struct {
		name string
		cfg  middleware.Config
		want string
	}{
		{"the default", middleware.Config{Health: probed}, "trace > breaker > retry > timeout > health"},
		{"no probe", middleware.Config{}, "trace > breaker > retry > timeout"},
		{"no probe, but a place for it", middleware.Config{Order: []string{"trace", "health"}, Without: []string{"breaker", "retry", "timeout"}}, "trace"},
		{"without one", middleware.Config{Health: probed, Without: []string{"retry"}}, "trace > breaker > timeout > health"},
		{"without any", middleware.Config{Health: probed, Without: middleware.DefaultOrder()}, ""},
		{"disabled", middleware.Config{
			Breaker: breaker.Config{Disabled: true},
			Retry:   retry.Config{Disabled: true},
			Timeout: timeout.Config{Disabled: true},
			Health:  health.Config{Probe: without(nil), Disabled: true},
		}, "trace"},
		{"disabled, however bad its configuration", middleware.Config{Breaker: breaker.Config{Disabled: true, FailureThreshold: -1}}, "trace > retry > timeout"},
		{"another order", middleware.Config{Health: probed, Order: []string{"health", "timeout", "retry", "breaker", "trace"}},
			"health > timeout > retry > breaker > trace"},
		{"one of the user's, before", middleware.Config{Stages: []core.Stage{own("log", "retry", "")}}, "trace > breaker > log > retry > timeout"},
		{"one of the user's, after", middleware.Config{Stages: []core.Stage{own("log", "", "retry")}}, "trace > breaker > retry > log > timeout"},
		{"one of the user's, next to one that is left out", middleware.Config{Stages: []core.Stage{own("log", "", "health")}}, "trace > breaker > retry > timeout > log"},
		{"one of the user's, outermost", middleware.Config{Stages: []core.Stage{own("log", "trace", "")}}, "log > trace > breaker > retry > timeout"},
		{"one of the user's, next to another", middleware.Config{Stages: []core.Stage{own("a", "", "b"), own("b", "", "timeout")}},
			"trace > breaker > retry > timeout > b > a"},
		{"one of the user's, in the order", middleware.Config{Stages: []core.Stage{own("log", "", "")}, Order: []string{"trace", "breaker", "log", "retry", "timeout"}},
			"trace > breaker > log > retry > timeout"},
		{"one of the user's, left out", middleware.Config{Stages: []core.Stage{own("log", "", "retry")}, Without: []string{"log"}},
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

func TestBuildNamesAllThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  middleware.Config
		want []string
	}{
		{"several stages", middleware.Config{
			Breaker: breaker.Config{FailureThreshold: -1, HalfOpenSuccesses: -1},
			Retry:   retry.Config{MaxRetries: -7},
			Timeout: timeout.Config{Attempt: -1},
			Health:  health.Config{Probe: without(nil), Interval: -1},
			Without: []string{"firewall"},
			Stages:  []core.Stage{{Name: "log", Middleware: pass}},
		}, []string{
			"FailureThreshold is negative", "HalfOpenSuccesses is negative", "MaxRetries is negative", "Attempt is negative", "Interval is negative",
			`no stage "firewall" to leave out`, `stage "log" has no place`,
		}},
		{"unknown in the order", middleware.Config{Order: []string{"trace", "breaker", "retries", "timeout"}}, []string{`stage "retries"`, `stage "retry" has no place`}},
		{"twice in the order", middleware.Config{Order: []string{"trace", "breaker", "retry", "retry", "timeout"}}, []string{`stage "retry" twice`}},
		{"a name that is taken", middleware.Config{Stages: []core.Stage{{Name: "retry", Middleware: pass}}}, []string{`"retry" is provided twice`}},
		{"a cycle", middleware.Config{Stages: []core.Stage{{Name: "a", Middleware: pass, After: "b"}, {Name: "b", Middleware: pass, After: "a"}}}, []string{`stage "a"`, `stage "b"`}},
		{"no middleware", middleware.Config{Stages: []core.Stage{{Name: "log", After: "trace"}}}, []string{`"log" has no middleware`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			chain, err := middleware.Build(row.cfg)
			if err == nil || chain != nil {
				t.Fatalf("Build = %v, %v, want an error", chain, err)
			}
			for _, want := range append(row.want, "middleware: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Build = %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestBuildChangesNothingOfItsConfig(t *testing.T) {
	cfg := middleware.Config{
		Order:   []string{"trace", "health", "log"},
		Without: []string{"retry", "timeout", "breaker"},
		Stages:  []core.Stage{{Name: "retry", Middleware: pass}, {Name: "log", Middleware: pass}},
	}
	for range 2 {
		chain, err := middleware.Build(cfg)
		if err != nil || chain.String() != "trace > log" {
			t.Fatalf("Build = %v, %v", chain, err)
		}
	}
	if !slices.Equal(cfg.Order, []string{"trace", "health", "log"}) || len(cfg.Without) != 3 || cfg.Stages[0].Name != "retry" {
		t.Errorf("the configuration became %+v", cfg)
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

// closer writes its name down when it is closed.
type closer struct {
	name string
	log  *[]string
}

func (c *closer) Close(context.Context) error {
	*c.log = append(*c.log, c.name)
	return nil
}

// closing is a source that can be closed.
type closing struct {
	coretest.Source[int]
	closer
}

func TestNewClientHandsOutAndClosesItsParts(t *testing.T) {
	var log []string
	probes := 0
	client, err := middleware.NewClient(core.ClientConfig[int]{
		Source: &closing{closer: closer{"source", &log}},
		Parts:  []any{&closer{"first", &log}, &closer{"second", &log}},
	}, middleware.Config{Health: health.Config{Probe: func(context.Context) error { probes++; return nil }}})
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := core.Part[*breaker.Breaker](client); !ok || b.State() != breaker.Closed {
		t.Error("no breaker among the parts")
	}
	if chain, ok := core.Part[*middleware.Chain](client); !ok || len(chain.Names) != 5 {
		t.Error("no chain among the parts")
	}
	monitor, ok := core.Part[*health.Monitor](client)
	if !ok {
		t.Fatal("no monitor among the parts")
	}
	if err := client.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if want := []string{"source", "second", "first"}; !slices.Equal(log, want) {
		t.Errorf("closed %q, want %q", log, want)
	}
	monitor.Start()
	if err := monitor.Close(t.Context()); err != nil || probes != 0 {
		t.Errorf("the monitor was not closed: Close = %v, %d probes", err, probes)
	}
}

func TestNewClientRefusesWhatItCannotUse(t *testing.T) {
	if _, err := middleware.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Middleware: pass}, middleware.Config{}); err == nil {
		t.Error("NewClient = nil, want an error for the middleware")
	}
	if _, err := middleware.NewClient(core.ClientConfig[int]{}, middleware.Config{}); err == nil {
		t.Error("NewClient = nil, want an error for the source")
	}
	_, err := middleware.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}}, middleware.Config{Timeout: timeout.Config{Attempt: -time.Second}})
	if err == nil || !strings.Contains(err.Error(), "Attempt is negative") {
		t.Errorf("NewClient = %v, want an error for the chain", err)
	}
}

func TestADisabledChainLeavesTheErrorAsItIs(t *testing.T) {
	r := newRig(t, middleware.Config{Without: []string{"breaker"}, Retry: retry.Config{Disabled: true}, Timeout: timeout.Config{Disabled: true}}, nil)
	r.backend.serve = with(unavailable)
	err := r.do(t.Context(), core.ReadOnly)
	if e, ok := errors.AsType[*core.Error](err); !ok || !errors.Is(e.Err, unavailable) || e.Attempts != 1 {
		t.Errorf("Do = %v", err)
	}
}
