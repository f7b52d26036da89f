// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/penstock-go/penstock/internal/hedged"
	"github.com/penstock-go/penstock/internal/nested"
)

// A Call is one run of an [Op] through the chain. It belongs to one goroutine at a
// time, and is valid until the chain returns: it then serves another operation,
// so a middleware must not keep it. A middleware must not change Op. The methods
// may be called before and after next.
type Call struct {
	Op Op

	client *base
	job    job
	ctx    context.Context // the caller's, or the operation timeout's
	outer  context.Context // the caller's, if ctx is the operation timeout's
	scope  context.Context // of the operation's scope; nil without an observer
	start  time.Time       // of the operation's scope, while within is set
	state  any             // see Scope.State
	lender Lender          // of the connection of the last attempt; nil without one, or without an observer
	token  uint64          // of the lease that lender gave
	note   *nested.Note    // of the last work, see Scope.Note
	guards guards

	attempt int32
	limit   int32         // of attempts, 0 is none
	clock   time.Duration // when the current attempt began, see now; zero until it is wanted

	// What is known of the attempts so far, see settle.
	reached uint32 // attempts that came to the end of the chain
	judged  uint32 // attempts that the backend is judged by
	ran     time.Duration
	history *history // nil while every attempt succeeded

	bound       time.Duration // limit of the last attempt that failed, see AttemptLimited
	measure     bool          // Ran of successes is wanted
	within      bool          // the operation's scope has begun and not ended
	held        bool          // an attempt held a connection; false without an observer
	ownDeadline bool          // ctx has the deadline of the client's own timeout
	done        bool          // the last attempt succeeded, and the result is its

	silent string // stage that returned no error for work that did not succeed
}

// newCall returns the call of an operation that begins now. Calls are used again,
// so that an operation costs one small allocation.
func (b *base) newCall(op Op) *Call {
	c, _ := b.calls.Get().(*Call)
	if c == nil {
		c = &Call{client: b}
	}
	c.Op, c.attempt, c.clock = op, 1, 0
	return c
}

// recycle gives the call back for another operation of the same client. It clears
// the fields one by one: while the garbage collector marks, each pointer that is
// written costs a write barrier, and most of these are nil already.
func (c *Call) recycle() {
	c.ctx = nil
	if c.outer != nil {
		c.outer = nil
	}
	if c.scope != nil {
		c.scope = nil
	}
	if c.state != nil {
		c.state = nil
	}
	if c.lender != nil {
		c.lender = nil
	}
	if c.note != nil {
		c.note = nil
	}
	if c.history != nil {
		c.history = nil
	}
	if c.guards.n > 0 {
		c.guards = guards{}
	}
	c.limit, c.reached, c.judged, c.ran, c.bound = 0, 0, 0, 0, 0
	c.measure, c.within, c.held, c.ownDeadline, c.done = false, false, false, false, false
	if c.silent != "" {
		c.silent = ""
	}
	c.client.calls.Put(c)
}

// ReturnedNil says that the named stage returns no error. If the work did not succeed,
// the error of [Do] names the stage, the innermost one of several: the stage has lost
// the error of the stages further in. Package middleware says it of the stages that
// are not Penstock's.
func (c *Call) ReturnedNil(stage string) {
	if !c.done && c.silent == "" {
		c.silent = stage
	}
}

// Attempt returns the number of the current attempt, from 1.
func (c *Call) Attempt() int { return int(c.attempt) }

// NextAttempt says that a stage is about to call its next again, and returns
// the number of the attempt that this begins.
func (c *Call) NextAttempt() int {
	c.attempt++
	c.clock = 0
	return int(c.attempt)
}

// began returns when the current attempt began: the first time that anything asks.
func (c *Call) began() time.Duration {
	if c.clock == 0 {
		c.clock = now()
	}
	return c.clock
}

