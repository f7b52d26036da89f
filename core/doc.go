// SPDX-License-Identifier: Apache-2.0

// Package core defines what travels through Penstock: an operation, the chain
// of middleware it passes, and the client that starts it.
//
// The shortest use declares an operation once and runs a function on a
// borrowed connection under every stage of the client:
//
//	var search = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}
//
//	hits, err := core.Do(ctx, client, search, func(ctx context.Context, c *Conn) ([]Hit, error) {
//		return c.Search(ctx, query)
//	})
//
// A middleware is a function from [Handler] to [Handler]. It knows no result
// type: types live at the edge, in [Do], so one chain (and so one circuit
// breaker) serves every operation of a backend.
//
// Stages never import each other. They cooperate through this package: by
// errors (a local refusal wraps [ErrRejected]), by the [Call] (attempt limits,
// guards), and by the [Class] that a backend's classifier gives to an outcome.
// Telemetry is behind the [Observer]; a nil Observer means none and costs
// nothing.
//
// The package imports the standard library only.
package core
