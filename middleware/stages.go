// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"slices"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
)

// stages are Penstock's own, in the default order, outermost first. A new stage
// is a folder, a field of Config and a row here; see row.go for what a row says.
var stages = []row{
	own[trace.Config]{
		name:     trace.Name,
		field:    func(c *Config) *trace.Config { return &c.Trace },
		disabled: func(cfg *trace.Config) *bool { return &cfg.Disabled },
		build:    func(trace.Config, *Chain) (core.Middleware, error) { return trace.New(), nil },
	},
	own[breaker.Config]{
		name:     breaker.Name,
		field:    func(c *Config) *breaker.Config { return &c.Breaker },
		disabled: func(cfg *breaker.Config) *bool { return &cfg.Disabled },
		label:    func(cfg *breaker.Config) *string { return &cfg.Name },
		again: func(cfg breaker.Config, chain *Chain) (core.Middleware, func() error) {
			return again(chain.kept.breaker, &chain.Breaker, cfg)
		},
		build: func(cfg breaker.Config, chain *Chain) (m core.Middleware, err error) {
			chain.Breaker, err = breaker.New(cfg)
			return chain.Breaker.Middleware, err
		},
	},
	own[keyed.Config]{
		name:     keyed.Name,
		pointer:  func(c *Config) **keyed.Config { return &c.KeyedBreaker },
		disabled: func(cfg *keyed.Config) *bool { return &cfg.Disabled },
		label:    func(cfg *keyed.Config) *string { return &cfg.Each.Name },
		suffix:   ".keyed",
		again: func(cfg keyed.Config, chain *Chain) (core.Middleware, func() error) {
			return again(chain.kept.keyed, &chain.KeyedBreaker, cfg)
		},
		build: func(cfg keyed.Config, chain *Chain) (m core.Middleware, err error) {
			chain.KeyedBreaker, err = keyed.New(cfg)
			return chain.KeyedBreaker.Middleware, err
		},
	},
	own[bulkhead.Config]{
		name:     bulkhead.Name,
		pointer:  func(c *Config) **bulkhead.Config { return &c.Bulkhead },
		disabled: func(cfg *bulkhead.Config) *bool { return &cfg.Disabled },
		label:    func(cfg *bulkhead.Config) *string { return &cfg.Name },
		again: func(cfg bulkhead.Config, chain *Chain) (core.Middleware, func() error) {
			return again(chain.kept.bulkhead, &chain.Bulkhead, cfg)
		},
		build: func(cfg bulkhead.Config, chain *Chain) (m core.Middleware, err error) {
			chain.Bulkhead, err = bulkhead.New(cfg)
			return chain.Bulkhead.Middleware, err
		},
	},
	own[ratelimit.Config]{
		name:     ratelimit.Name,
		pointer:  func(c *Config) **ratelimit.Config { return &c.RateLimit },
		disabled: func(cfg *ratelimit.Config) *bool { return &cfg.Disabled },
		label:    func(cfg *ratelimit.Config) *string { return &cfg.Name },
		again: func(cfg ratelimit.Config, chain *Chain) (core.Middleware, func() error) {
			return again(chain.kept.limiter, &chain.Limiter, cfg)
		},
		build: func(cfg ratelimit.Config, chain *Chain) (m core.Middleware, err error) {
			chain.Limiter, err = ratelimit.New(cfg)
			return chain.Limiter.Middleware, err
		},
	},
	own[retry.Config]{
		name:     retry.Name,
		field:    func(c *Config) *retry.Config { return &c.Retry },
		disabled: func(cfg *retry.Config) *bool { return &cfg.Disabled },
		build: func(cfg retry.Config, chain *Chain) (core.Middleware, error) {
			chain.Budget = cfg.Budget
			return retry.New(cfg)
		},
		again: func(cfg retry.Config, chain *Chain) (core.Middleware, func() error) {
			return againWithBudget(cfg, chain)
		},
	},
	own[timeout.Config]{
		name:     timeout.Name,
		field:    func(c *Config) *timeout.Config { return &c.Timeout },
		disabled: func(cfg *timeout.Config) *bool { return &cfg.Disabled },
		build: func(cfg timeout.Config, chain *Chain) (core.Middleware, error) {
			chain.AttemptTimeout = cfg.Attempt
			return timeout.New(cfg)
		},
	},
	own[health.Config]{
		name:     health.Name,
		pointer:  func(c *Config) **health.Config { return &c.Health },
		disabled: func(cfg *health.Config) *bool { return &cfg.Disabled },
		label:    func(cfg *health.Config) *string { return &cfg.Name },
		again: func(cfg health.Config, chain *Chain) (core.Middleware, func() error) {
			return again(chain.kept.monitor, &chain.Monitor, cfg)
		},
		build: func(cfg health.Config, chain *Chain) (m core.Middleware, err error) {
			chain.Monitor, err = health.NewMonitor(cfg)
			return chain.Monitor.Middleware, err
		},
	},
	own[chaos.Config]{
		name:     chaos.Name,
		pointer:  func(c *Config) **chaos.Config { return &c.Chaos },
		disabled: func(cfg *chaos.Config) *bool { return &cfg.Disabled },
		again: func(cfg chaos.Config, chain *Chain) (core.Middleware, func() error) {
			return again(chain.kept.chaos, &chain.Chaos, cfg)
		},
		build: func(cfg chaos.Config, chain *Chain) (m core.Middleware, err error) {
			chain.Chaos, err = chaos.New(cfg)
			return chain.Chaos.Middleware, err
		},
	},
}

// DefaultOrder returns the names of Penstock's stages in their default order,
// outermost first. A chain has the configured ones.
func DefaultOrder() []string {
	names := make([]string, len(stages))
	for i, r := range stages {
		names[i] = r.stage()
	}
	return names
}

// find returns the row of the named stage, nil if Penstock has no such stage.
func find(name string) row {
	if at := slices.IndexFunc(stages, func(r row) bool { return r.stage() == name }); at >= 0 {
		return stages[at]
	}
	return nil
}
