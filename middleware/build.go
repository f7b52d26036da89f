// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
)

// DefaultOrder returns the names of the stages in their default order,
// outermost first. A chain has those of them that are configured.
func DefaultOrder() []string {
	return []string{
		trace.Name, breaker.Name, breaker.KeyedName, bulkhead.Name, ratelimit.Name, retry.Name, timeout.Name, health.Name, chaos.Name,
	}
}

// Config says what a chain is made of. The zero value is trace, breaker, retry
// and timeout with their defaults in the default order. The health gate needs a
// probe to be in the chain; bulkhead, ratelimit and chaos need a configuration
// that is not zero.
type Config struct {
	// Name names the backend: it is the name, in telemetry and errors, of each
	// stage that refuses operations unless it has its own. That of the keyed
	// breakers is Name.keyed.
	Name string
	// Order names the stages, outermost first. Nil is DefaultOrder. The place of a
	// stage of this package that is switched off or not configured stays empty.
	Order []string
	// Without names stages to leave out.
	Without []string
	// Stages are the user's own. Each stands where Order names it, or before or
	// after the stage that it says; one with the name of a stage of ours that is
	// disabled stands in its place.
	Stages []core.Stage
	// OperationTimeout is the client's limit of a whole operation, for the other
	// settings to be checked against; NewClient gives it to the client. Zero is
	// none.
	OperationTimeout time.Duration
	// Ops are operations whose own settings are checked too. Optional.
	Ops []core.Op

	Breaker breaker.Config
	// KeyedBreaker adds a breaker for each collection, say, just inside of the
	// backend's, unless Order has another place for it. Nil is none.
	KeyedBreaker *breaker.KeyedConfig

	Retry   retry.Config
	Timeout timeout.Config
	Health  health.Config

	Bulkhead  bulkhead.Config
	RateLimit ratelimit.Config
	Chaos     chaos.Config
}

// Chain is a chain of stages, ready for a client, and those of its stages that
// can be talked to.
type Chain struct {
	// Middleware is the whole chain.
	Middleware core.Middleware
	// Names are the names of its stages, outermost first.
	Names []string
	// Breaker is the circuit breaker; nil if the chain has none.
	Breaker *breaker.Breaker
	// KeyedBreaker are the breakers of single keys; nil if the chain has none.
	KeyedBreaker *breaker.Keyed
	// Monitor is the health monitor, not yet started; nil if the chain has
	// none.
	Monitor *health.Monitor
	// Bulkhead, Limiter and Chaos are the stages of these names; nil if the
	// chain has none.
	Bulkhead *bulkhead.Bulkhead
	Limiter  *ratelimit.Limiter
	Chaos    *chaos.Chaos
	// Warnings say which settings are allowed and yet work against each other.
	Warnings []string

	plan plan
}

// String returns the names of the stages, such as "trace > breaker > retry".
func (c *Chain) String() string { return strings.Join(c.Names, " > ") }

// Parts returns what core.ClientConfig.Parts should hold of the chain.
func (c *Chain) Parts() []any {
	var parts []any
	if c.Breaker != nil {
		parts = append(parts, c.Breaker)
	}
	if c.KeyedBreaker != nil {
		parts = append(parts, c.KeyedBreaker)
	}
	if c.Monitor != nil {
		parts = append(parts, c.Monitor)
	}
	if c.Bulkhead != nil {
		parts = append(parts, c.Bulkhead)
	}
	if c.Limiter != nil {
		parts = append(parts, c.Limiter)
	}
	if c.Chaos != nil {
		parts = append(parts, c.Chaos)
	}
	return append(parts, c)
}

