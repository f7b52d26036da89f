// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"context"
	"errors"

	"github.com/penstock-go/penstock/core"
)

// Func makes a result in place of an operation that failed with err, a
// *core.Error. ctx is the caller's context. The end of ctx may be the reason of
// the failure, so work that takes time needs a context of its own.
//
// The caller gets the error of Func instead of err. An error that still means the
// failure of the operation should wrap err.
type Func[R any] func(ctx context.Context, err error) (R, error)

// Do is core.Do. If the operation failed with an error that [Accept] accepts, Do
// returns what instead returns.
func Do[C, R any](ctx context.Context, c core.Runner[C], op core.Op, fn func(context.Context, C) (R, error), instead Func[R]) (R, error) {
	result, err := DoPlan(ctx, c, op, fn, Plan[R]{Instead: instead})
	return result.Value, err
}

// Plan says what takes the place of a result, and when.
type Plan[R any] struct {
	// Instead makes the result. Nil disables the fallback.
	Instead Func[R]
	// When says for which errors of the operation Instead is called. Nil is
	// [Accept]. When is not asked, and Instead not called, if the caller has
	// canceled ctx: the caller does not wait for a result any more.
	When func(err error) bool
}

// Result is a result that may have come from a fallback.
type Result[R any] struct {
	Value R
	// Cause is the error of the operation whose result the fallback replaced. It is
	// nil if Value is the operation's own.
	Cause error
}

// DoPlan is [Do] with a Plan, and says where the result came from. If the
// operation and its fallback fail, the error is the fallback's, and Cause is the
// operation's.
func DoPlan[C, R any](ctx context.Context, c core.Runner[C], op core.Op, fn func(context.Context, C) (R, error), plan Plan[R]) (Result[R], error) {
	value, err := core.Do(ctx, c, op, fn)
	return plan.follow(ctx, value, err)
}

// Run is [DoPlan] for an operation that is not run by core.Do: run is called once,
// with ctx, and returns what became of the operation. So a hedged operation gets a
// fallback:
//
//	res, err := fallback.Run(ctx, func(ctx context.Context) ([]Hit, error) {
//		return hedge.Do(ctx, hedger, client, search, find)
//	}, fallback.Plan[[]Hit]{Instead: cached})
func Run[R any](ctx context.Context, run func(context.Context) (R, error), plan Plan[R]) (Result[R], error) {
	value, err := run(ctx)
	return plan.follow(ctx, value, err)
}

// follow returns the result of an operation that came to value and err, or what plan
// has in place of it.
func (plan Plan[R]) follow(ctx context.Context, value R, err error) (Result[R], error) {
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
	} else if failed, ok := errors.AsType[*core.Error](cause); ok {
		failed.FellBack() // so that the metrics of its client show it
	}
	return Result[R]{Value: value, Cause: cause}, err
}
