// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/internal/errtype"
)

// Outcome is what core concludes of one attempt, or of an operation. Stages ask
// the [Call] for it, guards are handed it, and [*Error] carries it; no other
// place asks again what an error means.
type Outcome struct {
	// Class is what the backend's classifier said, corrected by what only core
	// knows: which context ended the attempt, and whether it was applied.
	Class
	// Reached says that an attempt came to the end of the chain, where a
	// connection is asked for.
	Reached bool
	// Rejected says that the attempt was refused locally: by a stage, a guard or the
	// pool. A refusal of an operation that the work itself ran counts too.
	Rejected bool
	// Judged says that the outcome tells something about the backend. An attempt
	// that was refused locally, or waited in vain for a connection, is not judged,
	// unless the source of connections blames the backend for the wait.
	Judged bool
	// OutOfTime says that the operation's deadline, the caller's or the client's
	// own, ended the work, or a wait in a stage.
	OutOfTime bool
	// Ran is how long the work ran on its connection, guards included; zero if the
	// work never started. Of a success it is zero too, unless a stage has called
	// [Call.Measure].
	Ran time.Duration
}

// Answered reports whether the backend answered, and the answer is an error all the
// same, such as "not found". That is no failure.
func (o Outcome) Answered() bool { return o.Verdict == Success && o.ErrorType != "" }

// String describes the outcome for people.
func (o Outcome) String() string {
	s := o.Class.String()
	for _, flag := range []struct {
		set  bool
		name string
	}{{o.Reached, "reached"}, {o.Rejected, "rejected"}, {o.Judged, "judged"}, {o.OutOfTime, "out of time"}} {
		if flag.set {
			s += ", " + flag.name
		}
	}
	if o.Ran > 0 {
		s += ", ran " + o.Ran.String()
	}
	return s
}

// success is the outcome of work that returned no error.
var success = Outcome{Class: Class{Verdict: Success, Retry: RetryNever, Conn: Keep}, Reached: true, Judged: true}

// progress is how far an attempt came.
type progress uint8

const (
	stopped   progress = iota // a stage ended it before the end of the chain
	waited                    // it asked for a connection and got none
	refused                   // it held a connection, and a guard refused the work
	worked                    // its work was called
	returning                 // its work succeeded, and its connection is being returned
)

// attempt is what conclude is told of an attempt that did not succeed.
type attempt struct {
	ctx       context.Context // of the attempt
	progress  progress
	wait      time.Duration // for the connection
	ran       time.Duration // on the connection
	applied   bool          // [MarkApplied] was called
	blameless bool          // an operation in its work waited in vain until the end of its context
	retried   bool          // a nested operation made further attempts, and failed
}

