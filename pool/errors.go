// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

var (
	// ErrClosed is returned after Drain or Close was called. It matches
	// core.ErrRejected and core.ErrConnection.
	ErrClosed = core.Sentinel("pool closed", "pool_closed", core.ErrRejected, core.ErrConnection)

	// ErrExhausted is matched by the [*AcquireError] of a wait that ended without a
	// connection, whatever ended it. It matches core.ErrConnection.
	ErrExhausted = core.Sentinel("pool exhausted", "pool_timeout", core.ErrConnection)

	// ErrTooManyWaiters is returned while Config.MaxWaiters callers wait. It
	// matches core.ErrRejected and core.ErrConnection.
	ErrTooManyWaiters = core.Sentinel("too many callers wait for a connection", "too_many_waiters", core.ErrRejected, core.ErrConnection)

	// ErrDial is matched by every [*DialError]. It matches core.ErrConnection.
	ErrDial = core.Sentinel("dial failed", "connect_error", core.ErrConnection)

	// ErrDialTimeout is matched by the [*DialError] of a dial that
	// Config.DialTimeout ended. It matches ErrDial.
	ErrDialTimeout = core.Sentinel("dial timed out", "connect_error", ErrDial)

	// ErrStart is matched by every error of Start. It matches core.ErrConnection.
	ErrStart = core.Sentinel("pool cannot start", "", core.ErrConnection)

	// ErrBadConn is for functions that run in [Pool.Do]: an error that wraps it
	// says that the connection is broken. The pool removes the connection. Any other
	// error makes the connection suspect, see Do.
	ErrBadConn = core.Sentinel("bad connection", "")
)

// AcquireError says that a wait for a connection ended without one, and describes
// the pool at that moment. It matches [ErrExhausted] if the caller waited, in any case
// core.ErrConnection, and what Err and LastDial match.
type AcquireError struct {
	Pool   string
	Waited time.Duration // zero if the context had ended before the call: the pool was not asked
	// InUse and Idle count the connections with and without a caller. Max is the
	// greatest number of connections. Waiters counts the callers that waited on.
	InUse, Idle, Max, Waiters int
	LastDial                  error // error of the last dial, nil if it succeeded
	Err                       error // error of the context, nil if Config.AcquireTimeout ended the wait
	// Held is set if the pool refused to let the caller wait for itself: the operations
	// that it is part of have all connections of the pool, or all places on them. The error
	// matches core.ErrRejected then.
	Held int
	// Unanswered is for how long, up to the end of the wait, the pool had no connection
	// and its dials did not end. From 100 ms on the backend is to blame for the wait,
	// unless the caller canceled it: otherwise Unanswered is zero.
	Unanswered time.Duration
	// Holders are the callers that have had a connection for longest, the oldest first,
	// three at most. They are known to a pool with an Observer or LeakAfter. The list may
	// be 100 ms old.
	Holders Holders

	limited bool // a limit of ours, such as the attempt's timeout, ended the context
}

