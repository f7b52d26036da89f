// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
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

// randomChains is how many configurations the test tries.
const randomChains = 1000

// What Describe, the warnings and the snapshots say of a chain equals what the
// chain does: every number is observed from outside, on the built stage, in
// virtual time.
func TestWhatAChainSaysIsInForce(t *testing.T) {
	coretest.OneProcessor(t)
	rules := tried{}
	for seed := range uint64(randomChains) {
		synctest.Test(t, func(t *testing.T) {
			defer time.Sleep(2 * time.Hour) // the timers of breakers that opened end with the bubble
			cfg := randomChain(seed)
			chain, err := middleware.Build(cfg)
			if err != nil {
				t.Fatalf("seed %d: Build = %v", seed, err)
			}
			seen := observe(t, cfg, chain)
			compareLines(t, seed, chain, seen)
			compareWarnings(t, seed, chain, rules.dueWarnings(cfg, chain, seen))
			compareWorstCase(t, seed, cfg, chain)
		})
		if t.Failed() {
			return
		}
	}
	for rule, n := range rules {
		if n.held == 0 || n.spared == 0 {
			t.Errorf("the rule %q held %d times and did not %d times, want both", rule, n.held, n.spared)
		}
	}
}

// compareLines compares the line of each stage with what was seen of the stage.
func compareLines(t *testing.T, seed uint64, chain *middleware.Chain, seen *observed) {
	t.Helper()
	lines := strings.Split(chain.Describe(), "\n")
	for i, name := range chain.Names {
		said, line, _ := strings.Cut(lines[i], "  ")
		if want := seen.line(name); said != name || strings.TrimSpace(line) != want {
			t.Errorf("seed %d: Describe says %q, want %q of %s", seed, lines[i], want, name)
		}
	}
}

// compareWarnings compares the warnings with those that are due. A due warning is
// the beginning of a warning.
func compareWarnings(t *testing.T, seed uint64, chain *middleware.Chain, due []string) {
	t.Helper()
	left := slices.Clone(chain.Warnings)
	for _, want := range due {
		at := slices.IndexFunc(left, func(w string) bool { return strings.HasPrefix(w, want) })
		if at < 0 {
			t.Errorf("seed %d: no warning %q in %q", seed, want, chain.Warnings)
			continue
		}
		if !strings.Contains(chain.Describe(), "\nwarning: "+left[at]+"\n") {
			t.Errorf("seed %d: Describe has no warning %q", seed, left[at])
		}
		left = slices.Delete(left, at, at+1)
	}
	if len(left) > 0 {
		t.Errorf("seed %d: warnings without a reason: %q", seed, left)
	}
}

// compareWorstCase runs operations on backends that hang and that fail.
func compareWorstCase(t *testing.T, seed uint64, cfg middleware.Config, chain *middleware.Chain) {
	t.Helper()
	plain := core.Op{Name: "operation", Safety: core.ReadOnly}
	for _, op := range append(cfg.Ops, plain) {
		said := chain.WorstCase(op)
		if text := fmt.Sprintf("one %s: %s\n", op.Name, said); strings.Contains(chain.Describe(), text) != (op == plain || op.Timeout > 0) {
			t.Errorf("seed %d: Describe speaks of %q: %v", seed, text, op.Timeout == 0)
		}
		if said.Duration == 0 {
			continue // a backend that hangs would never end
		}
		for _, takes := range []time.Duration{0, time.Second, 1000 * time.Hour} {
			cost := simulate(t, leaveOut(cfg, "chaos"), op, []time.Duration{takes})
			if cost.Attempts > said.Attempts || cost.Duration > said.Duration {
				t.Errorf("seed %d: %s cost %+v, more than the %+v that is said", seed, op.Name, cost, said)
			}
		}
	}
}

// dice makes random configurations, in which most fields are set or not.
type dice struct{ *rand.Rand }

func (d dice) one(in int) bool { return d.IntN(in) == 0 }

// number returns zero or 1 to n.
func (d dice) number(n int) int { return d.IntN(2) * (1 + d.IntN(n)) }

// span returns zero or a duration of any scale.
func (d dice) span() time.Duration {
	if d.one(2) {
		return 0
	}
	return []time.Duration{
		time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, time.Hour,
	}[d.IntN(11)]
}

