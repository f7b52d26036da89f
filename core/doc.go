// SPDX-License-Identifier: Apache-2.0

// Package core defines what travels through Penstock: an operation, the chain
// of middleware it passes, and the client that starts it.
//
// The shortest use declares an operation once and runs a function on a connection
// of the client, under every stage of its chain:
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
// [Guard]), and by the [Outcome] of an attempt, which is made of the [Class] that
// the backend's classifier gives to its error. Telemetry is behind the [Observer];
// a nil Observer means none and costs nothing.
//
// Package penstock assembles a [Client] of all its parts.
package core
