// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"time"
)

// Class says what an error of the backend means. A [Classifier] makes it, and
// nothing else does.
//
// The zero Class is the cautious reading of an error, and the class of an unknown
// error: the backend failed, it may have applied the attempt, and the connection is
// not good any more. A classifier that forgets a field costs a connection or a
// retry, never a duplicate write.
//
// [Answered], [Busy], [NotApplied] and [DeadConn] are the classes of the common
// cases.
type Class struct {
	// Verdict is what the error says about the backend.
	Verdict Verdict
	// Retry says which operations are worth another attempt.
	Retry Retry
	// Conn is what becomes of the connection.
	Conn ConnFate
	// RetryAfter is the backend's own hint how long to wait before another
	// attempt. Zero is none. It means nothing beside RetryNever.
	RetryAfter time.Duration
	// ErrorType is the error.type in telemetry, one of few values. If it is empty,
	// telemetry asks the function [ErrorType].
	ErrorType string
}

// Answered is the class of a definite answer that is no result, such as "not
// found": the backend works, another attempt gets the same answer, and the
// connection is as good as before.
func Answered(errorType string) Class {
	return Class{Verdict: Success, Retry: RetryNever, Conn: Keep, ErrorType: errorType}
}

// Busy is the class of a refusal for want of capacity, such as a rate limit:
// nothing was applied, and any operation may come back after the given time
// (zero: after the usual backoff).
func Busy(errorType string, after time.Duration) Class {
	return Class{Verdict: Neutral, Retry: RetryAlways, Conn: Keep, RetryAfter: after, ErrorType: errorType}
}

// NotApplied is the class of a failure that provably changed nothing, such as a
// request that was never sent: any operation may be attempted again, on another
// connection.
func NotApplied(errorType string) Class {
	return Class{Verdict: Failure, Retry: RetryAlways, Conn: Suspect, ErrorType: errorType}
}

// DeadConn is the class of a failure that ends the connection, such as a reset
// or an unexpected end of the stream. The backend may have applied the attempt.
func DeadConn(errorType string) Class {
	return Class{Verdict: Failure, Retry: RetryIfIdempotent, Conn: Broken, ErrorType: errorType}
}

// String describes the class for people.
func (c Class) String() string {
	s := c.Verdict.String()
	if c.ErrorType != "" {
		s += " " + c.ErrorType
	}
	return s + ", retry " + c.Retry.String()
}

// Verdict is what an outcome says about the health of the backend.
type Verdict uint8

const (
	// Failure: the backend did not do its work.
	Failure Verdict = iota
	// Neutral: the outcome says nothing about the backend.
	Neutral
	// Success: the backend answered, if only to refuse the statement.
	Success
)

// String returns the name of the verdict in lower case.
func (v Verdict) String() string { return nameOf(int(v), "failure", "neutral", "success") }

// Retry says which operations are worth another attempt after a failure, from
// none to all. The values are ordered, so the more cautious of two is the
// smaller.
type Retry int8

const (
	// RetryNever: another attempt would not end better.
	RetryNever Retry = iota - 2
	// RetryIfReadOnly: only operations that are [ReadOnly].
	RetryIfReadOnly
	// RetryIfIdempotent: the backend may have applied the attempt, so only
	// operations that are [Idempotent] or [ReadOnly].
	RetryIfIdempotent
	// RetryAlways: the attempt provably changed nothing, so every operation.
	RetryAlways
)

// String returns the name of the value in lower case.
func (r Retry) String() string {
	return nameOf(int(r-RetryNever), "never", "if_read_only", "if_idempotent", "always")
}

// Allows reports whether an operation of the given safety is worth another
// attempt.
func (r Retry) Allows(s Safety) bool {
	switch r {
	case RetryAlways:
		return true
	case RetryIfIdempotent:
		return s >= Idempotent
	case RetryIfReadOnly:
		return s >= ReadOnly
	default:
		return false
	}
}

// ConnFate says what becomes of the connection that an attempt used. The values
// are ordered from mildest to hardest.
type ConnFate int8

const (
	// Keep: the connection is as good as before.
	Keep ConnFate = iota - 2
	// Unclean: the work was cut short by a timeout, a cancel or a panic. A
	// connection that is lent exclusively is closed, because its state is
	// unknown; a shared one is kept.
	Unclean
	// Suspect: the connection may be broken. An exclusive one is closed; a
	// shared one is passed over while there is a better one, and is replaced
	// unless it turns out to be well.
	Suspect
	// Broken: the connection is closed.
	Broken
)

// String returns the name of the fate in lower case.
func (f ConnFate) String() string {
	return nameOf(int(f-Keep), "keep", "unclean", "suspect", "broken")
}

// Classifier says what an error of the backend means. It is called for errors
// only, concurrently, and never for an error that wraps [ErrRejected] or has a
// method Class() Class of its own.
//
// If a context ended the attempt, core sets Verdict and ErrorType itself. Only two
// values of the classifier count then: RetryAlways (nothing was applied) and
// Broken.
type Classifier func(err error) Class

// classified is an error that knows its own class, such as a pool's.
type classified interface {
	error
	Class() Class
}

// classify returns the class of err by itself, without a look at contexts. err
// is not nil.
func classify(err error, backend Classifier) Class {
	var c Class
	known, ok := errors.AsType[classified](err)
	switch {
	case errors.Is(err, ErrRejected):
		c = Class{Verdict: Neutral, Retry: RetryNever, Conn: Keep}
	case errors.Is(err, ErrPanic):
		c = Class{Verdict: Failure, Retry: RetryNever, Conn: Unclean}
	case ok:
		c = known.Class()
	case backend != nil:
		c = backend(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		c = Class{Conn: Unclean}
	}
	if c.ErrorType == "" {
		c.ErrorType = ErrorType(err)
	}
	return c
}