// Build returns the chain that cfg describes, or an error that names all that
// is wrong with cfg.
func Build(cfg Config) (*Chain, error) {
	var (
		chain  = &Chain{}
		stages = slices.Clone(cfg.Stages)
		left   = slices.Clone(cfg.Without)
		faults []error
		err    error
	)
	cfg.Breaker.Name = cmp.Or(cfg.Breaker.Name, cfg.Name)
	cfg.Health.Name = cmp.Or(cfg.Health.Name, cfg.Name)
	add := func(name string, middleware core.Middleware, err error) {
		if err != nil {
			faults = append(faults, err)
			middleware = func(next core.Handler) core.Handler { return next } // so that its place is found all the same
		}
		stages = append(stages, core.Stage{Name: name, Middleware: middleware})
	}
	faults = append(faults, contradictions(cfg)...)
	own := names(cfg.Stages)
	known := append(DefaultOrder(), own...)
	for _, name := range cfg.Without {
		if !slices.Contains(known, name) {
			faults = append(faults, fmt.Errorf("no stage %q to leave out", name))
		}
	}
	stages = slices.DeleteFunc(stages, func(s core.Stage) bool { return slices.Contains(left, s.Name) })

	out := func(name string, disabled bool) bool {
		if disabled && slices.ContainsFunc(stages, func(s core.Stage) bool { return s.Name == name }) {
			return true // the user's own stands in its place
		}
		if disabled && !slices.Contains(left, name) {
			left = append(left, name)
		}
		return disabled || slices.Contains(left, name)
	}
	if !out(trace.Name, false) {
		add(trace.Name, trace.New(), nil)
	}
	if !out(breaker.Name, cfg.Breaker.Disabled) {
		chain.Breaker, err = breaker.New(cfg.Breaker)
		add(breaker.Name, chain.Breaker.Middleware, err)
	}
	if !out(breaker.KeyedName, cfg.KeyedBreaker == nil || cfg.KeyedBreaker.Each.Disabled) {
		name, cfg := cfg.Name, *cfg.KeyedBreaker
		if name != "" {
			cfg.Each.Name = cmp.Or(cfg.Each.Name, name+".keyed")
		}
		chain.KeyedBreaker, err = breaker.NewKeyed(cfg)
		add(breaker.KeyedName, chain.KeyedBreaker.Middleware, err)
	}
	if !out(retry.Name, cfg.Retry.Disabled) {
		middleware, err := retry.New(cfg.Retry)
		add(retry.Name, middleware, err)
	}
	if !out(timeout.Name, cfg.Timeout.Disabled) {
		middleware, err := timeout.New(cfg.Timeout)
		add(timeout.Name, middleware, err)
	}
	if !out(health.Name, cfg.Health.Disabled || cfg.Health.Probe == nil) {
		chain.Monitor, err = health.NewMonitor(cfg.Health)
		add(health.Name, chain.Monitor.Middleware, err)
	}
	if !out(bulkhead.Name, cfg.Bulkhead.Disabled || cfg.Bulkhead == (bulkhead.Config{})) {
		cfg.Bulkhead.Name = cmp.Or(cfg.Bulkhead.Name, cfg.Name)
		chain.Bulkhead, err = bulkhead.New(cfg.Bulkhead)
		add(bulkhead.Name, chain.Bulkhead.Middleware, err)
	}
	if !out(ratelimit.Name, cfg.RateLimit.Disabled || cfg.RateLimit == (ratelimit.Config{})) {
		cfg.RateLimit.Name = cmp.Or(cfg.RateLimit.Name, cfg.Name)
		chain.Limiter, err = ratelimit.New(cfg.RateLimit)
		add(ratelimit.Name, chain.Limiter.Middleware, err)
	}
	if !out(chaos.Name, cfg.Chaos.Disabled || len(cfg.Chaos.Faults) == 0 && !cfg.Chaos.Off) {
		chain.Chaos, err = chaos.New(cfg.Chaos)
		add(chaos.Name, chain.Chaos.Middleware, err)
	}

	order := cfg.Order
	if at := slices.Index(order, breaker.Name); at >= 0 && chain.KeyedBreaker != nil && !slices.Contains(order, breaker.KeyedName) {
		order = slices.Insert(slices.Clone(order), at+1, breaker.KeyedName)
	}
	if order == nil {
		order = slices.DeleteFunc(DefaultOrder(), func(name string) bool { // a place of its own is better
			return slices.ContainsFunc(cfg.Stages, func(s core.Stage) bool { return s.Name == name && s.Before+s.After != "" })
		})
	}
	// What is left out keeps its place until the others have found theirs: they
	// may be placed next to it.
	for _, name := range left {
		if slices.Contains(order, name) {
			add(name, func(next core.Handler) core.Handler { return next }, nil)
		}
	}
	arranged, err := core.Arrange(order, stages)
	if err != nil {
		faults = append(faults, err)
	}
	arranged = slices.DeleteFunc(arranged, func(s core.Stage) bool { return slices.Contains(left, s.Name) })
	if len(faults) > 0 {
		return nil, fmt.Errorf("middleware: bad configuration: %w", errors.Join(faults...))
	}
	chain.Names = names(arranged)
	chain.Middleware = core.Compose(arranged)
	chain.plan = newPlan(cfg, chain.Names)
	chain.Warnings = chain.plan.lint()
	return chain, nil
}

func names(stages []core.Stage) []string {
	out := make([]string, len(stages))
	for i, s := range stages {
		out[i] = s.Name
	}
	return out
}