// EndsWithin reports whether ctx has a deadline that is at most d after the
// beginning of the current attempt. One reading of the clock serves all that ask
// when the attempt began.
func (c *Call) EndsWithin(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	switch {
	case !ok:
		return false
	case deadline == deadline.Round(0): // a wall clock may have been set since
		return time.Until(deadline) <= d
	default:
		return deadline.Sub(epoch)-c.began() <= d
	}
}

// WithLimit returns a context that ends d from now, because of cause. It costs a
// reading of the clock less than context.WithTimeoutCause.
func (c *Call) WithLimit(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	t := time.Now()
	c.clock = t.Sub(epoch)
	return context.WithDeadlineCause(ctx, t.Add(d), cause)
}

// LimitAttempts lets the call make at most n attempts in all. The lowest limit
// holds; n < 1 is 1.
func (c *Call) LimitAttempts(n int) {
	if limit := int32(min(max(n, 1), math.MaxInt32)); c.limit == 0 || limit < c.limit {
		c.limit = limit
	}
}

// AttemptsLeft returns how many attempts may follow the current one, by the
// limits set with [Call.LimitAttempts]; math.MaxInt if there is none.
func (c *Call) AttemptsLeft() int {
	if c.limit == 0 {
		return math.MaxInt
	}
	return int(max(c.limit-c.attempt, 0))
}

// Closing returns a channel that is closed when [Client.Close] is about to close what
// the client was built with. A stage that makes a call wait stops waiting then, and
// returns an error that wraps [ErrClientClosed].
func (c *Call) Closing() <-chan struct{} { return c.client.closing }

// BeforeAttempt asks the guards, in the order of attachment, whether another
// attempt may be made, and returns the first objection, which wraps
// [ErrRejected]. While the client closes, that is an [ErrClientClosed]. A stage that
// repeats next asks before each repetition.
func (c *Call) BeforeAttempt() error {
	select {
	case <-c.Closing():
		return errAfterClose
	default:
	}
	for i := range c.guards.n {
		if err := c.guards.at(i).BeforeAttempt(c); err != nil {
			return rejection(err)
		}
	}
	return nil
}

// AfterWait is for a stage that made the call wait before next, and told the
// observer how long, see [EventWait]. The time of the
// attempt begins anew, so the wait does not count against the backend. AfterWait
// then asks the guards whether the attempt may still be made, and returns their
// objection. It does not ask them if the call has no further attempt: a probe of a
// breaker, for example, has one attempt only.
func (c *Call) AfterWait() error {
	c.clock = 0
	if c.AttemptsLeft() == 0 {
		return nil
	}
	return c.BeforeAttempt()
}

// beforeWork asks every guard whether the work may start.
func (c *Call) beforeWork() error {
	for i := range c.guards.n {
		if err := c.guards.at(i).BeforeWork(c); err != nil {
			return rejection(err)
		}
	}
	return nil
}

// rejection makes an objection a local refusal, if a guard has forgotten to.
func rejection(err error) error {
	if errors.Is(err, ErrRejected) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrRejected, err)
}

// Measure makes [Outcome.Ran] known for attempts that succeed, too. That costs
// a reading of the clock for each attempt, so it is for a stage that needs it.
func (c *Call) Measure() { c.measure = true }

// Observer returns the observer of the call's client; nil means none.
func (c *Call) Observer() Observer { return c.client.observer }

// Observe makes ctx, which carries the scope of the operation, the context of
// the call's events. It is for the stage that opens that scope.
func (c *Call) Observe(ctx context.Context) { c.scope = ctx }

// Event tells the observer of e, if there is one, within the scope of the
// operation.
func (c *Call) Event(e Event) {
	if observer := c.client.observer; observer != nil {
		if e.Kind == EventReject && e.Cause == nil {
			e = explained(e)
		}
		if e.Kind == EventRetry {
			e.Conn = c.conn()
		}
		e.Op, e.State = c.Op, &c.state
		observer.Event(c.scope, e)
	}
}

