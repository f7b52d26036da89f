// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
)

// DefaultOrder returns the names of the stages in their default order,
// outermost first.
func DefaultOrder() []string {
	return []string{trace.Name, breaker.Name, retry.Name, timeout.Name, health.Name}
}

// Config says what a chain is made of. The zero value is the five stages with
// their defaults in the default order, without the health gate, which needs a
// probe.
type Config struct {
	// Name names the backend: it is the name, in telemetry and errors, of the
	// breaker and of the monitor unless they have their own. That of the keyed
	// breakers is Name.keyed.
	Name string
	// Order names the stages, outermost first. Nil is DefaultOrder.
	Order []string
	// Without names stages to leave out.
	Without []string
	// Stages are the user's own. Each stands where Order names it, or before or
	// after the stage that it says; one with the name of a stage of ours that is
	// disabled stands in its place.
	Stages []core.Stage

	Breaker breaker.Config
	// KeyedBreaker adds a breaker for each collection, say, just inside of the
	// backend's, unless Order has another place for it. Nil is none.
	KeyedBreaker *breaker.KeyedConfig

	Retry   retry.Config
	Timeout timeout.Config
	Health  health.Config
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
	known := append(DefaultOrder(), names(cfg.Stages)...)
	known = append(known, breaker.KeyedName)
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
		if disabled {
			left = append(left, name)
		}
		return slices.Contains(left, name)
	}
	if !out(trace.Name, false) {
		add(trace.Name, trace.New(), nil)
	}
	if !out(breaker.Name, cfg.Breaker.Disabled) {
		if chain.Breaker, err = breaker.New(cfg.Breaker); err != nil {
			add(breaker.Name, nil, err)
		} else {
			add(breaker.Name, chain.Breaker.Middleware, nil)
		}
	}
	keyed := !out(breaker.KeyedName, cfg.KeyedBreaker == nil || cfg.KeyedBreaker.Each.Disabled)
	if keyed {
		name, cfg := cfg.Name, *cfg.KeyedBreaker
		if name != "" {
			cfg.Each.Name = cmp.Or(cfg.Each.Name, name+".keyed")
		}
		if chain.KeyedBreaker, err = breaker.NewKeyed(cfg); err != nil {
			add(breaker.KeyedName, nil, err)
		} else {
			add(breaker.KeyedName, chain.KeyedBreaker.Middleware, nil)
		}
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
		if chain.Monitor, err = health.NewMonitor(cfg.Health); err != nil {
			add(health.Name, nil, err)
		} else {
			add(health.Name, chain.Monitor.Middleware, nil)
		}
	}

	order := cfg.Order
	if order == nil {
		order = DefaultOrder()
	}
	if at := slices.Index(order, breaker.Name); at >= 0 && keyed && !slices.Contains(order, breaker.KeyedName) {
		order = slices.Insert(slices.Clone(order), at+1, breaker.KeyedName)
	}
	order = slices.DeleteFunc(slices.Clone(order), func(name string) bool { return slices.Contains(left, name) })
	arranged, err := core.Arrange(order, stages)
	if err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("middleware: bad configuration: %w", errors.Join(faults...))
	}
	chain.Names = names(arranged)
	chain.Middleware = core.Compose(arranged)
	return chain, nil
}

func names(stages []core.Stage) []string {
	out := make([]string, len(stages))
	for i, s := range stages {
		out[i] = s.Name
	}
	return out
}
