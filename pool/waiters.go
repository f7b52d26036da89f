// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Overtaking is how long newcomers may overtake a waiter, see [Pool.Acquire].
// It is what the mutex of package sync has. To hand each connection to the
// first waiter is fairer at first sight, but leaves it unused until that waiter
// runs, and once there is a queue every caller is put to sleep.
const Overtaking = time.Millisecond

// waiter is a caller that waits for a connection.
type waiter[C any] struct {
	// ready has room for one signal: that state has changed from parked.
	ready chan struct{}
	ctx   context.Context
	since instant
	seq   uint64 // later waiters have a greater one

	// Guarded by the pool's mutex while the waiter is parked, and until the
	// signal is received.
	prev, next *waiter[C]
	state      waiterState

	// What a wait that was granted came to.
	entry *entry[C]
	token uint64
	err   error
}

type waiterState uint8

const (
	parked  waiterState = iota // in the queue
	woken                      // told that there may be a seat to take
	granted                    // has one, or an error
	gone                       // its context has ended: taken out, without a signal
)

// waiterList is a queue of waiters in the order of their seq. Each operation
// takes constant time, but for inserting those that were woken in vain.
type waiterList[C any] struct {
	head, tail *waiter[C]
	len        int
	seq        uint64
	free       sync.Pool // of *waiter[C]
}

// make returns a waiter that is the latest.
func (l *waiterList[C]) make(ctx context.Context, since instant) *waiter[C] {
	w, _ := l.free.Get().(*waiter[C])
	if w == nil {
		w = &waiter[C]{ready: make(chan struct{}, 1)}
	}
	l.seq++
	w.ctx, w.since, w.seq = ctx, since, l.seq
	return w
}

// recycle takes back a waiter that is not in the queue and has no signal left.
func (l *waiterList[C]) recycle(w *waiter[C]) {
	*w = waiter[C]{ready: w.ready}
	l.free.Put(w)
}

// insert puts w where it belongs, almost always at one of the ends.
func (l *waiterList[C]) insert(w *waiter[C]) {
	w.state = parked
	l.len++
	if l.tail == nil || l.tail.seq < w.seq {
		w.prev, w.next = l.tail, nil
	} else {
		next := l.head
		for next.seq < w.seq {
			next = next.next
		}
		w.prev, w.next = next.prev, next
	}
	if w.prev == nil {
		l.head = w
	} else {
		w.prev.next = w
	}
	if w.next == nil {
		l.tail = w
	} else {
		w.next.prev = w
	}
}

// remove takes a parked waiter out.
func (l *waiterList[C]) remove(w *waiter[C], state waiterState) {
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	w.state = state
	l.len--
}

// unpark takes w out of the queue. p.mu is held.
func (p *Pool[C]) unpark(w *waiter[C], state waiterState) {
	p.waiters.remove(w, state)
	p.setGate()
	switch state {
	case granted:
		p.asking.Add(-1)
		w.ready <- struct{}{}
	case woken:
		w.ready <- struct{}{}
	}
}