// randomChain returns a configuration that Build accepts.
func randomChain(seed uint64) middleware.Config {
	d := dice{rand.New(rand.NewPCG(seed, 1))}
	cfg := middleware.Config{
		Name:             []string{"", "milvus"}[d.IntN(2)],
		OperationTimeout: d.span(),
		Breaker:          d.breaker(),
		Retry:            d.retry(),
		Timeout:          timeout.Config{Attempt: d.span(), Disabled: d.one(5)},
	}
	cfg.Trace.Disabled = d.one(5)
	if cfg.OperationTimeout > 0 && cfg.Timeout.Attempt >= cfg.OperationTimeout {
		cfg.Timeout.Attempt = 0
	}
	for n := range d.IntN(3) {
		op := core.Op{Name: []string{"Search", "Insert"}[n], Safety: core.ReadOnly, Timeout: d.span()}
		if cfg.OperationTimeout > 0 && op.Timeout >= cfg.OperationTimeout {
			op.Timeout = cfg.OperationTimeout / 2
		}
		cfg.Ops = append(cfg.Ops, op)
	}
	if d.one(3) {
		cfg.KeyedBreaker = &keyed.Config{Max: d.number(10), Each: d.breaker(), Disabled: d.one(5)}
		cfg.KeyedBreaker.Each.Disabled = false
		if d.one(2) {
			cfg.KeyedBreaker.Key = func(call *core.Call) string { return call.Op.Name }
		}
	}
	if d.one(2) {
		cfg.Bulkhead = &bulkhead.Config{MaxConcurrent: 1 + d.IntN(5), MaxWaiting: d.number(5), Disabled: d.one(5)}
		if cfg.Bulkhead.MaxWaiting > 0 {
			cfg.Bulkhead.MaxWait = d.span()
		}
	}
	if d.one(2) {
		// Rates whose inverse is exact in nanoseconds.
		cfg.RateLimit = &ratelimit.Config{
			Rate: []float64{0.5, 1, 2.5, 4, 10}[d.IntN(5)], Burst: d.number(8),
			MaxWait: time.Duration(d.number(7)) * 333 * time.Millisecond, Disabled: d.one(5),
		}
	}
	if d.one(2) {
		cfg.Health = &health.Config{
			Probe: without(nil), Interval: d.span(), Timeout: d.span(), DownThreshold: d.number(5), UpThreshold: d.number(5), Disabled: d.one(5),
		}
	}
	if d.one(3) {
		cfg.Chaos = &chaos.Config{StartOff: d.one(2), Disabled: d.one(5)}
		for n := range d.IntN(4) {
			cfg.Chaos.Faults = append(cfg.Chaos.Faults, chaos.Fault{Share: 1, Ops: []string{fmt.Sprint("fault", n)}, Err: unavailable})
		}
	}
	return d.placed(cfg)
}

func (d dice) breaker() breaker.Config {
	// A window of time never forgets here, so a higher rate might not be reached.
	rate := func() float64 { return float64(1+d.IntN(80)) / 100 }
	cfg := breaker.Config{
		FailureThreshold: d.number(8), RecoveryTimeout: d.span(), HalfOpenSuccesses: d.number(5), MaxHalfOpenRequests: d.number(5),
		FairRun: d.span(), CountAttempts: d.one(2), Disabled: d.one(5),
	}
	if d.one(2) {
		cfg.FailureRate, cfg.MinimumCalls = rate(), d.number(30)
		switch {
		case d.one(3):
			cfg.FailureWindowTime = d.span()
		case d.one(2):
			cfg.FailureWindow = max(cfg.MinimumCalls, 1) + d.IntN(30)
		}
	}
	if d.one(2) {
		cfg.SlowCallRate, cfg.SlowCallThreshold, cfg.SlowCallWindow = rate(), d.span(), d.number(30)
	}
	return cfg
}

