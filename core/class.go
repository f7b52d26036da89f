// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"time"
)

// Class says what the outcome of one attempt means. A backend's [Classifier]
// gives it; the stages act on it.
type Class struct {
	// Verdict is what the outcome says about the backend.
	Verdict
	// Retryable says that another attempt may end better.
	Retryable bool
	// ReadOnlyRetry says that Retryable holds for ReadOnly operations only.
	ReadOnlyRetry bool
	// Sent says that the backend may have applied the attempt. It is false
	// only where it is certain that nothing was applied.
	Sent bool
	// Conn is what becomes of the connection.
	Conn ConnFate
	// RetryAfter is the server's own hint how long to wait. Zero is none.
	RetryAfter time.Duration
	// OutOfTime says that the operation's deadline ended the attempt, the
	// caller's or the client's own. Whether the attempt had a fair chance before
	// that is for the breaker to say.
	OutOfTime bool
	// Code is the error.type of the outcome, see [ErrorType].
	Code string
}

// String describes the class for people.
func (c Class) String() string {
	s := c.Verdict.String()
	if c.Code != "" {
		s += " " + c.Code
	}
	if c.Retryable {
		s += " retryable"
	}
	if c.Sent {
		s += " sent"
	}
	return s
}

// RetryableAs reports whether an operation of the given safety may be attempted
// again after this outcome.
func (c Class) RetryableAs(s Safety) bool {
	return c.Retryable &&
		(s != Unsafe || !c.Sent) &&
		(s == ReadOnly || !c.ReadOnlyRetry)
}

// Verdict is what an outcome says about the health of the backend.
type Verdict uint8

const (
	// Success: the backend answered, if only to refuse the statement.
	Success Verdict = iota
	// Failure: the backend did not do its work.
	Failure
	// Neutral: the outcome says nothing about the backend.
	Neutral
)

// String returns the name of the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Success:
		return "success"
	case Failure:
		return "failure"
	default:
		return "neutral"
	}
}

// ConnFate says what becomes of the connection that an attempt used, from
// mildest to hardest.
type ConnFate uint8

const (
	// Keep: the connection is as good as before.
	Keep ConnFate = iota
	// Unclean: the work was cut short (a timeout, a cancel, a panic). A
	// connection that is lent exclusively is closed, because its state is
	// unknown; a shared one is kept.
	Unclean
	// Suspect: the connection may be broken. An exclusive one is closed; a
	// shared one is passed over while a better one exists.
	Suspect
	// Broken: the connection is closed.
	Broken
)

// Classifier tells what a backend's error means. It is called for errors only,
// concurrently, and never for rejections and errors with a Class method. Where
// a context ended the attempt, only what it says of Sent and Conn counts.
type Classifier func(err error) Class

// Classify is the Classifier of clients without one: an error that nobody
// knows is a failure of the backend, may have been applied, and is worth
// another attempt where the operation's [Safety] allows it. The connection is
// suspect, unless the error is the end of a context.
func Classify(err error) Class {
	class := Class{Verdict: Failure, Retryable: true, Sent: true, Conn: Suspect}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		class.Conn = Unclean
	}
	return class
}

// classified is an error that knows its own class, such as a pool's.
type classified interface {
	error
	Class() Class
}

// classify returns the class of err by itself, without a look at contexts.
func classify(err error, backend Classifier) Class {
	var c Class
	known, ok := errors.AsType[classified](err)
	switch {
	case err == nil:
		return Class{}
	case errors.Is(err, ErrRejected):
		c = Class{Verdict: Neutral}
	case errors.Is(err, ErrPanic):
		c = Class{Verdict: Failure, Sent: true}
	case ok:
		c = known.Class()
	default:
		c = backend(err)
	}
	if c.Code == "" {
		c.Code = ErrorType(err)
	}
	return c
}

// foreign reports whether err comes from another operation or another source of
// connections that the work used.
func foreign(err error) bool {
	if _, ok := errors.AsType[classified](err); ok {
		return true
	}
	_, ok := errors.AsType[*Error](err)
	return ok
}

// judge returns the class of an attempt that ran under ctx and ended with err,
// and the error that explains it: an end that a context forced is told apart
// from one that the backend answered. held says whether the attempt had a
// connection.
func (c *Call) judge(ctx context.Context, err error, held bool) (Class, error) {
	class := classify(err, c.classifier)
	if held && foreign(err) {
		class.Sent = true // what it says is true of another attempt, not of all that this one did
	}
	if err == nil || (class.Verdict == Success && held) {
		return class, err // answered, whatever the clocks say
	}
	switch caller := c.ctx.Err(); {
	case caller == context.Canceled:
		err = &InterruptedError{Cause: caller, Err: err}
		class = Class{Verdict: Neutral, Sent: class.Sent, Conn: cutShort(class.Conn), Code: TypeCanceled}
	case !held:
		// Whichever clock ended the wait for a connection, the source's own error
		// says it best, if it has one.
		if _, known := errors.AsType[classified](err); !known && ctx.Err() != nil && ofContext(err) {
			class = waitedInVain(class)
		}
	case caller != nil:
		if timeout, ok := c.overdue.(*TimeoutError); ok && context.Cause(c.ctx) == c.overdue {
			err = timeout.with(err)
		} else {
			err = &InterruptedError{Cause: caller, Err: err}
		}
		class = Class{Verdict: Failure, OutOfTime: true, Sent: class.Sent, Conn: cutShort(class.Conn), Code: ErrorType(err)}
	case ctx.Err() == context.DeadlineExceeded:
		timeout, ok := errors.AsType[*TimeoutError](context.Cause(ctx))
		if !ok { // a user's own stage set the deadline
			timeout = &TimeoutError{Scope: ScopeAttempt}
		}
		err = timeout.with(err)
		class = Class{Verdict: Failure, Retryable: true, Sent: class.Sent, Conn: cutShort(class.Conn), Code: TypeTimeout}
	case ctx.Err() != nil: // a stage gave the attempt up
		class = Class{Verdict: Neutral, Sent: class.Sent, Conn: cutShort(class.Conn), Code: TypeCanceled}
	}
	return class, err
}

// cutShort returns the fate of a connection on which a context ended the work.
// That its error looks like that of a broken connection means nothing then.
func cutShort(fate ConnFate) ConnFate {
	if fate == Broken {
		return Broken
	}
	return Unclean
}
