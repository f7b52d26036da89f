// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

// Chain returns the chain in force: its names, warnings and description. After
// [Client.Reconfigure] that is another one, made of the same stages.
func (c *Client[C]) Chain() *middleware.Chain { return c.live.now.Load().chain }

// Observer returns what the client tells its telemetry to; nil if nothing
// listens.
func (c *Client[C]) Observer() core.Observer { return c.observer }

// Breaker returns the circuit breaker; nil if the chain has none.
func (c *Client[C]) Breaker() *breaker.Breaker { return c.Chain().Breaker }

// KeyedBreaker returns the breakers of single keys; nil if the chain has none.
func (c *Client[C]) KeyedBreaker() *keyed.Keyed { return c.Chain().KeyedBreaker }

// Monitor returns the health monitor; nil if the backend has no probe.
func (c *Client[C]) Monitor() *health.Monitor { return c.Chain().Monitor }

// Bulkhead returns the bulkhead; nil if the chain has none.
func (c *Client[C]) Bulkhead() *bulkhead.Bulkhead { return c.Chain().Bulkhead }

// Limiter returns the rate limiter; nil if the chain has none.
func (c *Client[C]) Limiter() *ratelimit.Limiter { return c.Chain().Limiter }

// Chaos returns the fault injector; nil if the chain has none.
func (c *Client[C]) Chaos() *chaos.Chaos { return c.Chain().Chaos }
