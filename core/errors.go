// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrRejected is matched by every error that means: refused locally,
	// before the backend was asked. The breaker does not count it and retry
	// does not repeat it.
	ErrRejected error = &sentinel{text: "rejected"}

	// ErrConnection is the family of errors about reaching the backend at
	// all, as opposed to what the backend answered.
	ErrConnection error = &sentinel{text: "connection error"}

	// ErrUnavailable is matched by an open breaker, a closed health gate, and
	// a backend that says that it is unavailable. It is an ErrConnection.
	ErrUnavailable = Sentinel("backend unavailable", "", ErrConnection)

	// ErrTimeout is matched by every [*TimeoutError].
	ErrTimeout = Sentinel("timed out", TypeTimeout)

	// ErrPanic stands for the outcome of an operation whose function panicked
	// or called runtime.Goexit. Only observers and guards see it: the panic
	// itself goes on to the caller of Do.
	ErrPanic = Sentinel("operation panicked", TypePanic)
)

// The closed list of error types. To these come the codes that backends give
// (see [ErrorType]).
const (
	TypeTimeout         = "timeout"
	TypeDeadline        = "deadline_exceeded"
	TypeCanceled        = "canceled"
	TypeCircuitOpen     = "circuit_open"
	TypeUnhealthy       = "unhealthy"
	TypePoolTimeout     = "pool_timeout"
	TypePoolClosed      = "pool_closed"
	TypeTooManyWaiters  = "too_many_waiters"
	TypeConnect         = "connect_error"
	TypeUnauthenticated = "unauthenticated"
	TypeRateLimited     = "rate_limited"
	TypeBulkheadFull    = "bulkhead_full"
	TypePanic           = "panic"
	TypeOther           = "_OTHER"
)

// sentinel is an error value that stands for a kind of error.
type sentinel struct {
	text, errorType string
	is              []error
}

// Sentinel returns a new error to compare with errors.Is, which also matches
// each error in is. errorType is what [ErrorType] answers for it; "" leaves
// that to other errors in the same chain.
func Sentinel(text, errorType string, is ...error) error {
	return &sentinel{text, errorType, is}
}

func (e *sentinel) Error() string     { return e.text }
func (e *sentinel) ErrorType() string { return e.errorType }
func (e *sentinel) Unwrap() []error   { return e.is }

// ErrorType returns the low-cardinality name of err for telemetry, the value
// of the error.type attribute: "" for nil, what the first error in err's tree
// says with a method ErrorType() string, or "_OTHER".
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	if t := namedType(err); t != "" {
		return t
	}
	switch {
	case errors.Is(err, context.Canceled):
		return TypeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return TypeDeadline
	}
	return TypeOther
}

// namedType walks err's tree as errors.As does, but passes over errors that
// have the method and no answer.
func namedType(err error) string {
	if named, ok := err.(interface{ ErrorType() string }); ok {
		if t := named.ErrorType(); t != "" {
			return t
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return namedType(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if t := namedType(inner); t != "" {
				return t
			}
		}
	}
	return ""
}

// Error is what [Do] returns when an operation failed: which one, after how
// many attempts, and why.
type Error struct {
	Op       string // name of the operation
	Target   string // its target, may be empty
	Attempts int    // attempts made, including those refused locally
	Err      error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Target != "" {
		b.WriteByte(' ')
		b.WriteString(e.Target)
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", e.Attempts)
	}
	return b.String()
}

// ErrorType returns that of Err.
func (e *Error) ErrorType() string { return ErrorType(e.Err) }

// Unwrap returns the error of the chain.
func (e *Error) Unwrap() error { return e.Err }

// TimeoutScope says what a timeout limited.
type TimeoutScope uint8

const (
	// ScopeAttempt is one attempt: waiting for a connection, and the work.
	ScopeAttempt TimeoutScope = iota
	// ScopeOperation is the whole operation with all its attempts.
	ScopeOperation
)

// String returns "attempt" or "operation".
func (s TimeoutScope) String() string {
	if s == ScopeOperation {
		return "operation"
	}
	return "attempt"
}

// TimeoutError says that Penstock's own limit ended an attempt or an
// operation, as opposed to the caller's context. errors.Is finds [ErrTimeout]
// and what the work returned when it was interrupted.
type TimeoutError struct {
	Scope TimeoutScope
	Limit time.Duration // zero if not known
	Err   error         // what the work returned, nil when used as a context's cause
}

func (e *TimeoutError) Error() string {
	s := e.Scope.String() + " timed out"
	if e.Limit > 0 {
		s += " after " + e.Limit.String()
	}
	if e.Err != nil && e.Err != context.DeadlineExceeded {
		s += ": " + e.Err.Error()
	}
	return s
}

// Timeout makes the error one of those that net.Error calls a timeout.
func (e *TimeoutError) Timeout() bool { return true }

// ErrorType returns "timeout".
func (e *TimeoutError) ErrorType() string { return TypeTimeout }

// Is matches [ErrTimeout].
func (e *TimeoutError) Is(target error) bool { return target == ErrTimeout }

// Unwrap returns what the work returned.
func (e *TimeoutError) Unwrap() error { return e.Err }

func (e *TimeoutError) with(err error) error {
	if _, ok := errors.AsType[*TimeoutError](err); ok {
		return err // the work returned the cause itself
	}
	return &TimeoutError{Scope: e.Scope, Limit: e.Limit, Err: err}
}

// InterruptedError says that the caller's own context ended an attempt.
// errors.Is finds the context's error and what the work returned.
type InterruptedError struct {
	Cause error // context.Canceled or context.DeadlineExceeded
	Err   error // what the work returned
}

func (e *InterruptedError) Error() string {
	if errors.Is(e.Err, e.Cause) {
		return e.Err.Error()
	}
	return e.Cause.Error() + ": " + e.Err.Error()
}

// ErrorType returns "canceled" or "deadline_exceeded".
func (e *InterruptedError) ErrorType() string {
	if e.Cause == context.Canceled {
		return TypeCanceled
	}
	return TypeDeadline
}

// Unwrap returns the context's error and what the work returned.
func (e *InterruptedError) Unwrap() []error { return []error{e.Cause, e.Err} }
