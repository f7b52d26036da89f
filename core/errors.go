// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock-go/penstock/internal/errtype"
)

var (
	// ErrRejected is matched by every error that means: refused locally,
	// before the backend was asked. The breaker does not count it and retry
	// does not repeat it.
	ErrRejected error = &sentinel{text: "rejected"}

	// ErrConnection is the family of errors that say that the backend was not
	// reached, as opposed to what the backend answered.
	ErrConnection error = &sentinel{text: "connection error"}

	// ErrUnavailable is matched by an open breaker, a closed health gate, and
	// a backend that says that it is unavailable. It is an ErrConnection.
	ErrUnavailable = Sentinel("backend unavailable", "", ErrConnection)

	// ErrTimeout is matched by every [*TimeoutError].
	ErrTimeout = Sentinel("timed out", errtype.Timeout)

	// ErrPanic is the error of an operation whose function panicked or called
	// runtime.Goexit. Only stages and observers see it: the panic itself goes on to
	// the caller of Do.
	ErrPanic = Sentinel("operation panicked", errtype.Panic)
)

// TypeUnauthenticated is the error type of an error that says that the backend
// refused the credentials. A dial that fails with it is told from a dial that did
// not reach the backend. docs/telemetry.md lists the other error types.
const TypeUnauthenticated = "unauthenticated"

// sentinel is the only error of its kind.
type sentinel struct {
	text, errorType string
	is              []error
}

// Sentinel returns a new error to compare with errors.Is. The error also matches
// each error in is. [ErrorType] returns errorType for it. With an empty errorType,
// [ErrorType] looks at the other errors of the same tree.
func Sentinel(text, errorType string, is ...error) error {
	return &sentinel{text, errorType, is}
}

func (e *sentinel) Error() string     { return e.text }
func (e *sentinel) ErrorType() string { return e.errorType }
func (e *sentinel) Unwrap() []error   { return e.is }

// ErrorType returns the low-cardinality name of err for telemetry, the value
// of the error.type attribute: "" for nil, else the answer of the first error in
// err's tree that has a method ErrorType() string and an answer, else "_OTHER".
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	if t := namedType(err); t != "" {
		return t
	}
	switch {
	case errors.Is(err, context.Canceled):
		return errtype.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return errtype.Deadline
	}
	return errtype.Other
}

// namedType walks err's tree as errors.As does, but passes over errors whose
// ErrorType is empty.
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
	Outcome  Outcome
	Err      error

	client *base // that the operation was run by; nil if no client made the error
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

// ErrorType returns the error type of Err.
func (e *Error) ErrorType() string { return ErrorType(e.Err) }

// Unwrap returns the error of the chain.
func (e *Error) Unwrap() error { return e.Err }

// TimeoutError says that Penstock's own limit ended an attempt or an
// operation, as opposed to the caller's context. errors.Is finds [ErrTimeout]
// and what the work returned when it was interrupted.
type TimeoutError struct {
	Operation bool          // the whole operation was limited, not one attempt
	Limit     time.Duration // zero if not known
	Err       error         // what the work returned, nil when used as a context's cause
}

func (e *TimeoutError) Error() string {
	s := e.Limited() + " timed out"
	if e.Limit > 0 {
		s += " after " + e.Limit.String()
	}
	if e.Err != nil && e.Err != context.DeadlineExceeded {
		s += ": " + e.Err.Error()
	}
	return s
}

// Limited returns what was limited: "operation" or "attempt".
func (e *TimeoutError) Limited() string {
	if e.Operation {
		return "operation"
	}
	return "attempt"
}

// Timeout returns true, as a net.Error does for a timeout.
func (e *TimeoutError) Timeout() bool { return true }

// ErrorType returns "timeout".
func (e *TimeoutError) ErrorType() string { return errtype.Timeout }

// Is matches [ErrTimeout].
func (e *TimeoutError) Is(target error) bool { return target == ErrTimeout }

// Unwrap returns what the work returned.
func (e *TimeoutError) Unwrap() error { return e.Err }

func (e *TimeoutError) with(err error) error {
	if limit, ok := errors.AsType[*TimeoutError](err); ok && limit.Operation == e.Operation && limit.Limit == e.Limit {
		return err // the work returned the cause itself
	}
	return &TimeoutError{Operation: e.Operation, Limit: e.Limit, Err: err}
}

// interruptedError says that the caller's own context ended an attempt.
// errors.Is finds the context's error and what the work returned.
type interruptedError struct {
	cause error // context.Canceled or context.DeadlineExceeded
	err   error // what the work returned
}

func (e *interruptedError) Error() string {
	if errors.Is(e.err, e.cause) {
		return e.err.Error()
	}
	return e.cause.Error() + ": " + e.err.Error()
}

// ErrorType returns "canceled" or "deadline_exceeded".
func (e *interruptedError) ErrorType() string {
	if e.cause == context.Canceled {
		return errtype.Canceled
	}
	return errtype.Deadline
}

// Unwrap returns the context's error and what the work returned.
func (e *interruptedError) Unwrap() []error { return []error{e.cause, e.err} }

// typedError is what the work returned, with the error type that the classifier
// gives it.
type typedError struct {
	errorType string
	err       error
}

func (e *typedError) Error() string { return e.err.Error() }

// ErrorType returns what the classifier said.
func (e *typedError) ErrorType() string { return e.errorType }

// Unwrap returns what the work returned.
func (e *typedError) Unwrap() error { return e.err }
