// SPDX-License-Identifier: Apache-2.0

// Package middleware builds the chain that an operation passes, of the stages
// in the packages below and of the user's own.
//
// The default order, outermost first, is
//
//	trace > breaker > retry > timeout > health > [acquire > work]
//
// The breaker outside of retry means one verdict for each operation, as its
// caller saw it. Retry asks the breaker before each further attempt, so that no
// attempt follows once it is open, and a probe of a half-open breaker is one
// attempt. The timeout limits each attempt, waiting for a connection included;
// the connection is given back before retry waits. The health gate refuses an
// attempt before a connection is asked for.
//
// Three more stages are in the chain when they are configured: bulkhead and
// ratelimit, between breaker and retry, so that an operation is let in once with
// all its attempts and no refusal counts against the backend; and chaos,
// innermost. Fallback and hedge need the type of the result, and so are
// functions to call in place of core.Do.
//
// A middleware of one's own is a function:
//
//	func Log(next core.Handler) core.Handler {
//		return func(ctx context.Context, call *core.Call) error {
//			err := next(ctx, call)
//			slog.InfoContext(ctx, "operation", "name", call.Op.Name, "err", err)
//			return err
//		}
//	}
//
// It gets its place by name:
//
//	chain, err := middleware.Build(middleware.Config{
//		Stages: []core.Stage{{Name: "log", Middleware: Log, Before: "retry"}},
//	})
package middleware
