// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	recipes "github.com/penstock-go/penstock/examples/chain-recipes"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/chain.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func build(t *testing.T, cfg middleware.Config) *middleware.Chain {
	t.Helper()
	chain, err := middleware.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func TestTheRecipesHaveNoWarningsAndCostWhatThePageSays(t *testing.T) {
	readers, writers, archive := recipes.Backends()
	for name, cfg := range map[string]middleware.Config{
		"reads": recipes.Reads(), "writes": recipes.Writes(), "batch": recipes.Batch(), "strict latency": recipes.StrictLatency(),
		"readers": readers, "writers": writers, "archive": archive,
	} {
		chain := build(t, cfg)
		if len(chain.Warnings) > 0 {
			t.Errorf("%s: %q", name, chain.Warnings)
		}
		for line := range strings.Lines(chain.Describe()) {
			if strings.HasPrefix(line, "one ") && !strings.Contains(page(t), "    "+line) {
				t.Errorf("%s: not on the page: %s", name, line)
			}
		}
	}
	if readers.Retry.Budget != writers.Retry.Budget || readers.Retry.Budget == archive.Retry.Budget {
		t.Error("the budgets do not belong to the backends")
	}
}

func TestThePageShowsEachRecipeOnce(t *testing.T) {
	source, err := os.ReadFile("recipes.go")
	if err != nil {
		t.Fatal(err)
	}
	exported := regexp.MustCompile(`(?m)^func [A-Z]\w*\(`).FindAllString(string(source), -1)
	if len(exported) == 0 {
		t.Error("recipes.go exports no function")
	}
	for _, function := range exported {
		if n := strings.Count(page(t), "\n"+function); n != 1 {
			t.Errorf("the page shows %s...) %d times, want 1", function, n)
		}
	}
}

func TestTheChainForTestsSaysThatItIsOne(t *testing.T) {
	chain := build(t, recipes.Rough())
	if len(chain.Warnings) != 1 || !strings.Contains(chain.Warnings[0], "chaos") {
		t.Errorf("warnings %q", chain.Warnings)
	}
}

// The page shows the default chain as Describe prints it.
func TestThePageShowsTheDefaultChain(t *testing.T) {
	chain := build(t, middleware.Config{Health: &health.Config{Probe: func(context.Context) error { return nil }}})
	for line := range strings.Lines(chain.Describe()) {
		if !strings.Contains(page(t), "    "+line) {
			t.Errorf("not on the page: %s", line)
		}
	}
	if len(chain.Warnings) > 0 {
		t.Errorf("the defaults have warnings: %q", chain.Warnings)
	}
}

// allocations returns how many a successful operation makes with that chain.
func allocations(t *testing.T, ctx context.Context, cfg middleware.Config) float64 {
	t.Helper()
	client, err := core.NewClient(core.ClientConfig[int]{
		Source:     &coretest.Source[int]{},
		Middleware: build(t, cfg).Middleware,
	})
	if err != nil {
		t.Fatal(err)
	}
	op := core.Op{Name: "Search", Safety: core.ReadOnly}
	do := func() {
		_, err = core.Do(ctx, client, op, func(_ context.Context, conn int) (int, error) { return conn, nil })
	}
	do() // allocates what is allocated once
	n := testing.AllocsPerRun(1000, do)
	if err != nil {
		t.Error(err)
	}
	return n
}

var row = regexp.MustCompile("(?m)^\\| `(\\w+)` \\|.*\\| ([^|]+) \\|$")

// TestTheStagesAllocateWhatThePageSays measures for each stage how many
// allocations it adds to an operation that succeeds.
func TestTheStagesAllocateWhatThePageSays(t *testing.T) {
	says := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(page(t), -1) {
		says[m[1]] = m[2]
	}
	alive := func(context.Context) error { return nil }
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second) // tighter than an attempt's limit
	defer cancel()
	only := func(name string) middleware.Config {
		cfg := middleware.Config{
			Health:       &health.Config{Probe: alive},
			Bulkhead:     &bulkhead.Config{MaxConcurrent: 8},
			RateLimit:    &ratelimit.Config{Rate: 1e8},
			Chaos:        &chaos.Config{StartOff: true},
			KeyedBreaker: &keyed.Config{},
		}
		others := slices.DeleteFunc(middleware.DefaultOrder(), func(stage string) bool { return stage == name })
		cfg, err := cfg.Without(others...)
		if err != nil {
			t.Fatal(err)
		}
		if got := build(t, cfg).String(); got != name {
			t.Fatalf("the chain is %q, want %q", got, name)
		}
		return cfg
	}
	bare := allocations(t, ctx, only(""))
	for _, name := range middleware.DefaultOrder() {
		got := fmt.Sprint(allocations(t, ctx, only(name)) - bare)
		if name == "timeout" {
			got += fmt.Sprintf("; %v where it makes a context", allocations(t, t.Context(), only(name))-bare)
		}
		if says[name] != got {
			t.Errorf("%s allocates %s, the page says %q", name, got, says[name])
		}
	}
	if got := fmt.Sprintf("An operation itself makes %v allocation", bare); !strings.Contains(page(t), got) {
		t.Errorf("the page does not say: %s", got)
	}
}