// conclude is the one place that says what an attempt came to. It returns the
// outcome, and the error that explains it: where a context ended the work, the
// error says which. err is not nil. The first row that fits holds:
//
//	how it ended                          | verdict    | retry         | conn
//	--------------------------------------+------------+---------------+-----------
//	panic or Goexit                       | failure    | never         | unclean
//	refused by a stage or a guard         | neutral    | never         | keep
//	at work: answered (Success)           | success    | classifier    | classifier
//	caller canceled                       | neutral    | never         | unclean
//	in a stage: operation's deadline      | neutral    | never         | -
//	in a wait: the source says why        | source     | always (1)    | -
//	in a wait: a context ended            | neutral    | always        | -
//	at work: operation's deadline         | failure(2) | never         | unclean
//	at work: attempt's timeout            | failure(2) | if idempotent | unclean
//	at work: a stage gave the attempt up  | neutral    | never         | unclean
//	anything else                         | classifier | classifier(1) | classifier
//
// "In a wait" is without a connection: in a stage, or for the connection.
//
// (1) Without a connection nothing was applied, so what is worth any retry is
// worth "always"; and a "success" of the source is neutral, because the backend did
// not answer. At work it is the other way round: an attempt whose work called
// [MarkApplied], or whose error comes from a nested operation, is worth at most
// "if idempotent", and "never" if the nested operation made further attempts itself.
// An error without a class and an error type is taken for the nested operation's.
// (2) Neutral if the wait for the connection took longer than the work, because the
// pool was too small; or if a nested operation was refused in this process or waited
// in vain, because then no backend is to blame; also if the work tells of the end of
// its context alone, and the nested wait ended with that.
//
// Where a context ended the work, "broken" of the classifier stays broken, and
// its "always" stays always beside "if idempotent".
//
// An attempt is judged if its work was called, unless the work was refused in a
// nested operation; and wherever it failed.
func (c *Call) conclude(a attempt, err error) (Outcome, error) {
	class := classify(err, c.client.classifier)
	o := Outcome{Class: class, Reached: a.progress >= waited, Ran: a.ran}
	caller := c.ctx.Err()
	atWork := a.progress == worked
	inner := a.nestedIn(err, class)
	late := Failure // what the end of a time says
	if a.wait > a.ran || inner.blameless || a.blameless {
		late = Neutral
	}
	switch {
	case err == ErrPanic:
	case a.progress == refused, !atWork && errors.Is(err, ErrRejected):
		o.Rejected = true
	case atWork && class.Verdict == Success: // answered, whatever the clocks say
	case caller == context.Canceled:
		if a.progress != stopped {
			err = &interruptedError{cause: caller, err: err}
		}
		o.Class = Class{Verdict: Neutral, Retry: RetryNever, Conn: cutShort(class.Conn), ErrorType: errtype.Canceled}
	case a.progress == stopped && caller != nil:
		o.Class = Class{Verdict: Neutral, Retry: RetryNever, ErrorType: class.ErrorType}
		o.OutOfTime = true
	case !atWork:
		// Where the source says why there is no connection, it knows best,
		// whichever clock ended the wait.
		_, known := errors.AsType[classified](err)
		// The context that ended may be a dial's own.
		known = known || a.progress == waited && errors.Is(err, ErrConnection)
		if !known && a.contextEnded() && saysContextEnded(err) {
			o.Class = Class{Verdict: Neutral, ErrorType: class.ErrorType}
		}
	case caller != nil:
		if c.ownDeadline && context.Cause(c.ctx) == error(c.client.timedOut) {
			err = c.client.timedOut.with(err)
		} else {
			err = &interruptedError{cause: caller, err: err}
		}
		o.Class = Class{Verdict: late, Retry: RetryNever, Conn: cutShort(class.Conn), ErrorType: ErrorType(err)}
		o.OutOfTime = true
	case a.ctx.Err() == context.DeadlineExceeded:
		timeout, ok := errors.AsType[*TimeoutError](context.Cause(a.ctx))
		if !ok { // a stage of the user's own set the deadline
			timeout = &TimeoutError{}
			if cause := context.Cause(a.ctx); !errors.Is(err, cause) {
				err = fmt.Errorf("%w: %w", cause, err)
			}
		}
		err = timeout.with(err)
		o.Class = Class{
			Verdict: late, Retry: max(class.Retry, RetryIfIdempotent), Conn: cutShort(class.Conn), ErrorType: errtype.Timeout,
		}
	case a.ctx.Err() != nil:
		o.Class = Class{Verdict: Neutral, Retry: RetryNever, Conn: cutShort(class.Conn), ErrorType: errtype.Canceled}
	default:
		o.Rejected = errors.Is(err, ErrRejected)
	}
	switch {
	case !atWork && o.Retry != RetryNever:
		o.Retry = RetryAlways
	case atWork && inner.retried:
		o.Retry = RetryNever
	case atWork && (a.applied || inner.is):
		o.Retry = min(o.Retry, RetryIfIdempotent)
	}
	if !atWork && o.Verdict == Success {
		o.Verdict = Neutral // without a connection it was not the backend that answered
	}
	o.Judged = atWork && !o.Rejected || o.Verdict == Failure
	if atWork && o.ErrorType != ErrorType(err) {
		err = &typedError{o.ErrorType, err} // telemetry asks the error
	}
	return o, err
}

// nestedError is what an error says of another operation, or another source of
// connections, that the work used.
type nestedError struct {
	is        bool // err comes from there
	blameless bool // no backend is to blame: this process refused, or let it wait in vain
	retried   bool // it made further attempts itself
}

// nestedIn returns what err, whose class is class, says of a nested operation.
func (a attempt) nestedIn(err error, class Class) nestedError {
	if e, ok := errors.AsType[*Error](err); ok {
		return nestedError{is: true, blameless: e.Outcome.Verdict == Neutral, retried: a.retried || retriedWithin(e)}
	}
	_, ok := errors.AsType[classified](err)
	return nestedError{
		is:        ok,
		blameless: class.Verdict == Neutral && (ok || errors.Is(err, ErrRejected)),
		// The work may have put the error into words: only the text is left.
		retried: a.retried && class == Class{ErrorType: errtype.Other},
	}
}

