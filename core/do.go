// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
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
func Do[C, R any](ctx context.Context, c Runner[C], op Op, fn func(context.Context, C) (R, error)) (R, error) {
	client := c.runner()
	b := client.inForce.Load()
	call := b.newCall(op)
	t, ok := call.job.(*task[C, R])
	if !ok { // the call is new, or served an operation of another type
		t = &task[C, R]{client: client, fresh: true}
		call.job = t
	}
	t.fn = fn
	call.begin(ctx)
	late := ctx.Err() != nil // then the operation waits for nothing
	err := b.handle(ctx, call)
	if err != nil {
		o := call.Since(Mark{}, err)
		if o.Verdict == Neutral && !late {
			markBlameless(ctx)
		}
		err = call.failed(err, o)
	} else if !call.done {
		err = call.failed(call.noResult(), call.Since(Mark{}, nil))
	}
	result := t.result
	var zero R
	t.result, t.fn = zero, nil
	call.recycle()
	if err != nil {
		return zero, err
	}
	return result, nil
}

// noResult returns the error of an operation that has no result to give: a stage
// returned no error, although the work did not run or its last attempt failed.
func (c *Call) noResult() error {
	stage := "a stage"
	if c.silent != "" {
		stage = fmt.Sprintf("stage %q", c.silent)
	}
	return fmt.Errorf("%s returned no error for work that did not succeed: a stage must return the error of next, or one of its own", stage)
}

// begin makes ctx the context of the whole operation.
func (c *Call) begin(ctx context.Context) {
	c.ctx = ctx
	if c.client.observer != nil {
		c.scope = ctx
	}
}

// bounded wraps next with the client's own timeout, which holds unless the caller's
// deadline is tighter.
func bounded(next Handler) Handler {
	return func(ctx context.Context, call *Call) error {
		if !call.EndsWithin(ctx, call.client.timeout) {
			var cancel context.CancelFunc
			ctx, cancel = call.WithLimit(ctx, call.client.timeout, call.client.timedOut)
			defer cancel()
			call.ownDeadline, call.outer = true, call.ctx
			call.begin(ctx)
		}
		return next(ctx, call)
	}
}

// failed returns the error of Do.
func (c *Call) failed(err error, o Outcome) error {
	if c.attempt > 1 {
		markRetried(c.ctx)
	}
	return &Error{Op: c.Op.Name, Target: c.Op.Target, Attempts: c.Attempt(), Outcome: o, Err: err, client: c.client}
}

// work ends every chain: it acquires a connection and runs the call's function.
func work(ctx context.Context, call *Call) error { return call.job.do(ctx, call) }

type job interface {
	do(ctx context.Context, call *Call) error
	// context returns a new context for an attempt.
	context() *attemptContext
}

// task is the part of a call that knows its types. It stays with its call, for
// operations of the same types. What the work may keep is the attempt's context: the
// one allocation that an operation makes.
type task[C, R any] struct {
	client *Client[C]
	fn     func(context.Context, C) (R, error)
	result R
	first  attemptContext // of the first attempt that the task serves
	fresh  bool           // first was not used yet
}

func (t *task[C, R]) context() *attemptContext {
	if t.fresh {
		t.fresh = false
		return &t.first
	}
	return new(attemptContext)
}

func (t *task[C, R]) do(ctx context.Context, call *Call) error {
	if call.done { // a stage repeats what succeeded
		var zero R
		t.result, call.done = zero, false
	}
	var r run
	r.begin(ctx, call)
	defer r.end()
	lease, err := t.client.acquire(r.ctx, call)
	if err != nil {
		call.lender = nil
		r.tellWaitInVain(err)
		return r.failed(err)
	}
	r.lender, r.token = lease.lender, lease.token
	r.ctx.lease = uint32(lease.token)
	if call.client.observer != nil {
		call.lender, call.token, call.held = unwrapped(r.lender), r.token, true
		call.tellWait(waitFor(r.lender), nil)
	}
	if err := r.work(); err != nil {
		return r.failed(err)
	}
	result, err := t.fn(r.ctx, lease.conn)
	if err != nil {
		return r.failed(err)
	}
	t.result, call.done = result, true
	r.succeeded()
	return nil
}

// acquire asks the source for a connection.
func (c *Client[C]) acquire(ctx context.Context, call *Call) (Lease[C], error) {
	if c.byOp != nil {
		return c.byOp.AcquireFor(ctx, call.Op)
	}
	return c.source.Acquire(ctx)
}

// tellWait tells the observer how long the call waited for a connection, if it did.
func (c *Call) tellWait(wait time.Duration, err error) {
	if wait > 0 {
		c.Event(Event{Kind: EventWait, Name: "pool", Delay: wait, Err: err})
	}
}

// tellWaitInVain is tellWait for a wait that ended without a connection.
func (r *run) tellWaitInVain(err error) {
	if n := r.ctx.note.Load(); n != nil {
		r.call.tellWait(n.Waited, err)
	}
}

// now returns a monotonic reading of the clock.
func now() time.Duration { return time.Since(epoch) }

var epoch = time.Now()
