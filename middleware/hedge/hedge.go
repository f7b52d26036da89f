// SPDX-License-Identifier: Apache-2.0

// Package hedge makes a second attempt at a ReadOnly operation while the first
// is slow, and takes whichever succeeds first. That cuts the longest latencies,
// which are often those of one bad server or connection, for a little more
// load.
//
// It is no stage but a function to call in place of core.Do, because a result
// has a type, which stages do not know: each of the two is a whole operation of
// its own, with its own span, verdict and retries.
//
//	hits, err := hedge.Do(ctx, hedger, client, search, find)
//
// A second operation is begun only while the first is under way, and only if
// the [core.Budget] grants it, which should be that of the client's retries, so
// that both together never exceed it.
//
// The loser's context is canceled, and Do returns when both have ended: nothing
// is left behind, and nobody writes to the result. Work that ignores its
// context holds Do up. Of a connection that is lent exclusively the loser leaves
// nothing to reuse; hedging suits shared ones.
package hedge

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// ErrNotReadOnly says that an operation whose Safety is not ReadOnly was given
// to [Do]. It is a core.ErrRejected.
var ErrNotReadOnly = core.Sentinel("only ReadOnly operations may be hedged", "", core.ErrRejected)

// Hedger decides when operations are hedged. Operations of alike latency share
// one. It is safe for concurrent use.
type Hedger struct {
	cfg     Config
	recent  *latencies // nil if the delay is fixed
	started atomic.Uint64
	hedged  atomic.Uint64
	won     atomic.Uint64
	denied  atomic.Uint64
}

// New returns a hedger that knows no latencies yet.
func New(cfg Config) (*Hedger, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Hedger{cfg: cfg}
	if cfg.Quantile > 0 {
		h.recent = newLatencies(cfg.Quantile)
	}
	return h, nil
}

// Delay returns how long a first operation that began now would be given before
// it is hedged.
func (h *Hedger) Delay() time.Duration {
	if h.recent == nil {
		return h.cfg.Delay
	}
	return max(h.cfg.Delay, time.Duration(h.recent.quantile.Load()))
}

// Stats are the counters of a hedger at one moment.
type Stats struct {
	Operations uint64        // given to Do
	Hedged     uint64        // of which this many had a second one
	Won        uint64        // which was this often the one that succeeded first
	Denied     uint64        // slow ones that the budget did not grant a second
	Delay      time.Duration // see [Hedger.Delay]
}

// Stats returns the counters. It changes nothing.
func (h *Hedger) Stats() Stats {
	return Stats{
		Operations: h.started.Load(), Hedged: h.hedged.Load(), Won: h.won.Load(), Denied: h.denied.Load(), Delay: h.Delay(),
	}
}

// Do is core.Do, but if the operation has not ended after h's delay, it begins
// another, and returns the result of whichever succeeds first. If none does, it
// returns the error of the first. An operation that fails before the delay is
// not hedged: to repeat what failed is for retry.
//
// fn may run twice at the same time. If it panics in either, so does Do, with a
// [*core.PanicError] if that was the second.
func Do[C, R any](ctx context.Context, h *Hedger, c *core.Client[C], op core.Op, fn func(context.Context, C) (R, error)) (R, error) {
	if op.Safety != core.ReadOnly {
		var zero R
		return zero, &core.Error{Op: op.Name, Target: op.Target, Err: fmt.Errorf("%w: this one is %v", ErrNotReadOnly, op.Safety)}
	}
	h.started.Add(1)
	if h.cfg.PayIn {
		h.cfg.Budget.Deposit()
	}
	delay := h.Delay()
	began := time.Now()
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(began) <= delay {
		result, err := core.Do(ctx, c, op, fn) // it would come too late
		h.observe(began, err == nil)
		return result, err
	}
	first, cancelFirst := context.WithCancel(ctx)
	defer cancelFirst()
	r := &race[C, R]{hedger: h, client: c, op: op, fn: fn, ctx: ctx, cancelFirst: cancelFirst}
	timer := time.AfterFunc(delay, r.hedge)
	defer r.finish(timer, true) // if the first does not return
	result, err := core.Do(first, c, op, fn)
	r.finish(timer, err == nil)
	h.observe(began, err == nil || r.sooner) // a loser would have taken longer still
	switch {
	case r.panicked != nil:
		panic(r.panicked)
	case r.sooner, err != nil && r.succeeded:
		h.won.Add(1)
		return r.result, nil
	default:
		return result, err
	}
}

// observe takes note of how long a first operation took that began then.
func (h *Hedger) observe(began time.Time, counts bool) {
	if h.recent != nil && counts {
		h.recent.add(time.Since(began))
	}
}

// race is an operation and perhaps its second.
type race[C, R any] struct {
	hedger      *Hedger
	client      *core.Client[C]
	op          core.Op
	fn          func(context.Context, C) (R, error)
	ctx         context.Context // the caller's
	cancelFirst context.CancelFunc

	mu           sync.Mutex
	over         bool               // the first has ended; guarded by mu, as is the next
	cancelSecond context.CancelFunc // nil if there is no second
	ended        chan struct{}      // closed when the second has

	// Of the second, to be read when it has ended.
	succeeded bool
	sooner    bool // than the first ended
	result    R
	panicked  *core.PanicError
}

// hedge runs the second operation. It has a goroutine of its own.
func (r *race[C, R]) hedge() {
	ctx, ok := r.begin()
	if !ok {
		return
	}
	defer close(r.ended)
	defer func() {
		if v := recover(); v != nil {
			r.panicked = &core.PanicError{Value: v, Stack: debug.Stack()}
			r.cancelFirst()
		}
	}()
	result, err := core.Do(ctx, r.client, r.op, r.fn)
	if err == nil {
		r.mu.Lock()
		r.succeeded, r.sooner, r.result = true, !r.over, result
		r.mu.Unlock()
		r.cancelFirst()
	}
}

// begin reports whether there is to be a second operation, and returns its
// context.
func (r *race[C, R]) begin() (context.Context, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.ctx.Err() != nil {
		return nil, false
	}
	if !r.hedger.cfg.Budget.Take() {
		r.hedger.denied.Add(1)
		return nil, false
	}
	r.hedger.hedged.Add(1)
	ctx, cancel := context.WithCancel(r.ctx)
	r.cancelSecond, r.ended = cancel, make(chan struct{})
	return ctx, true
}

// finish returns when both operations have ended, the first before. cancel ends
// the second, where its result is not wanted any more.
func (r *race[C, R]) finish(timer *time.Timer, cancel bool) {
	timer.Stop()
	r.mu.Lock()
	r.over = true
	cancelSecond, ended := r.cancelSecond, r.ended
	r.mu.Unlock()
	if ended == nil {
		return
	}
	if cancel {
		cancelSecond()
	}
	<-ended
	cancelSecond()
}