// setGate makes p.gate say what is the case. p.mu is held.
func (p *Pool[C]) setGate() {
	if p.waiters.len == 0 {
		p.strict = false
	}
	gate := int64(p.waiters.len)
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

// first returns the first waiter whose context has not ended. The others have
// gone, though they had no time yet to say so. p.mu is held.
func (p *Pool[C]) first() *waiter[C] {
	for {
		w := p.waiters.head
		if w == nil || w.ctx.Err() == nil {
			return w
		}
		p.unpark(w, gone)
	}
}

// failWaiters ends every wait with err. p.mu is held.
func (p *Pool[C]) failWaiters(err error) {
	for w := p.waiters.head; w != nil; w = p.waiters.head {
		w.err = err
		p.unpark(w, granted)
	}
}

// grant ends the wait of w with a seat. p.mu is held.
func (p *Pool[C]) grant(w *waiter[C], e *entry[C], token uint64) {
	w.entry, w.token = e, token
	if p.strict && p.now()-w.since < Overtaking {
		p.strict = false // the queue has become short
	}
	p.unpark(w, granted)
}

// serve sees to it that a seat that was given up is taken. p.mu is held.
func (p *Pool[C]) serve() {
	for w := p.first(); w != nil; w = p.first() {
		if !p.strict {
			p.unpark(w, woken)
			return
		}
		e, token := p.take(true)
		if e == nil {
			return
		}
		// Asking the checker may have changed the queue.
		if w = p.first(); w == nil {
			e.rise(seatOf(token))
			return
		}
		p.grant(w, e, token)
	}
}

// pass hands a seat of e that is about to be given up to the first waiter, so
// that nobody can overtake it.
func (p *Pool[C]) pass(e *entry[C], seat int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.strict || p.draining || e.removed || (p.askAlways || e.flags.Load() != 0) && !e.sound() {
		return false
	}
	w := p.first()
	if w == nil {
		return false
	}
	p.grant(w, e, e.token(seat))
	return true
}

// acquireSlowly is Acquire where there was no seat, or somebody else's.
func (p *Pool[C]) acquireSlowly(ctx context.Context) (core.Lease[C], error) {
	p.mu.Lock()
	w := p.waiters.make(ctx, p.now())
	if p.cfg.MaxWaiters > 0 && p.asking.Load() >= int64(p.cfg.MaxWaiters) {
		w.err = p.errTooMany
	}
	p.asking.Add(1)
	e, token, err, over := p.park(w)
	p.mu.Unlock()
	if !over {
		e, token, err = p.wait(w)
	}
	p.waiters.recycle(w)
	if e == nil {
		return core.Lease[C]{}, err
	}
	return e.lease(token), nil
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
	if head := p.waiters.head; !p.strict || head == nil || head.seq > w.seq {
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
	switch {
	case w.ctx.Err() != nil || now-w.since >= p.cfg.AcquireTimeout:
		refusal = p.expire(w)
	case p.hopeless(now):
		refusal = p.lastDial.Load()
	}
	if refusal != nil {
		p.asking.Add(-1)
		p.setGate()
		return nil, 0, refusal, true
	}
	p.waiters.insert(w)
	if now-w.since >= Overtaking {
		p.strict = true
	}
	p.setGate()
	p.overdue.set(later(p.waiters.head.since, p.cfg.AcquireTimeout))
	p.replenish()
	return nil, 0, nil, false
}

// wait waits until w gets a seat or an error, or its time is over.
func (p *Pool[C]) wait(w *waiter[C]) (e *entry[C], token uint64, err error) {
	if observer := p.cfg.Observer; observer != nil {
		scope := core.Scope{Kind: core.KindAcquire, Start: p.epoch.Add(w.since), Source: p.cfg.Name}
		ctx := observer.Begin(w.ctx, scope)
		defer func() { observer.End(ctx, scope, err) }()
	}
	for {
		select {
		case <-w.ready:
			if w.state == granted {
				return p.outcome(w)
			}
			if p.gate.Load() < gateStrict {
				if e, token = p.take(false); e != nil {
					p.asking.Add(-1)
					if p.mayGrow.Load() {
						p.grow(w.ctx, e)
					}
					return e, token, nil
				}
			}
			p.mu.Lock()
			e, token, err, over := p.park(w)
			p.mu.Unlock()
			if over {
				return e, token, err
			}
		case <-w.ctx.Done():
			return p.giveUp(w)
		}
	}
}

// outcome returns what a wait that was granted came to: with neither a seat nor
// an error it took too long.
func (p *Pool[C]) outcome(w *waiter[C]) (*entry[C], uint64, error) {
	if w.entry == nil && w.err == nil {
		return nil, 0, p.expire(w)
	}
	return w.entry, w.token, w.err
}

// giveUp ends the wait of w because its context has ended.
func (p *Pool[C]) giveUp(w *waiter[C]) (*entry[C], uint64, error) {
	p.mu.Lock()
	switch w.state {
	case granted:
		// At the same moment. The seat is taken, so that none is lost.
		p.mu.Unlock()
		<-w.ready
		return p.outcome(w)
	case woken:
		<-w.ready
		p.serve() // somebody else is to have what w was told of
	case parked:
		p.unpark(w, gone)
	}
	p.mu.Unlock()
	p.asking.Add(-1)
	return nil, 0, p.expire(w)
}

// expire returns the error of a wait that came to nothing.
func (p *Pool[C]) expire(w *waiter[C]) error {
	p.timeouts.Add(1)
	return p.acquireError(w.ctx, p.now()-w.since)
}

// endOverdue ends the waits that take too long. All may take equally long, so
// those are the first in the queue.
func (p *Pool[C]) endOverdue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for w := p.waiters.head; w != nil; w = p.waiters.head {
		if end := later(w.since, p.cfg.AcquireTimeout); now < end {
			p.overdue.set(end)
			return
		}
		p.unpark(w, granted)
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
