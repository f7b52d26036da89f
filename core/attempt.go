// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/internal/nested"
)

// MarkApplied says that a request of the attempt that ctx belongs to changed the
// backend, or may have: the backend answered OK, or the end of the request is
// unknown. An attempt may send several requests; an [Unsafe] operation is
// attempted again only if none of them changed anything. Where the operation is
// part of the work of another one, the mark holds for the other's attempt too.
//
// It is for the adapter of a backend, which knows more than the last error. It is
// safe for concurrent use, and does nothing outside of an attempt.
func MarkApplied(ctx context.Context) {
	markAll(ctx, applied)
}

// markAll marks the attempts that ctx belongs to.
func markAll(ctx context.Context, bit uint32) {
	nested.Attempts(ctx, func(a nested.Attempt) { a.(*attemptContext).mark(bit) })
}

// markBlameless says that an operation within the work of the attempts that ctx belongs
// to was refused in this process, or waited in vain. An attempt whose context ended
// meanwhile ended because of that, also if its work returns nothing but the error of
// the context.
func markBlameless(ctx context.Context) {
	nested.Attempts(ctx, func(a nested.Attempt) {
		if a := a.(*attemptContext); ended(a.parent) {
			a.mark(blameless)
		}
	})
}

// ended reports whether ctx has ended.
func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// markRetried says that an operation within the attempt that ctx belongs to made
// further attempts, and failed. The mark holds for all attempts that this one is
// part of.
func markRetried(ctx context.Context) { markAll(ctx, retried) }

// attemptContext is the context of an attempt's work, and knows what the work said of
// itself. Each attempt has its own, because work that ignores the end of its attempt may
// still look at it. It has 32 bytes: an operation allocates one.
type attemptContext struct {
	parent context.Context
	marks  atomic.Uint32 // applied, blameless, retried
	lease  uint32        // lower bits of the lease's token; set once, before the work
	note   atomic.Pointer[nested.Note]
}

// Bits of attemptContext.marks.
const (
	applied   = 1 << iota // see MarkApplied
	blameless             // see markBlameless
	retried               // see markRetried
)

func (a *attemptContext) mark(bit uint32)        { a.marks.Or(bit) }
func (a *attemptContext) marked(bit uint32) bool { return a.marks.Load()&bit != 0 }

// Lease implements [nested.Attempt].
func (a *attemptContext) Lease() uint32 { return a.lease }

// Say implements [nested.Attempt].
func (a *attemptContext) Say(n *nested.Note) { a.note.Store(n) }

// Said implements [nested.Attempt].
func (a *attemptContext) Said() *nested.Note { return a.note.Load() }

// Resay implements [nested.Attempt].
func (a *attemptContext) Resay(old, n *nested.Note) bool { return a.note.CompareAndSwap(old, n) }

// Outer implements [nested.Attempt].
func (a *attemptContext) Outer() context.Context { return a.parent }

func (a *attemptContext) Deadline() (time.Time, bool) { return a.parent.Deadline() }
func (a *attemptContext) Done() <-chan struct{}       { return a.parent.Done() }
func (a *attemptContext) Err() error                  { return a.parent.Err() }

func (a *attemptContext) Value(key any) any {
	if key == (nested.Key{}) {
		return a
	}
	return a.parent.Value(key)
}

// run is the end of the chain for one attempt: it holds the lease, and sees to
// it that the lease is released and the outcome settled once, however the work
// ends.
type run struct {
	call     *Call
	ctx      *attemptContext
	lender   Lender // nil without a connection
	token    uint64
	start    time.Duration // of the work
	progress progress
	over     bool
}

// begin begins the run of an attempt that came to the end of the chain. It fills r
// in place: a run that is returned is copied through memory.
func (r *run) begin(ctx context.Context, c *Call) {
	r.call, r.ctx, r.progress = c, c.job.context(), waited
	r.ctx.parent = ctx
}

