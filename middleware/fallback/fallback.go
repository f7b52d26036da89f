// SPDX-License-Identifier: Apache-2.0

// Package fallback gives a result of another kind, such as a cached or an empty
// one, where an operation failed because its backend could not be had.
//
// It is no stage but a function to call in place of core.Do, because a result
// has a type, which stages do not know:
//
//	hits, err := fallback.Do(ctx, client, search, find, func(ctx context.Context, err error) ([]Hit, error) {
//		return cached, nil
//	})
//
// The operation itself counts, and shows up in telemetry, as the failure that
// it was. The place to count how often its fallback was used is the fallback:
// it is called exactly then, and told why.
package fallback

import (
	"context"

	"github.com/penstock-go/penstock/core"
)

// Func makes a result in place of an operation that failed with err, a
// *core.Error. ctx is the caller's: its deadline may be what the operation
// failed by, so that work which needs time wants a context of its own. An error
// that it returns is returned to the caller instead of err; one that still
// means the failure of the operation should wrap err.
type Func[R any] func(ctx context.Context, err error) (R, error)

// Do is core.Do, and calls instead if the operation failed with an error that
// [Accept] accepts.
func Do[C, R any](ctx context.Context, c *core.Client[C], op core.Op, fn func(context.Context, C) (R, error), instead Func[R]) (R, error) {
	result, err := DoPlan(ctx, c, op, fn, Plan[R]{Instead: instead})
	return result.Value, err
}

// Plan says what takes the place of a result, and when.
type Plan[R any] struct {
	// Instead makes the result. Nil is no fallback.
	Instead Func[R]
	// When tells for which errors of the operation Instead is called. Nil is
	// [Accept]. The caller's own cancel is never asked about: nobody waits for
	// a result then.
	When func(err error) bool
}

// Result is a result that may have come from a fallback.
type Result[R any] struct {
	Value R
	// Cause is the error of the operation that a fallback stood in for. It is
	// nil if Value is the operation's own.
	Cause error
}

// DoPlan is [Do] with a Plan, and tells where the result came from. If both the
// operation and its fallback fail, the error is that of the fallback, and Cause
// that of the operation.
func DoPlan[C, R any](ctx context.Context, c *core.Client[C], op core.Op, fn func(context.Context, C) (R, error), plan Plan[R]) (Result[R], error) {
	value, err := core.Do(ctx, c, op, fn)
	if err == nil {
		return Result[R]{Value: value}, nil
	}
	when := plan.When
	if when == nil {
		when = Accept
	}
	if plan.Instead == nil || ctx.Err() == context.Canceled || !when(err) {
		return Result[R]{}, err
	}
	cause := err
	if value, err = plan.Instead(ctx, cause); err != nil {
		var zero R
		value = zero
	}
	return Result[R]{Value: value, Cause: cause}, err
}
