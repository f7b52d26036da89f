// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Overtaking is how long newcomers may overtake a waiter, see [Pool.Acquire].
// The mutex of package sync has the same rule, and the same millisecond. To hand
// each connection to the first waiter is fairer, but leaves it unused until that
// waiter runs; and once there is a queue, every caller goes to sleep in it. Where
// 128 callers shared 8 connections without holding them for long, a loan took
// 540 ns like that, and 16 ns like this.
const Overtaking = time.Millisecond

// waitState is what a pool knows of the callers that wait.
type waitState[C any] struct {
	// gate is what a caller must look at besides a connection: the number of
	// parked waiters in the lower bits, and gateStrict and gateClosed above. It is
	// written with Pool.mu held. A caller raises the gate before it looks for a
	// seat for the last time, and a return reads the gate after it has given up a
	// seat: so either the caller finds the seat, or the return sees the caller.
	gate    atomic.Int64
	asking  atomic.Int64 // callers that wait
	gone    atomic.Int64 // waiters that have gone, but are in the queue still
	overdue alarm        // ends waits that take too long

	// Guarded by Pool.mu.
	waiters waiterList[C] // those parked
	looking bool          // somebody is about to be parked, unless there is a seat
	strict  bool          // nobody may overtake a waiter
}

// The upper bits of waitState.gate. Below them it is the number of waiters.
const (
	// gateStrict: callers queue up, even if a seat is free.
	gateStrict = 1 << 32
	// gateClosed: nothing is lent any more.
	gateClosed = 1 << 33
)

// setGate makes p.gate say what is the case. p.mu is held.
func (p *Pool[C]) setGate() {
	if p.waiters.Len() == 0 {
		p.strict = false
	}
	gate := int64(p.waiters.Len())
	if p.looking {
		gate++
	}
	if p.strict {
		gate |= gateStrict
	}
	if p.draining {
		gate |= gateClosed
	}
	p.gate.Store(gate)
}

// acquireSlowly is Acquire where there was no seat, or somebody else's.
func (p *Pool[C]) acquireSlowly(ctx context.Context) (core.Lease[C], error) {
	p.mu.Lock()
	since := p.now()
	w := p.waiters.make(ctx, since)
	if p.cfg.MaxWaiters > 0 && p.asking.Load() >= int64(p.cfg.MaxWaiters) {
		w.err = p.errTooMany
	}
	p.asking.Add(1)
	e, token, err, over := p.park(w)
	p.mu.Unlock()
	switch {
	case over:
		p.waiters.recycle(w)
	case p.cfg.Observer != nil:
		e, token, err = p.waitObserved(w)
	default:
		e, token, err = p.wait(w)
	}
	if e == nil {
		return core.Lease[C]{}, err
	}
	return e.lease(token).After(p.now() - since), nil
}

// park puts w into the queue, unless its wait is over. It is over with a seat
// or an error. p.mu is held.
func (p *Pool[C]) park(w *waiter[C]) (e *entry[C], token uint64, err error, over bool) {
	if p.draining {
		p.asking.Add(-1)
		return nil, 0, p.errClosed, true
	}
	// Who is older than all who queue takes a seat if there is one. From here on
	// whoever gives one up sees that it is wanted.
	if head := p.first(); !p.strict || head == nil || w.before(head) {
		p.looking = true
		p.setGate()
		e, token = p.take(true)
		p.looking = false
		if e != nil {
			p.setGate()
			p.asking.Add(-1)
			p.growLocked(w.ctx, e)
			return e, token, nil, true
		}
	}
	now := p.now()
	refusal := w.err // set if it has come only now, and too many wait
	w.err = nil
	over = ended(w.ctx) || now-w.since >= p.cfg.AcquireTimeout
	if over || p.hopeless(now) || refusal != nil {
		p.setGate()
		p.asking.Add(-1)
		switch {
		case over:
			refusal = p.expire(w.ctx, w.since)
		case p.hopeless(now):
			refusal = p.lastDial.Load()
		}
		p.replenish()
		return nil, 0, refusal, true
	}
	p.waiters.insert(w)
	if now-w.since >= Overtaking {
		p.strict = true
	}
	p.setGate()
	p.overdue.set(later(p.waiters.First().since, p.cfg.AcquireTimeout))
	p.replenish()
	return nil, 0, nil, false
}

// wait waits until w gets a seat or an error, or its time is over. w is not to
// be used after.
func (p *Pool[C]) wait(w *waiter[C]) (e *entry[C], token uint64, err error) {
	for over := false; !over; {
		select {
		case <-w.ready:
			e, token, err, over = p.roused(w)
		case <-w.ctx.Done():
			return p.giveUp(w)
		}
	}
	p.waiters.recycle(w)
	return e, token, err
}