func (d dice) retry() retry.Config {
	cfg := retry.Config{
		MaxRetries: []int{0, 0, 1, 2, 3, 6, retry.None}[d.IntN(7)], Interval: d.span(), MaxInterval: d.span(),
		Jitter: []retry.Jitter{retry.FullJitter, retry.EqualJitter, retry.NoJitter}[d.IntN(3)], Disabled: d.one(5),
	}
	if longest := cmp.Or(cfg.MaxInterval, 20*time.Second); cfg.Interval > longest {
		cfg.Interval = longest
	}
	switch d.IntN(3) {
	case 0:
		cfg.Budget = unlimited()
	case 1:
		ratio, perSecond := []float64{0, 0.05, 0.25, 0.5}[d.IntN(4)], []float64{0, 1, 5, 15}[d.IntN(4)]
		cfg.Budget, _ = core.NewBudget(ratio, perSecond)
	}
	return cfg
}

// wanted returns the names of the stages of Penstock's that are in the chain.
func wanted(cfg middleware.Config) []string {
	present := map[string]bool{
		"trace": !cfg.Trace.Disabled, "breaker": !cfg.Breaker.Disabled, "retry": !cfg.Retry.Disabled, "timeout": !cfg.Timeout.Disabled,
		"keyed_breaker": cfg.KeyedBreaker != nil && !cfg.KeyedBreaker.Disabled,
		"bulkhead":      cfg.Bulkhead != nil && !cfg.Bulkhead.Disabled,
		"ratelimit":     cfg.RateLimit != nil && !cfg.RateLimit.Disabled,
		"health":        cfg.Health != nil && !cfg.Health.Disabled,
		"chaos":         cfg.Chaos != nil && !cfg.Chaos.Disabled,
	}
	return slices.DeleteFunc(middleware.DefaultOrder(), func(name string) bool { return !present[name] })
}

// placed returns cfg with stages of the user's and an order.
func (d dice) placed(cfg middleware.Config) middleware.Config {
	names := middleware.DefaultOrder()
	if d.one(2) {
		d.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		// The places of stages that are not in the chain may be left out.
		in := wanted(cfg)
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(in, name) && d.one(2) })
		cfg.Order = slices.Clone(names)
	}
	neighbour := func(s middleware.Stage) middleware.Stage {
		if len(names) == 0 {
			return s
		}
		if at := names[d.IntN(len(names))]; d.one(2) {
			s.Before = at
		} else {
			s.After = at
		}
		return s
	}
	if d.one(3) && len(names) > 0 {
		cfg.Stages = append(cfg.Stages, neighbour(middleware.Stage{Name: "audit", Middleware: pass}))
	}
	for _, name := range names {
		if !slices.Contains(wanted(cfg), name) && d.one(6) { // in the place of Penstock's
			cfg.Stages = append(cfg.Stages, middleware.Stage{Name: name, Middleware: pass})
		}
	}
	return cfg
}

// Where the rate of failures decides, nothing speaks of failures in a row.
func TestABreakerThatGoesByARateIsNotSaidToCountFailuresInARow(t *testing.T) {
	chain, err := middleware.Build(middleware.Config{
		Breaker: breaker.Config{FailureRate: 0.5, CountAttempts: true}, Retry: retry.Config{MaxRetries: 6},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := chain.Describe()
	if !strings.Contains(text, "breaker  opens at 50 % failures of the last 100 attempts (at least 20); ") {
		t.Errorf("Describe does not say when the breaker opens:\n%s", text)
	}
	if strings.Contains(text, "5 failed") || strings.Contains(text, "in a row") || len(chain.Warnings) > 0 {
		t.Errorf("it speaks of failures in a row, or warns %q:\n%s", chain.Warnings, text)
	}
	if got := chain.Breaker.Snapshot().Configuration.FailureThreshold; got != 0 {
		t.Errorf("the snapshot says that %d failures in a row open the breaker, want none", got)
	}
	s := alone(t, chain)
	op := func() { _ = s.doOp(t.Context(), core.Op{Name: "Write"}, without(unavailable)) }
	for range 19 {
		op()
	}
	if state := chain.Breaker.State(); state != breaker.Closed {
		t.Errorf("the breaker is %v after 19 failures in a row, want closed", state)
	}
	op()
	if state := chain.Breaker.State(); state != breaker.Open {
		t.Errorf("the breaker is %v after 20 failures, want open", state)
	}
}
