// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"errors"
	"sync/atomic"
	"time"
)

// maxBarging is how long newcomers may overtake a waiter, see [Pool.Acquire].
// The mutex of package sync has the same rule and the same millisecond. In strict
// order, a returned connection is unused until the first waiter runs, and every
// caller that finds a queue goes to sleep in it. With 128 callers that held 8
// connections for a moment each, a lease took 540 ns in strict order, and 16 ns
// with this rule.
const maxBarging = time.Millisecond

// waitState is what a pool knows of its waiters.
type waitState[C any] struct {
	// gate tells callers and returns of the waiters. Its lower bits are the number
	// of waiters in the queue; gateStrict and gateClosed are above. It is written
	// with Pool.mu held. A caller raises the gate before it looks for a seat for
	// the last time, and a return gives up its seat before it reads the gate. So
	// either the caller finds the seat or the return sees the waiter.
	gate      atomic.Int64
	asking    atomic.Int64 // callers that wait, in the queue or about to join it
	abandoned atomic.Int64 // abandoned waiters in the queue
	overdue   alarm        // ends waits after Config.AcquireTimeout

	// Guarded by Pool.mu.
	waiters queue[C]
	wanted  any  // core.Observer.Ref of the caller that began to wait last
	looking bool // a caller looks for a seat for the last time before it parks
	strict  bool // no caller may overtake a waiter
	// Waiters up to the one with the number lastLong wait for up to longTimeout:
	// AcquireTimeout was longer when they came. Zero is no such waiter.
	longTimeout time.Duration
	lastLong    uint32
}

// The upper bits of waitState.gate.
const (
	// gateStrict: callers join the queue, also if a seat is free.
	gateStrict = 1 << 32
	// gateClosed: the pool gives no more leases.
	gateClosed = 1 << 33
)

// setGate brings p.gate up to date. Strict order ends with the queue. p.mu is
// held.
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

// park puts w into the queue, unless the wait is over: then it returns a seat or an
// error. The checker has not been asked about the seat. p.mu is held.
func (p *Pool[C]) park(w *waiter[C]) (e *entry[C], token uint64, err error, over bool) {
	if p.draining {
		return nil, 0, p.errClosed, true
	}
	// A waiter older than the whole queue tries once more before it parks. The gate
	// is raised first, so a seat returned from now on is offered to it.
	if head := p.first(); !p.strict || head == nil || w.before(head) {
		p.looking = true
		p.setGate()
		e, token = p.take(true)
		p.looking = false
		if e != nil {
			p.setGate()
			return e, token, nil, true
		}
	}
	now := p.now()
	refusal := w.err // set for a newcomer that finds MaxWaiters callers waiting
	w.err = nil
	over = ended(w.ctx) || now-w.since >= p.patience(w)
	if over || p.hopeless(now) || refusal != nil {
		p.setGate()
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
	if now-w.since >= maxBarging {
		p.strict = true
	}
	p.setGate()
	p.overdue.set(later(w.since, p.patience(w)))
	p.replenish()
	return nil, 0, nil, false
}

// serve offers free seats to the waiters. If overtaking is allowed it wakes the
// first waiter, which then competes for a seat; in strict order it hands the seats
// over, and each waiter asks the checker about its own. p.mu is held.
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
		if seat := seatOf(token); !p.offer(e, seat, nil) {
			e.rise(seat)
			return
		}
	}
}

// offer hands a seat, which the caller has taken, to the first waiter. note is nil or
// errFresh. offer returns false if there is no waiter. p.mu is held.
func (p *Pool[C]) offer(e *entry[C], seat int, note error) bool {
	for w := p.first(); w != nil; w = p.first() {
		since := w.since
		if p.grant(w, e, e.token(seat), note) {
			if p.strict && p.now()-since < maxBarging {
				p.strict = false // the first waiter has waited for less than maxBarging
				p.setGate()
			}
			return true
		}
	}
	return false
}

// pass hands the seat of e that a return is about to give up to the first waiter,
// so that no caller can take it first. It returns false if the seat must be given
// up instead: other connections are preferred to a suspect one.
func (p *Pool[C]) pass(e *entry[C], seat int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.strict || p.draining || p.overfull || e.removed || e.flags.Load()&flagSuspect != 0 {
		return false
	}
	return p.offer(e, seat, nil)
}

// errFresh goes with the seat of a connection that was just dialed: the checker is not
// asked about it. Else a checker that always says no would make the pool dial without
// a pause.
var errFresh = errors.New("the connection is new")

// grant ends the wait of w with a seat, with an error, or with neither if the
// wait took too long. It returns false if w was abandoned. p.mu is held.
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

// endOverdue ends the waits that have reached their limit. The limit is the same for all
// waiters that came since the last change of it, so these waits are the first of them.
func (p *Pool[C]) endOverdue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, next := p.now(), never
	for w := p.waiters.First(); w != nil; {
		following := w.place.Next()
		if end := later(w.since, p.patience(w)); now >= end {
			p.grant(w, nil, 0, nil)
		} else if next = min(next, end); !p.cameBefore(w) {
			break
		}
		w = following
	}
	p.overdue.set(next)
	if p.asking.Load() == 0 {
		p.longTimeout = 0
	}
}