// Error names the pool, the time of the wait, the use of the pool, both errors, and the
// holders without their stacks.
func (e *AcquireError) Error() string {
	var b strings.Builder
	if e.Held > 0 {
		what := "connections"
		if e.Held != e.Max {
			what = "places on connections"
		}
		return fmt.Sprintf("pool %q: this operation already holds %d of %d %s; it would wait for itself: "+
			"use the connection that the work was given, or raise MaxSize", e.Pool, e.Held, e.Held, what)
	}
	if e.Waited == 0 && e.Err != nil {
		fmt.Fprintf(&b, "pool %q: no connection acquired", e.Pool)
	} else {
		fmt.Fprintf(&b, "pool %q exhausted after %v: %d of %d in use, %d waiting",
			e.Pool, e.Waited.Round(time.Microsecond), e.InUse, e.Max, e.Waiters)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Unanswered > 0 {
		fmt.Fprintf(&b, " (no connection, and dials without an answer for %v)", e.Unanswered.Round(time.Microsecond))
	}
	if e.LastDial != nil {
		fmt.Fprintf(&b, " (last dial: %v)", e.LastDial)
	}
	if len(e.Holders) > 0 {
		fmt.Fprintf(&b, " (oldest holders: %s)", e.Holders)
	}
	return b.String()
}

// Is matches [ErrExhausted] if the caller waited or was refused, and what ErrExhausted
// matches; and core.ErrRejected if Held is set.
func (e *AcquireError) Is(target error) bool {
	switch {
	case e.Err != nil && e.Waited == 0:
		return target == core.ErrConnection
	case e.Held > 0 && target == core.ErrRejected:
		return true
	}
	return errors.Is(ErrExhausted, target)
}

// Unwrap returns Err and LastDial, without those that are nil.
func (e *AcquireError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Err, e.LastDial} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// ErrorType says what ended the wait: "pool_timeout" is Config.AcquireTimeout,
// "canceled" and "deadline_exceeded" are the caller's context, and "timeout" is a limit
// of the operation or its attempt.
func (e *AcquireError) ErrorType() string {
	switch {
	case e.Err == nil:
		return "pool_timeout"
	case e.limited:
		return errtype.Timeout
	case errors.Is(e.Err, context.Canceled):
		return errtype.Canceled
	default:
		return errtype.Deadline
	}
}

// Class says that another attempt may find a connection, unless Held is set; and that
// the backend is to blame if Unanswered is set, and else not.
func (e *AcquireError) Class() core.Class {
	verdict := core.Neutral
	if e.Held > 0 {
		return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: e.ErrorType()}
	}
	if e.Unanswered > 0 {
		verdict = core.Failure
	}
	return core.Class{Verdict: verdict, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: e.ErrorType()}
}

// DialError says that a dial failed. It matches [ErrDial], [ErrDialTimeout] if
// Timeout is set, and what Err matches. The backend's classifier decides what it
// means.
type DialError struct {
	Pool    string
	Err     error // error of the factory
	Timeout bool  // Config.DialTimeout ended the dial
}

// Error names the pool and the factory's error.
func (e *DialError) Error() string {
	what := "cannot dial"
	if e.Timeout {
		what = "dial timed out"
	}
	return fmt.Sprintf("pool %q: %s: %v", e.Pool, what, e.Err)
}

// Is matches [ErrDial], or [ErrDialTimeout] if Timeout is set, and what that error
// matches.
func (e *DialError) Is(target error) bool {
	if e.Timeout {
		return errors.Is(ErrDialTimeout, target)
	}
	return errors.Is(ErrDial, target)
}

// Unwrap returns the factory's error.
func (e *DialError) Unwrap() error { return e.Err }

// ErrorType returns "unauthenticated" if the factory's error has that type, and
// else "connect_error".
func (e *DialError) ErrorType() string {
	if core.ErrorType(e.Err) == core.TypeUnauthenticated {
		return core.TypeUnauthenticated
	}
	return "connect_error"
}

// startError is the error of Start.
type startError struct {
	pool string
	err  error
}

func (e *startError) Error() string        { return fmt.Sprintf("pool %q cannot start: %v", e.pool, e.err) }
func (e *startError) Is(target error) bool { return errors.Is(ErrStart, target) }
func (e *startError) Unwrap() error        { return e.err }

// CloseError says what went wrong while a pool was closed. The pool is closed all
// the same.
type CloseError struct {
	Pool   string
	Forced int   // number of leases that were out when the connections were closed
	Err    error // error of the context if it ended too early, and errors of the factory
	// Holders are the callers that had a lease for longest then, three at most; see
	// AcquireError.
	Holders Holders
}

// Error names the pool, the number of leases that were out, Err, and the holders.
func (e *CloseError) Error() string {
	if e.Forced == 0 {
		return fmt.Sprintf("pool %q: close: %v", e.Pool, e.Err)
	}
	text := fmt.Sprintf("pool %q closed by force, leases still out: %d: %v", e.Pool, e.Forced, e.Err)
	if len(e.Holders) > 0 {
		text += fmt.Sprintf(" (oldest holders: %v)", e.Holders)
	}
	return text
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }
