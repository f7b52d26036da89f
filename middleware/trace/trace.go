// SPDX-License-Identifier: Apache-2.0

// Package trace opens the operation's scope on the observer. All that happens
// further in then shows up as one operation. The stage belongs outermost.
package trace

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage"
)

// Name is the name of the stage.
const Name = "trace"

// Config says whether operations are traced. With the zero value they are, if the
// client has an observer.
type Config struct {
	// Disabled leaves the stage out.
	Disabled bool
}

// Effective returns the configuration in force, which is cfg.
func (cfg Config) Effective() (Config, error) { return cfg, nil }

// Describe returns the line of the stage in the description of a chain.
func (Config) Describe(stage.Around) string { return "one scope for each operation" }

// Warnings returns what is doubtful about the stage in the chain around it.
func (Config) Warnings(around stage.Around) []string {
	var w stage.Warnings
	outside := around.OutsideOf(Name)
	w.Warn(len(outside) > 0,
		"trace stands inside of %s: no span shows their work; put trace outermost", stage.Quoted(outside))
	return w
}

// New returns the stage. It does nothing if the client has no observer.
func New() core.Middleware {
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			if call.Observer() == nil {
				return next(ctx, call)
			}
			return traced(ctx, call, next)
		}
	}
}

// traced runs next within the scope of the operation. It is a function of its own,
// like the rest below: an operation without an observer then needs no stack for it.
func traced(ctx context.Context, call *core.Call, next core.Handler) error {
	scope := core.Scope{Kind: core.ScopeOperation, Attempt: 1, Start: time.Now()}
	ctx = call.Begin(ctx, &scope)
	call.Observe(ctx)
	mark := call.Mark()
	err := core.ErrPanic // used if next panics or calls Goexit; the panic is not recovered
	defer func() { call.End(ctx, &scope, err) }()
	if err = next(ctx, call); err != nil {
		tellTimeout(call, err)
		o := call.Since(mark, err)
		scope.Answered, scope.Rejected = o.Answered(), o.Rejected
	}
	return err
}

// tellTimeout tells the observer that the client's own timeout ended the
// operation, if it did.
func tellTimeout(call *core.Call, err error) {
	timeout, ok := call.DeadlineError().(*core.TimeoutError)
	if ok && errors.Is(err, core.ErrTimeout) && context.Cause(call.Caller()) == error(timeout) {
		call.Event(core.Event{
			Kind: core.EventTimeout, Name: Name, Outcome: timeout.Limited(), Limit: timeout.Limit, Err: err,
		})
	}
}
