// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

// Chain is the composed stages of a client. Its fields give access to single
// stages. It is made by [Build], and safe for concurrent use.
type Chain struct {
	// Middleware is the whole chain.
	Middleware core.Middleware
	// Names are the names of the stages, outermost first.
	Names []string
	// Breaker is the circuit breaker; nil if the chain has none.
	Breaker *breaker.Breaker
	// KeyedBreaker are the breakers of single keys; nil if the chain has none.
	KeyedBreaker *keyed.Keyed
	// Monitor is the health monitor; nil if the chain has none. Build does not
	// start it. The owner of the chain starts and closes it.
	Monitor *health.Monitor
	// Bulkhead, Limiter and Chaos are the stages of these names; nil if the
	// chain has none.
	Bulkhead *bulkhead.Bulkhead
	Limiter  *ratelimit.Limiter
	Chaos    *chaos.Chaos
	// Budget bounds the retries; nil if the chain does not retry.
	Budget *core.Budget
	// AttemptTimeout limits each attempt of an operation without a limit of its own;
	// zero if the chain has no timeout stage.
	AttemptTimeout time.Duration
	// Warnings say which settings are allowed and yet work against each other, a
	// sentence for each.
	Warnings []string

	plan plan
	kept kept
}

// String returns the names of the stages, such as "trace > breaker > retry".
func (c *Chain) String() string { return strings.Join(c.Names, " > ") }

// Build returns the chain that cfg describes, or an error that names everything
// that is wrong with cfg. It changes nothing that cfg points at.
func Build(cfg Config) (*Chain, error) {
	chain, apply, err := build(cfg, kept{})
	if err != nil {
		return nil, err
	}
	return chain, apply()
}

// build is Build with the stages that were kept. They get their new settings, and so the
// chain is in force, when apply is called.
func build(cfg Config, from kept) (chain *Chain, apply func() error, err error) {
	cfg = cfg.labelled()
	chain = &Chain{kept: from.clone()}
	var (
		applies []func() error
		all     = slices.Clone(cfg.Stages)
		users   = namesOf(cfg.Stages)
		inForce = map[string]settings{}
		vacant  []string // stages of Penstock's that are not in the chain
		faults  fault.List
	)
	cfg.contradictions(&faults)
	for _, r := range stages {
		name, taken := r.stage(), slices.Contains(users, r.stage())
		if !r.wanted(&cfg) {
			if !taken {
				vacant = append(vacant, name)
			}
			continue
		}
		m, s, apply, err := r.make(&cfg, chain)
		applies = append(applies, apply)
		if err != nil {
			faults = append(faults, err)
			m = core.Compose() // the stage keeps its place, or others would have none
		}
		if taken {
			faults.Add("stage %q of Stages has the name of a stage of Penstock's that is in the chain: give yours another name, or set Disabled in the configuration of Penstock's", name)
		} else {
			all, inForce[name] = append(all, Stage{Name: name, Middleware: m}), s
		}
	}
	order := cfg.order()
	for _, name := range vacant {
		// A vacant stage has a place until all others have theirs: they may be
		// placed next to it.
		if slices.Contains(order, name) {
			all = append(all, Stage{Name: name, Middleware: core.Compose()})
		}
	}
	arranged, misplaced := arrange(order, all)
	if err := append(faults, misplaced...).Err("middleware"); err != nil {
		return nil, nil, err
	}
	arranged = slices.DeleteFunc(arranged, func(s Stage) bool { return slices.Contains(vacant, s.Name) })
	chain.Names = namesOf(arranged)
	chain.Middleware = compose(arranged, users)
	chain.plan = newPlan(cfg, chain.Names, inForce)
	chain.Warnings = chain.plan.warnings()
	chain.keep()
	return chain, func() error {
		chain.recover()
		return applied(applies)
	}, nil
}

// order returns the order in which the stages stand.
func (cfg Config) order() []string {
	if cfg.Order == nil {
		// A stage of the user's that stands in for one of Penstock's may have a place
		// of its own.
		return slices.DeleteFunc(DefaultOrder(), func(name string) bool {
			return !find(name).wanted(&cfg) &&
				slices.ContainsFunc(cfg.Stages, func(s Stage) bool { return s.Name == name && s.Before+s.After != "" })
		})
	}
	order := slices.Clone(cfg.Order)
	at := slices.Index(order, breaker.Name)
	if at >= 0 && find(keyed.Name).wanted(&cfg) && !slices.Contains(order, keyed.Name) {
		order = slices.Insert(order, at+1, keyed.Name)
	}
	return order
}

// compose returns the chain of stages. The user's stages are watched: they may lose
// an error.
func compose(stages []Stage, users []string) core.Middleware {
	mws := make([]core.Middleware, len(stages))
	for i, s := range stages {
		mws[i] = s.Middleware
		if slices.Contains(users, s.Name) {
			mws[i] = watched(s)
		}
	}
	return core.Compose(mws...)
}

// watched returns the middleware of s, which tells the call when s returns no error.
func watched(s Stage) core.Middleware {
	return func(next core.Handler) core.Handler {
		handle := s.Middleware(next)
		return func(ctx context.Context, call *core.Call) error {
			err := handle(ctx, call)
			if err == nil {
				call.ReturnedNil(s.Name)
			}
			return err
		}
	}
}

func namesOf(stages []Stage) []string {
	names := make([]string, len(stages))
	for i, s := range stages {
		names[i] = s.Name
	}
	return names
}
