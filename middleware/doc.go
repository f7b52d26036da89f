// SPDX-License-Identifier: Apache-2.0

// Package middleware builds the chain of stages that every operation passes:
// Penstock's own stages, which are the packages below, and the user's.
//
// The default order, outermost first, is
//
//	trace > breaker > retry > timeout > health > [acquire > work]
//
// The breaker stands outside of retry, so it counts one verdict for each
// operation, as the caller saw it. Retry asks the breaker before each further
// attempt: no attempt follows once the breaker is open, and a probe of a half-open
// breaker is one attempt. The timeout limits each attempt, the wait for a
// connection included. The attempt gives its connection back before retry waits.
// The health gate refuses an attempt before the attempt asks for a connection.
//
// Four more stages are in the chain on request. The breakers of single keys,
// bulkhead and ratelimit stand between breaker and retry: an operation passes them
// once, with all its attempts, and a refusal does not count against the backend.
// Chaos is innermost. Fallback and hedge need the type of the result, so they are
// functions to call in place of core.Do.
//
// Your own middleware is a function. It keeps the rules of core.Middleware:
//
//	func Log(next core.Handler) core.Handler {
//		return func(ctx context.Context, call *core.Call) error {
//			err := next(ctx, call)
//			slog.InfoContext(ctx, "operation", "name", call.Op.Name, "err", err)
//			return err
//		}
//	}
//
// It becomes a stage with a name, which says where it stands:
//
//	chain, err := middleware.Build(middleware.Config{
//		Stages: []middleware.Stage{{Name: "log", Middleware: Log, Before: "retry"}},
//	})
package middleware
