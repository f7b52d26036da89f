// SPDX-License-Identifier: Apache-2.0

// Package timeout limits each attempt: the wait for a connection and the work
// on it together. It is cooperative: the attempt's context ends, and the work
// must heed it. No goroutine is left behind, and none is started.
//
// The limit of a whole operation, with all its attempts, is the caller's
// context or core.ClientConfig.Timeout.
package timeout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "timeout"

// DefaultAttempt is the limit of an attempt unless configured otherwise.
const DefaultAttempt = 10 * time.Second

// ErrExceeded is matched by every error that says that a limit of ours ended
// an attempt or an operation; errors.AsType[*core.TimeoutError] tells which.
var ErrExceeded = core.ErrTimeout

// Config says how long an attempt may take. The zero value means the default.
type Config struct {
	// Attempt limits each attempt of operations without a Timeout of their own.
	// Zero is DefaultAttempt.
	Attempt time.Duration
	// Disabled leaves the stage out.
	Disabled bool
}

// New returns the stage.
func New(cfg Config) (core.Middleware, error) {
	if cfg.Attempt < 0 {
		return nil, fmt.Errorf("timeout: bad configuration: Attempt is negative: %v", cfg.Attempt)
	}
	if cfg.Attempt == 0 {
		cfg.Attempt = DefaultAttempt
	}
	limit := cfg.Attempt
	exceeded := &core.TimeoutError{Scope: core.ScopeAttempt, Limit: limit}
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			limit, exceeded := limit, exceeded
			if call.Op.Timeout > 0 {
				limit = call.Op.Timeout
			}
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= limit {
				return next(ctx, call) // bounded already, and a context costs four allocations
			}
			if limit != exceeded.Limit {
				exceeded = &core.TimeoutError{Scope: core.ScopeAttempt, Limit: limit}
			}
			attempt, cancel := context.WithTimeoutCause(ctx, limit, exceeded)
			defer cancel()
			mark := call.Mark()
			err := next(attempt, call)
			if err == nil || context.Cause(attempt) != error(exceeded) {
				return err
			}
			if !call.Reached(mark) && errors.Is(err, context.DeadlineExceeded) {
				// A stage in between heeded the end; the work says it by itself.
				err = &core.TimeoutError{Scope: core.ScopeAttempt, Limit: limit, Err: err}
			}
			if !errors.Is(err, core.ErrTimeout) {
				return err // it was answered all the same
			}
			call.Event(core.Event{Kind: core.EventTimeout, Source: Name, Outcome: exceeded.Scope.String(), Limit: limit, Err: err})
			return err
		}
	}, nil
}
