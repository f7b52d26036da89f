// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"time"
)

// Do runs fn on a connection of c, under every stage of its chain. fn may run
// several times, one after the other, if a stage attempts it again; it should
// return soon after its ctx ends, and must not keep the connection.
//
// The error, if not nil, is an [*Error] around what the chain returned, and the
// result is then the zero R: a result never comes beside an error. A panic or
// runtime.Goexit in fn goes on to the caller with its own stack, after every
// stage has given back what it held.
func Do[C, R any](ctx context.Context, c *Client[C], op Op, fn func(context.Context, C) (R, error)) (R, error) {
	t := &task[C, R]{source: c.source, fn: fn}
	t.Call = Call{Op: op, job: t, observer: c.observer, classifier: c.classifier, attempt: 1}
	if c.timeout > 0 {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > c.timeout {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, c.timeout, c.timedOut)
			defer cancel()
			t.overdue = c.timedOut
		}
	}
	t.Call.ctx, t.Call.scope = ctx, ctx
	if err := c.handle(ctx, &t.Call); err != nil {
		var zero R
		return zero, &Error{Op: op.Name, Target: op.Target, Attempts: t.attempt, Err: err}
	}
	if !t.done {
		return t.result, &Error{Op: op.Name, Target: op.Target, Attempts: t.attempt, Err: errNoResult}
	}
	return t.result, nil
}

// errNoResult says that a stage returned no error, although the work did not run
// or its last attempt failed: the operation has no result to give.
var errNoResult = errors.New("a stage returned no error for work that did not succeed")

// work ends every chain: it borrows a connection and runs the call's function.
func work(ctx context.Context, call *Call) error { return call.job.do(ctx, call) }

type job interface {
	do(ctx context.Context, call *Call) error
}

// task is a Call with its types: the one allocation that a call makes.
type task[C, R any] struct {
	Call
	source Source[C]
	fn     func(context.Context, C) (R, error)
	result R
	done   bool // the last attempt succeeded, and result is its
}

func (t *task[C, R]) do(ctx context.Context, call *Call) (err error) {
	actx := &t.first
	if actx.parent != nil {
		actx = new(attemptContext)
	}
	actx.parent = ctx

	var (
		lease  Lease[C]
		held   bool
		worked bool // the function was called
		start  time.Duration
		// They stand if a panic or Goexit is on its way; it is not held up.
		class  = Class{Verdict: Failure, Conn: Unclean, Code: TypePanic}
		reason = ErrPanic
	)
	defer func() {
		var ran time.Duration
		if worked {
			ran = now() - start
			class.Sent = class.Sent || actx.applied.Load()
			if (class.OutOfTime || class.Code == TypeTimeout) && lease.waited > ran {
				// Most of its time went by before it had a connection: it is the pool
				// that is too small.
				class.Verdict = Neutral
			}
		}
		judged := worked || class.Verdict == Failure
		if held && !lease.Return(class.Conn, reason) && class.Verdict == Failure && class.Conn >= Suspect {
			// The death of one connection is one failure, however many were on it.
			class.Verdict = Neutral
			judged = false
		}
		call.settle(class, judged, ran)
	}()

	if lease, err = t.source.Acquire(actx); err != nil {
		class, err = call.judge(ctx, err, false)
		class.Sent = false // the function was never called
		return err
	}
	held, start = true, now()
	if err = call.begin(); err != nil {
		class = Class{Verdict: Neutral, Code: ErrorType(err)}
		return err
	}
	worked, class.Sent = true, true
	var zero R
	t.result, t.done = zero, false
	result, err := t.fn(actx, lease.Conn())
	class, err = call.judge(ctx, err, true)
	if reason = err; err == nil {
		t.result, t.done = result, true
	}
	return err
}

// begin asks every guard whether the work may start.
func (c *Call) begin() error {
	for _, g := range c.guards {
		if err := g.Begin(c); err != nil {
			return err
		}
	}
	return nil
}

// now returns a monotonic reading of the clock.
func now() time.Duration { return time.Since(epoch) }

var epoch = time.Now()
