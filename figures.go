// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// figures returns a function that reads the state of the client's stages, each time
// that metrics are collected. Nothing of it costs an operation anything.
func (c *Client[C]) figures() func() otelx.Figures {
	return func() otelx.Figures {
		now := c.live.now.Load()
		chain := now.chain
		f := otelx.Figures{
			Fallbacks:        c.Fallbacks(),
			AttemptTimeout:   chain.AttemptTimeout,
			OperationTimeout: now.limit(),
			Breakers:         breakerFigures(chain),
			Configuration: &otelx.ConfigurationFigures{
				Generation: now.generation.Number, Applied: now.generation.Number - 1, Refused: c.live.refused.load().Count,
			},
		}
		f.Endpoints = c.endpointFigures()
		running, limit, refused := c.Async()
		f.Async = &otelx.AsyncFigures{Running: running, Limit: limit, Rejected: refused}
		if m := chain.Monitor; m != nil {
			up := m.Up()
			f.Up = &up
		}
		if b := chain.Budget; b != nil && !b.Unlimited() {
			balance := b.Balance()
			f.RetryBudget = &balance
		}
		if b := chain.Bulkhead; b != nil {
			s := b.Stats()
			f.Bulkhead = &otelx.BulkheadFigures{Running: s.Running, Waiting: s.Waiting, Limit: s.Limit, Admitted: s.Admitted, Rejected: s.Rejected}
		}
		if l := chain.Limiter; l != nil {
			s := l.Stats()
			f.Limiter = &otelx.LimiterFigures{Limit: s.Rate, Admitted: s.Admitted, Rejected: s.Rejected}
		}
		return f
	}
}

// breakerFigures returns the figures of each breaker stage. The keyed breakers share one
// name in telemetry, so their figures are how many of them are in each state.
func breakerFigures(chain *middleware.Chain) (all []otelx.BreakerFigures) {
	cfg := chain.Config()
	if b := chain.Breaker; b != nil {
		all = append(all, otelx.BreakerFigures{
			Name: cfg.Breaker.Name, RecoveryTimeout: cfg.Breaker.RecoveryTimeout, States: map[string]int{b.State().String(): 1},
		})
	}
	if k := chain.KeyedBreaker; k != nil {
		name, states := k.States()
		all = append(all, otelx.BreakerFigures{Name: name, RecoveryTimeout: cfg.KeyedBreaker.Each.RecoveryTimeout, States: named(states)})
	}
	return all
}

func named(states map[breaker.State]int) map[string]int {
	byName := make(map[string]int, len(states))
	for state, n := range states {
		byName[state.String()] = n
	}
	return byName
}

// endpointFigures returns the state of the endpoints of all lanes.
func (c *Client[C]) endpointFigures() (all []otelx.EndpointFigures) {
	for _, l := range c.lanes {
		b, ok := l.(*endpoint.Balancer[C])
		if !ok {
			continue
		}
		endpoints, _ := b.Endpoints()
		for _, e := range endpoints {
			f := otelx.EndpointFigures{
				Pool: l.Name(), Address: e.Address, Ejected: e.State == endpoint.Ejected,
				InFlight: e.InFlight, Latency: e.Latency, Ejections: make(map[string]uint64, len(e.Ejections)),
			}
			for reason, n := range e.Ejections {
				f.Ejections[string(reason)] = n
			}
			all = append(all, f)
		}
	}
	return all
}