// retriedWithin reports whether the operation that e is about, or an operation within
// its work, made further attempts.
func retriedWithin(e *Error) bool {
	for ok := true; ok; e, ok = errors.AsType[*Error](e.Err) {
		if e.Attempts > 1 {
			return true
		}
	}
	return false
}

// contextEnded reports whether the end of a context explains the end of the
// attempt: a stage may have waited on a context of its own, which is gone.
func (a attempt) contextEnded() bool { return a.progress == stopped || a.ctx.Err() != nil }

// saysContextEnded reports whether err says that a context ended.
func saysContextEnded(err error) bool {
	return errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// cutShort returns the fate of a connection on which a context ended the work.
// The error may look like a broken connection; after a cancel it is not
// evidence of one.
func cutShort(fate ConnFate) ConnFate {
	if fate == Broken {
		return Broken
	}
	return Unclean
}

// history is the outcomes of a call in which not every attempt succeeded.
type history struct {
	last   Outcome // of the last attempt that reached the end of the chain
	judged Outcome // of the last attempt that was judged
	err    error   // of the last attempt that reached the end of the chain
}

// AttemptError returns the error of the last attempt that reached the end of the chain,
// nil if that attempt succeeded or there was none.
func (c *Call) AttemptError() error {
	if c.history == nil {
		return nil
	}
	return c.history.err
}

// settle records the outcome of an attempt that reached the end of the chain with err,
// and hands the outcome to the guards.
func (c *Call) settle(o *Outcome, err error) {
	c.reached++
	if c.history == nil && o.ErrorType != "" { // it has an error, if only an answer
		c.history = &history{last: success, judged: success}
	}
	if o.Judged {
		c.judged++
		c.ran = o.Ran
	}
	if h := c.history; h != nil {
		h.last, h.err = *o, err
		if o.Judged {
			h.judged = *o
		}
	}
	for i := range c.guards.n {
		c.guards.at(i).AfterAttempt(c, *o)
	}
}

// Mark is a point in the life of a call, to ask what happened since.
type Mark struct{ reached, judged uint32 }

// Mark returns the present point.
func (c *Call) Mark() Mark { return Mark{c.reached, c.judged} }

// Succeeded reports whether Since would return an untroubled success: a judged
// attempt since m, and no attempt of the call that did not succeed. It costs less
// than an Outcome, and this is the normal case.
func (c *Call) Succeeded(m Mark, err error) bool {
	return err == nil && c.judged != m.judged && c.history == nil
}

// Since returns the outcome of the operation since m, given the error that next
// returned. It is the outcome of the last attempt that was judged; a stage must
// ask for it rather than look into err, which may join the errors of several
// attempts. Without such an attempt it is neutral, or says that the backend
// could not be reached at all.
func (c *Call) Since(m Mark, err error) Outcome {
	switch {
	case c.judged != m.judged && c.history == nil:
		// A literal: a copy of success goes through memory.
		return Outcome{Class: Class{Verdict: Success, Retry: RetryNever, Conn: Keep}, Reached: true, Judged: true, Ran: c.ran}
	case c.judged != m.judged:
		return c.history.judged // also if a stage made nothing of a failure
	case err == nil: // a stage answered in the backend's place
		return Outcome{Class: Class{Verdict: Neutral, Retry: RetryNever, Conn: Keep}, Reached: c.reached != m.reached}
	default:
		return c.LastSince(m, err)
	}
}

// LastSince returns the outcome of the attempt that began at m, given the error
// that next returned. Unlike [Call.Since], it speaks of one attempt, also if
// that was refused locally: it is what a stage that repeats attempts acts on,
// which takes a new mark for each.
func (c *Call) LastSince(m Mark, err error) Outcome {
	reached := c.reached != m.reached
	switch {
	case err == nil:
		o := success
		o.Reached, o.Judged = reached, c.judged != m.judged
		if o.Judged {
			o.Ran = c.ran
		}
		return o
	case !reached: // a stage in between ended the attempt
		o, _ := c.conclude(attempt{progress: stopped}, err)
		return o
	case c.history == nil || c.history.last.Verdict == Success && c.history.last.ErrorType == "":
		// A stage in between turned a good answer into an error.
		o := Outcome{Class: classify(err, c.client.classifier), Reached: true, Rejected: errors.Is(err, ErrRejected), Judged: true, Ran: c.ran}
		o.Retry = min(o.Retry, RetryIfIdempotent)
		return o
	default:
		return c.history.last
	}
}
