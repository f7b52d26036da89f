// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Call is one run of an [Op] through the chain. It is valid until the chain
// returns and belongs to one goroutine at a time; a middleware must not keep
// it, and must not change Op.
type Call struct {
	Op Op

	job        job
	ctx        context.Context // the caller's, or the operation timeout's
	scope      context.Context // that of the operation's scope
	overdue    error           // what the end of the deadline means, nil is context.DeadlineExceeded
	observer   Observer
	classifier Classifier

	attempt int
	limit   int // of attempts, 0 is none
	guards  []Guard
	room    [2]Guard // where guards begins, so that attaching does not allocate

	// What is known of the attempts so far.
	reached uint32 // how many came to the end of the chain
	judged  uint32 // how many of them say something about the backend
	last    Class  // of the last one that reached the end
	verdict Class  // of the last one that was judged
	ran     time.Duration

	first attemptContext
}

// Attempt returns the number of the current attempt, from 1.
func (c *Call) Attempt() int { return c.attempt }

// NextAttempt says that a stage is about to call its next again, and returns
// the number of the attempt that this begins.
func (c *Call) NextAttempt() int {
	c.attempt++
	return c.attempt
}

// LimitAttempts lets the call make at most n attempts in all. The lowest limit
// holds; n < 1 is 1.
func (c *Call) LimitAttempts(n int) {
	if n = max(n, 1); c.limit == 0 || n < c.limit {
		c.limit = n
	}
}

// Attach makes g follow the attempts of this call until it is detached or the
// chain returns.
func (c *Call) Attach(g Guard) {
	if c.guards == nil {
		c.guards = c.room[:0]
	}
	c.guards = append(c.guards, g)
}

// Detach takes off g, which was attached last of those that are equal to it. A
// stage that may itself be repeated detaches its guard before it returns.
func (c *Call) Detach(g Guard) {
	for i := len(c.guards) - 1; i >= 0; i-- {
		if c.guards[i] == g {
			c.guards = slices.Delete(c.guards, i, i+1)
			return
		}
	}
}

// ErrAttemptLimit is what [Call.AllowAttempt] returns beyond the limit set
// with [Call.LimitAttempts].
var ErrAttemptLimit = Sentinel("no further attempt: limited", "")

// AllowAttempt asks everyone concerned whether another attempt may be made:
// the limit, then each guard in the order of attachment. A stage that repeats
// next asks before each repetition.
func (c *Call) AllowAttempt() error {
	if c.limit > 0 && c.attempt >= c.limit {
		return fmt.Errorf("%w to %d", ErrAttemptLimit, c.limit)
	}
	for _, g := range c.guards {
		if err := g.Allow(c); err != nil {
			return err
		}
	}
	return nil
}

// Observer returns the observer of the call's client; nil means none.
func (c *Call) Observer() Observer { return c.observer }

// Observe makes ctx, which carries the scope of the operation, the context of
// the call's events. It is for the stage that opens that scope.
func (c *Call) Observe(ctx context.Context) { c.scope = ctx }

// Event tells the observer of e, if there is one, within the scope of the
// operation.
func (c *Call) Event(e Event) {
	if c.observer != nil {
		e.Op = c.Op
		c.observer.Event(c.scope, e)
	}
}

// Ref returns the observer's reference to the operation, see [Observer.Ref];
// nil without an observer.
func (c *Call) Ref() any {
	if c.observer == nil {
		return nil
	}
	return c.observer.Ref(c.scope)
}

// Caller returns the context that bounds the whole operation: the caller's
// own, or the one that the client's operation timeout made of it. A stage
// judges a cancel by it, never by the type of an error.
func (c *Call) Caller() context.Context { return c.ctx }

// DeadlineError returns what it means that the deadline of the operation has
// passed: context.DeadlineExceeded, or a [*TimeoutError] if the deadline is the
// client's own.
func (c *Call) DeadlineError() error {
	if c.overdue == nil {
		return context.DeadlineExceeded
	}
	return c.overdue
}

// Mark is a point in the life of a call, to ask what happened since.
type Mark struct{ reached, judged uint32 }

// Mark returns the present point.
func (c *Call) Mark() Mark { return Mark{c.reached, c.judged} }

// Outcome returns what the attempts since m say about the backend, given the
// error that next returned: the class of the last one that was not itself
// refused locally, or a neutral class if there was none. It is what a breaker
// counts. A stage must ask it rather than look into err, which may join the
// errors of several attempts.
func (c *Call) Outcome(m Mark, err error) Class {
	switch {
	case c.judged != m.judged:
		return c.verdict // also if a stage made nothing of a failure
	case err == nil:
		return Class{Verdict: Neutral} // a stage answered in the backend's place
	default:
		class := c.LastAttempt(m, err)
		if class.Verdict == Success {
			class.Verdict = Neutral // nobody held a connection, so it was not the backend that answered
		}
		return class
	}
}

// LastAttempt returns the class of the attempt that began at m, refused or not,
// given the error that next returned. It is what a stage that repeats attempts
// acts on; it takes a new mark for each.
func (c *Call) LastAttempt(m Mark, err error) Class {
	switch {
	case err == nil:
		return Class{}
	case c.reached != m.reached && (c.last.Code != "" || c.last.Verdict != Success):
		return c.last
	}
	// A stage in between refused the attempt, or turned a good answer into an
	// error.
	if c.reached == m.reached {
		return c.judgeUnreached(err)
	}
	class := classify(err, c.classifier)
	class.Sent = true
	return class
}

// judgeUnreached returns the class of an attempt that a stage ended with err
// before it came to the end of the chain.
func (c *Call) judgeUnreached(err error) Class {
	class := classify(err, c.classifier)
	class.Sent = false
	switch caller := c.ctx.Err(); {
	case class.Verdict == Neutral:
	case caller == context.Canceled:
		class = Class{Verdict: Neutral, Code: TypeCanceled}
	case caller != nil:
		class = Class{Verdict: Neutral, OutOfTime: true, Code: class.Code}
	case ofContext(err):
		class = waitedInVain(class)
	}
	return class
}

// ofContext reports whether err says that a context ended.
func ofContext(err error) bool {
	return errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// waitedInVain returns the class of an attempt that waited, in a stage or for a
// connection, until its time was over.
func waitedInVain(class Class) Class {
	return Class{Verdict: Neutral, Retryable: true, Code: class.Code}
}

// Reached reports whether an attempt since m came to the end of the chain,
// where a connection is asked for.
func (c *Call) Reached(m Mark) bool { return c.reached != m.reached }

// Judged reports whether an attempt since m was one that the backend had a part
// in, as opposed to one that was refused locally.
func (c *Call) Judged(m Mark) bool { return c.judged != m.judged }

// Ran returns how long the work of the last judged attempt ran on a
// connection; zero if it never had one.
func (c *Call) Ran() time.Duration { return c.ran }

// settle records what became of an attempt that reached the end of the chain.
// judged says whether the backend is to be judged by it.
func (c *Call) settle(class Class, judged bool, ran time.Duration) {
	c.reached++
	c.last = class
	if judged {
		c.judged++
		c.verdict = class
		c.ran = ran
	}
	for _, g := range c.guards {
		g.Ended(c, ran, class)
	}
}
