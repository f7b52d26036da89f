// SPDX-License-Identifier: Apache-2.0

// Package timeout limits each attempt: the wait for a connection and the work on
// the connection together. The limit is cooperative: the attempt's context ends,
// and the work must return. The package starts no goroutine and leaves none
// behind.
//
// A whole operation, with all its attempts, is limited by the caller's context and
// by the client's OperationTimeout.
package timeout

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
)

// Name is the name of the stage.
const Name = "timeout"

// ErrExceeded is matched by every error of an attempt or operation that one of
// Penstock's own limits ended. errors.AsType[*core.TimeoutError] tells which limit.
// It is core.ErrTimeout.
var ErrExceeded = core.ErrTimeout

// Config says how long an attempt may take. The zero value means the default.
type Config struct {
	// Attempt limits each attempt of operations without a Timeout of their own.
	// Zero is 10 s.
	Attempt time.Duration
	// Disabled leaves the stage out.
	Disabled bool
}

// Effective returns the configuration in force, which is cfg with its defaults.
// The error names everything that is wrong with cfg.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	fault.Default(&faults, "Attempt", &cfg.Attempt, 10*time.Second)
	return cfg, faults.Err("timeout")
}

// New returns the stage.
func New(cfg Config) (core.Middleware, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	exceeded := &core.TimeoutError{Limit: cfg.Attempt}
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			exceeded := exceeded
			if limit := call.Op.Timeout; limit > 0 && limit != exceeded.Limit {
				exceeded = &core.TimeoutError{Limit: limit}
			}
			var err error
			if call.EndsWithin(ctx, exceeded.Limit) {
				err = next(ctx, call) // the deadline is tighter, and a context costs four allocations
			} else {
				err = limited(ctx, call, next, exceeded)
			}
			if err != nil {
				call.AttemptLimited(exceeded.Limit)
			}
			return err
		}
	}, nil
}

// limited runs next under the limit of exceeded, which is the cause of the end of
// the attempt's context.
func limited(ctx context.Context, call *core.Call, next core.Handler, exceeded *core.TimeoutError) error {
	attempt, cancel := call.WithLimit(ctx, exceeded.Limit, exceeded)
	defer cancel()
	mark := call.Mark()
	err := next(attempt, call)
	if err == nil || context.Cause(attempt) != error(exceeded) {
		return err
	}
	return ended(call, mark, err, exceeded)
}

// ended returns the error of an attempt whose time was over, and tells the
// observer.
func ended(call *core.Call, mark core.Mark, err error, exceeded *core.TimeoutError) error {
	if !call.LastSince(mark, err).Reached && errors.Is(err, context.DeadlineExceeded) {
		// A stage further in returned the context's error. Errors of the work
		// are made a TimeoutError by core.
		err = &core.TimeoutError{Limit: exceeded.Limit, Err: err}
	}
	if !errors.Is(err, core.ErrTimeout) {
		return err // the backend or a stage answered all the same
	}
	call.Event(core.Event{Kind: core.EventTimeout, Name: Name, Outcome: exceeded.Limited(), Limit: exceeded.Limit, Err: err})
	return err
}