// waitObserved is wait with somebody who watches. It is on its own so that the
// stack of a goroutine that waits need not grow.
func (p *Pool[C]) waitObserved(w *waiter[C]) (e *entry[C], token uint64, err error) {
	scope := core.Scope{Kind: core.KindAcquire, Start: p.epoch.Add(w.since), Source: p.cfg.Name}
	ctx := p.cfg.Observer.Begin(w.ctx, scope)
	defer func() { p.cfg.Observer.End(ctx, scope, err) }()
	return p.wait(w)
}

// roused is called by a waiter that was signaled. Its wait is over with a seat
// or an error, or else it is in the queue again.
func (p *Pool[C]) roused(w *waiter[C]) (e *entry[C], token uint64, err error, over bool) {
	if w.state.Load() == granted {
		if w.entry == nil && w.err == nil {
			w.err = p.expire(w.ctx, w.since)
		}
		return w.entry, w.token, w.err, true
	}
	if p.gate.Load() < gateStrict {
		if e, token = p.take(false); e != nil {
			p.asking.Add(-1)
			if p.mayGrow.Load() {
				p.grow(w.ctx, e)
			}
			return e, token, nil, true
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.park(w)
}

// giveUp ends the wait of w because its context has ended.
func (p *Pool[C]) giveUp(w *waiter[C]) (e *entry[C], token uint64, err error) {
	ctx, since := w.ctx, w.since
	if w.state.CompareAndSwap(parked, gone) {
		p.sweep()
	} else {
		switch w.state.Load() {
		case granted:
			// At the same moment. The seat is taken, so that none is lost.
			<-w.ready
			e, token, err, _ = p.roused(w)
			p.waiters.recycle(w)
			return e, token, err
		case woken:
			<-w.ready
			p.mu.Lock()
			p.serve() // somebody else is to have what w was told of
			p.mu.Unlock()
		}
		p.waiters.recycle(w)
	}
	p.asking.Add(-1)
	return nil, 0, p.expire(ctx, since)
}

// serve sees to it that seats that were given up are taken. p.mu is held.
func (p *Pool[C]) serve() {
	for w := p.first(); w != nil; w = p.first() {
		if !p.strict {
			if p.pop(w, woken) {
				w.ready <- struct{}{}
				return
			}
			continue
		}
		e, token := p.take(true)
		if e == nil {
			p.replenish()
			return
		}
		if seat := seatOf(token); !p.offer(e, seat) {
			e.rise(seat)
			return
		}
	}
}

// offer hands a seat that was taken for the purpose to the first waiter, and
// reports whether there was one. p.mu is held.
func (p *Pool[C]) offer(e *entry[C], seat int) bool {
	for w := p.first(); w != nil; w = p.first() {
		since := w.since
		if p.grant(w, e, e.token(seat), nil) {
			if p.strict && p.now()-since < Overtaking {
				p.strict = false // the queue has become short
				p.setGate()
			}
			return true
		}
	}
	return false
}

// pass hands a seat of e that is about to be given up to the first waiter, so
// that nobody can overtake it.
func (p *Pool[C]) pass(e *entry[C], seat int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.strict || p.draining || e.removed || (p.askAlways || e.flags.Load() != 0) && !e.sound() {
		return false
	}
	return p.offer(e, seat)
}

// grant ends the wait of w with a seat or an error, or with neither if it took
// too long, and reports whether it was there to be told. p.mu is held.
func (p *Pool[C]) grant(w *waiter[C], e *entry[C], token uint64, err error) bool {
	w.entry, w.token, w.err = e, token, err
	if !p.pop(w, granted) {
		return false
	}
	p.asking.Add(-1)
	w.ready <- struct{}{}
	return true
}

// failWaiters ends every wait with err. p.mu is held.
func (p *Pool[C]) failWaiters(err error) {
	for w := p.waiters.First(); w != nil; w = p.waiters.First() {
		p.grant(w, nil, 0, err)
	}
}

// expire returns the error of a wait that came to nothing.
func (p *Pool[C]) expire(ctx context.Context, since instant) error {
	p.timeouts.Add(1)
	return p.acquireError(ctx, p.now()-since)
}

// endOverdue ends the waits that take too long. All may take equally long, so
// those are the first in the queue.
func (p *Pool[C]) endOverdue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for w := p.waiters.First(); w != nil; w = p.waiters.First() {
		if end := later(w.since, p.cfg.AcquireTimeout); now < end {
			p.overdue.set(end)
			return
		}
		p.grant(w, nil, 0, nil)
	}
}

// acquireError describes the end of a wait.
func (p *Pool[C]) acquireError(ctx context.Context, waited time.Duration) error {
	e := &AcquireError{
		Pool:    p.cfg.Name,
		Waited:  waited,
		Max:     int(p.max.Load()),
		Waiters: int(p.asking.Load()),
		Err:     ctx.Err(),
	}
	e.InUse, e.Idle = p.table.Load().usage()
	if last := p.lastDial.Load(); last != nil {
		e.LastDial = last
	}
	return e
}