// explained returns e, filled in by the error of the refusal. It is a function of its
// own, because e moves to the heap.
func explained(e Event) Event {
	if refusal, ok := errors.AsType[interface {
		error
		Explain(*Event)
	}](e.Err); ok {
		refusal.Explain(&e)
	}
	return e
}

// Begin tells the observer that s, a scope of this operation, begins, and returns the
// context for everything inside. It must not be called without an observer.
func (c *Call) Begin(ctx context.Context, s *Scope) context.Context {
	s.Op, s.State = c.Op, &c.state
	if s.Kind == ScopeOperation {
		c.start, c.within = s.Start, true
	}
	return c.client.observer.Begin(ctx, *s)
}

// End tells the observer that s is over, which began with [Call.Begin].
func (c *Call) End(ctx context.Context, s *Scope, err error) {
	s.Conn = c.conn()
	if c.note != nil {
		s.Note, s.Annotations = c.note.Value, c.note.Annotations // nil if the attempt got no connection
	}
	if s.Kind == ScopeOperation {
		c.within = false
		s.Rejected = s.Rejected && !c.held
	}
	if c.Op.Hedge || c.Op.Hedged {
		c.endRun(s, err)
	}
	if err != nil && s.Kind == ScopeOperation && !s.Answered {
		s.Deadline, s.AttemptLimit, s.OperationLimit = c.deadline(), c.bound, c.client.timeout
	}
	c.client.observer.End(ctx, *s, err)
}

// conn returns the number of the connection of the last attempt that had one, zero if it
// is not known.
func (c *Call) conn() int {
	if numbered, ok := c.lender.(numbered); ok {
		return numbered.ConnNumber(c.token)
	}
	return 0
}

// endRun fills in what the end of s is for the caller of a hedged operation.
func (c *Call) endRun(s *Scope, err error) {
	pair, ok := c.ctx.Value(hedged.Key{}).(*hedged.Pair)
	switch {
	case !ok:
	case s.Kind == ScopeAttempt && pair.Lost(c.Op.Hedge):
		s.Hedge = hedged.Lost
	case s.Kind == ScopeOperation:
		seen := pair.End(hedged.Run{
			Second: c.Op.Hedge, Start: s.Start, Err: err, Answered: err == nil || s.Answered,
			Refused: c.reached == 0 && errors.Is(err, ErrRejected),
		})
		s.Hedge, s.Unseen = seen.Outcome, seen.Unseen
		if seen.Outcome != "" {
			s.SeenSince, s.Seen, s.Answered = seen.Start, seen.Err, seen.Answered
		}
	}
}

// deadline returns the deadline of the caller's own context, zero if there is none.
func (c *Call) deadline() time.Time {
	ctx := c.ctx
	if c.outer != nil {
		ctx = c.outer
	}
	deadline, _ := ctx.Deadline()
	return deadline
}

// AttemptLimited says how long the attempt that just failed was allowed to take, for the
// observer. It is for the stage that limits attempts.
func (c *Call) AttemptLimited(d time.Duration) { c.bound = d }

// Ref returns the observer's reference to the operation, see [Observer.Ref];
// nil without an observer.
func (c *Call) Ref() any {
	if c.client.observer == nil {
		return nil
	}
	s := Scope{Kind: ScopeOperation, Op: c.Op, Attempt: 1, State: &c.state}
	if c.within {
		s.Start = c.start
	}
	return c.client.observer.Ref(c.scope, s)
}

// Caller returns the context that bounds the whole operation. It is the caller's
// context, or a context that the client made of it for the operation timeout. A
// stage judges a cancel by this context, never by the type of an error.
func (c *Call) Caller() context.Context { return c.ctx }

// DeadlineError returns the error of an operation whose deadline has passed:
// context.DeadlineExceeded, or a [*TimeoutError] if the deadline is the client's
// own.
func (c *Call) DeadlineError() error {
	if c.ownDeadline {
		return c.client.timedOut
	}
	return context.DeadlineExceeded
}