// work asks the guards whether the work may start. The time of the work runs from
// here, because a stage that injects latency spends it in a guard. If every wait is
// told and there was none, the attempt began just before, and the clock need not be
// read again.
func (r *run) work() error {
	r.progress = refused
	if r.call.measure || !r.call.client.waitsTold || waitFor(r.lender) > 0 {
		r.start = now()
	} else {
		r.start = r.call.began()
	}
	if r.call.client.namesHolders && r.lender != nil {
		r.hold()
	}
	if err := r.call.beforeWork(); err != nil {
		return err
	}
	r.progress = worked
	return nil
}

// hold tells the lender which operation has the lease.
func (r *run) hold() {
	lender := r.lender
	if waited, ok := lender.(*waitedLender); ok {
		lender = waited.Lender
	}
	if keeper, ok := lender.(nested.Keeper); ok {
		op := &r.call.Op
		keeper.Hold(r.ctx, r.token, op.Name, op.Target, epoch.Add(r.start))
	}
}

// succeeded ends the run of work that returned no error.
func (r *run) succeeded() {
	o := success
	if r.call.measure {
		o.Ran = now() - r.start
	}
	r.progress = returning
	if r.lender != nil {
		r.lender.Return(r.token, Keep, nil)
	}
	r.over = true
	r.noted()
	r.call.settle(&o, nil)
}

// noted keeps what the adapter said of the work, for the observer.
func (r *run) noted() {
	if n := r.ctx.note.Load(); n != r.call.note {
		r.call.note = n
	}
}

// failed ends the run with err, and returns the error that explains it.
func (r *run) failed(err error) error {
	a := attempt{
		ctx: r.ctx, progress: r.progress, wait: waitFor(r.lender),
		applied: r.ctx.marked(applied), blameless: r.ctx.marked(blameless), retried: r.ctx.marked(retried),
	}
	if r.progress == worked {
		a.ran = now() - r.start
	}
	o, err := r.call.conclude(a, err)
	r.over = true
	r.noted()
	returned := false
	defer func() {
		if !returned { // a function of the user that Return called
			r.call.settle(&o, err)
		}
	}()
	reason := err
	if o.Conn == Keep && o.Verdict != Failure {
		reason = nil // the backend answered, so nothing is wrong with the connection
	}
	known := false
	if judge, ok := unwrapped(r.lender).(nested.Judge); ok {
		known = judge.Judge(r.token, uint8(o.Verdict))
	}
	if r.lender != nil && !r.lender.Return(r.token, o.Conn, reason) && o.Conn >= Suspect {
		known = true // the death of one connection is one failure, however many attempts were on it
	}
	if known && o.Verdict == Failure {
		o.Verdict, o.Judged = Neutral, false
	}
	returned = true
	r.call.settle(&o, err)
	return err
}

// end ends the run if it has not ended: fn panics or calls Goexit, which is not
// recovered. What a function of the user does that Return called, such as pool's
// OnUse, does not undo the success of the work.
func (r *run) end() {
	switch {
	case r.over:
	case r.progress == returning:
		o := success
		if r.call.measure {
			o.Ran = now() - r.start
		}
		r.over = true
		r.call.settle(&o, nil)
	default:
		_ = r.failed(ErrPanic)
	}
}

// Simulate runs work in place of the rest of the chain, as an attempt on a
// connection without asking for one: its outcome is judged and the guards are
// told as if the operation's own function had run. It is for stages that inject
// faults; like them, it is called at most once in each attempt, with the ctx
// that next would have been given.
func (c *Call) Simulate(ctx context.Context, work func(context.Context) error) error {
	var r run
	r.begin(ctx, c)
	defer r.end()
	if err := r.work(); err != nil {
		return r.failed(err)
	}
	if err := work(r.ctx); err != nil {
		return r.failed(err)
	}
	r.succeeded()
	return nil
}
