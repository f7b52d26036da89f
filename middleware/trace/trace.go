// SPDX-License-Identifier: Apache-2.0

// Package trace opens the operation's scope on the observer, so that whatever
// happens inside shows up as one logical operation. It belongs outermost.
package trace

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "trace"

// New returns the stage. Without an observer on the client it does nothing.
func New() core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			observer := call.Observer()
			if observer == nil {
				return next(ctx, call)
			}
			scope := core.Scope{Kind: core.KindOperation, Op: call.Op, Attempt: 1, Start: time.Now()}
			ctx = observer.Begin(ctx, scope)
			call.Observe(ctx)
			err := core.ErrPanic // stands if next does not return
			defer func() { observer.End(ctx, scope, err) }()
			err = next(ctx, call)
			if timeout, ok := call.DeadlineError().(*core.TimeoutError); ok && errors.Is(err, core.ErrTimeout) &&
				context.Cause(call.Caller()) == error(timeout) {
				call.Event(core.Event{
					Kind: core.EventTimeout, Source: Name, Outcome: timeout.Scope.String(), Limit: timeout.Limit, Err: err,
				})
			}
			return err
		}
	}
}
