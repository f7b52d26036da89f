// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"errors"
	"maps"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
)

// Reconfigure returns the chain that cfg describes, made of the stages of c: a breaker, a
// monitor, a budget and so on stay the same objects with the same state. A stage that c
// does not have is new, unless an earlier chain had one: a stage that is switched off is
// kept for its return. The user's own stages come from cfg.
//
// Nothing changes before apply is called. From then on the stages have their new settings,
// also for those who still use c; the caller puts the new chain in place of c, and starts
// a Monitor that comes or suspends a Monitor that goes. apply fails only if stages were
// reconfigured otherwise meanwhile.
//
// The error names everything that is wrong with cfg, such as a Name of a stage that
// differs from the present one. A chain is used for one Reconfigure at a time.
func (c *Chain) Reconfigure(cfg Config) (next *Chain, apply func() error, err error) {
	return build(cfg, c.kept)
}

// Config returns the configuration in force, with the defaults of the stages that are in
// the chain. Its Order is the order of all stages.
func (c *Chain) Config() Config {
	cfg := c.plan.cfg.detached()
	cfg.Order = append([]string(nil), c.Names...)
	return cfg
}

// kept are the stages that a chain and those before it had.
type kept struct {
	breaker  *breaker.Breaker
	keyed    *keyed.Keyed
	monitor  *health.Monitor
	bulkhead *bulkhead.Bulkhead
	limiter  *ratelimit.Limiter
	chaos    *chaos.Chaos
	budget   *core.Budget
	labels   map[string]string // names in telemetry and errors, by the name of the stage
}

func (k kept) clone() kept {
	k.labels = maps.Clone(k.labels)
	if k.labels == nil {
		k.labels = map[string]string{}
	}
	return k
}

// keep keeps the stages of c for later chains.
func (c *Chain) keep() {
	keepOne(&c.kept.breaker, c.Breaker)
	keepOne(&c.kept.keyed, c.KeyedBreaker)
	keepOne(&c.kept.monitor, c.Monitor)
	keepOne(&c.kept.bulkhead, c.Bulkhead)
	keepOne(&c.kept.limiter, c.Limiter)
	keepOne(&c.kept.chaos, c.Chaos)
	keepOne(&c.kept.budget, c.Budget)
}

func keepOne[T any](at **T, object *T) {
	if object != nil {
		*at = object
	}
}

// sameLabel keeps the label of a stage, and refuses another one than was kept.
func (k kept) sameLabel(stage, label string) error {
	was, ok := k.labels[stage]
	if !ok {
		k.labels[stage] = label
		return nil
	}
	var faults fault.List
	fault.Fixed(&faults, "Name", was, label)
	return faults.Err(stage)
}

// live is a stage that can be reconfigured.
type live[C any] interface {
	comparable
	Middleware(core.Handler) core.Handler
	Reconfigure(C) error
}

// again puts a kept stage into the chain, at the given field, unless it is nil.
func again[C any, S live[C]](kept S, at *S, cfg C) (core.Middleware, func() error) {
	var none S
	if kept == none {
		return nil, nil
	}
	*at = kept
	return kept.Middleware, func() error { return kept.Reconfigure(cfg) }
}

// againWithBudget builds a retry stage that has the kept budget, with the terms of the
// budget of cfg.
func againWithBudget(cfg retry.Config, chain *Chain) (core.Middleware, func() error) {
	budget := chain.kept.budget
	if budget == nil {
		return nil, nil
	}
	terms := cfg.Budget
	cfg.Budget = budget
	m, err := retry.New(cfg)
	if err != nil {
		return nil, nil // build returns the error
	}
	chain.Budget = budget
	return m, func() error { budget.Adopt(terms); return nil }
}

// applied calls the functions that are not nil.
func applied(applies []func() error) error {
	var errs []error
	for _, apply := range applies {
		if apply != nil {
			errs = append(errs, apply())
		}
	}
	return errors.Join(errs...)
}
