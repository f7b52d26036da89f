// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// figures returns a function that reads the state of the client's stages, each time
// that metrics are collected. Nothing of it costs an operation anything.
func (c *Client[C]) figures() func() otelx.Figures {
	breakers := c.breakerFigures()
	return func() otelx.Figures {
		f := otelx.Figures{
			Fallbacks:        c.Fallbacks(),
			AttemptTimeout:   c.chain.AttemptTimeout,
			OperationTimeout: c.limit,
		}
		for _, read := range breakers {
			f.Breakers = append(f.Breakers, read())
		}
		f.Endpoints = c.endpointFigures()
		running, limit, refused := c.Async()
		f.Async = &otelx.AsyncFigures{Running: running, Limit: limit, Rejected: refused}
		if m := c.chain.Monitor; m != nil {
			up := m.Up()
			f.Up = &up
		}
		if b := c.chain.Budget; b != nil && !b.Unlimited() {
			balance := b.Balance()
			f.RetryBudget = &balance
		}
		if b := c.chain.Bulkhead; b != nil {
			s := b.Stats()
			f.Bulkhead = &otelx.BulkheadFigures{Running: s.Running, Waiting: s.Waiting, Limit: s.Limit, Admitted: s.Admitted, Rejected: s.Rejected}
		}
		if l := c.chain.Limiter; l != nil {
			s := l.Stats()
			f.Limiter = &otelx.LimiterFigures{Limit: s.Rate, Admitted: s.Admitted, Rejected: s.Rejected}
		}
		return f
	}
}

// breakerFigures returns a function for each breaker stage. The keyed breakers share one
// name in telemetry, so their figures are how many of them are in each state.
func (c *Client[C]) breakerFigures() []func() otelx.BreakerFigures {
	var all []func() otelx.BreakerFigures
	if b := c.chain.Breaker; b != nil {
		fixed := b.Snapshot()
		all = append(all, func() otelx.BreakerFigures {
			return otelx.BreakerFigures{
				Name: fixed.Name, RecoveryTimeout: seconds(fixed.Configuration.RecoveryTimeout),
				States: map[string]int{b.State().String(): 1},
			}
		})
	}
	if k := c.chain.KeyedBreaker; k != nil {
		recovery := seconds(k.Snapshot().Overflow.Configuration.RecoveryTimeout)
		all = append(all, func() otelx.BreakerFigures {
			name, states := k.States()
			return otelx.BreakerFigures{Name: name, RecoveryTimeout: recovery, States: named(states)}
		})
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

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

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
