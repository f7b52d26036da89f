// SPDX-License-Identifier: Apache-2.0

package pool

import "github.com/penstock-go/penstock/core"

// Return ends a lease; see [core.Lender].
func (e *entry[C]) Return(token uint64, fate core.ConnFate, reason error) (news bool) {
	p := e.pool
	seat, generation := seatOf(token), uint32(token)
	if seat >= len(e.seats) || !e.seats[seat].CompareAndSwap(generation, generation+1) {
		p.doubleReturns.Add(1)
		return false
	}
	if reason != nil && fate == core.Keep {
		e.failed.Add(1)
	}
	if e.records == nil {
		return e.giveBack(token, fate)
	}
	if !p.tracked.Load() {
		e.records[seat].endHold()
		return e.giveBack(token, fate)
	}
	report, known := e.endRecord(&e.records[seat])
	news = e.giveBack(token, fate)
	if known {
		p.report(report) // calls functions of the user, so the seat is free before
	}
	return news
}

// giveBack gives up the seat of a lease that was returned.
func (e *entry[C]) giveBack(token uint64, fate core.ConnFate) (news bool) {
	p, seat := e.pool, seatOf(token)
	if fate != core.Keep {
		return e.giveBackUnkept(token, fate)
	}
	if e.flags.Load()&(flagSuspect|flagTrial) != 0 {
		p.asGood(e)
	}
	if p.gate.Load()&gateStrict != 0 && p.pass(e, seat) {
		return true
	}
	if e.rise(seat) || p.gate.Load() != 0 {
		p.seatFreed(e)
	}
	return true
}

// giveBackUnkept is giveBack with a fate other than core.Keep.
func (e *entry[C]) giveBackUnkept(token uint64, fate core.ConnFate) (news bool) {
	p := e.pool
	news = true
	if fate >= core.Suspect {
		e.failed.Add(1)
		now := e.failures.Load()
		news = uint16(now) == uint16(token>>32) && e.failures.CompareAndSwap(now, now+1)
	}
	var reason CloseReason
	switch {
	case fate >= core.Broken || fate == core.Suspect && p.exclusive:
		reason = CloseDiscarded
	case fate == core.Unclean && p.exclusive:
		reason = CloseUnclean
	case fate == core.Suspect:
		e.suspect(p.now() + suspicion)
	}
	switch {
	case reason != "":
		p.mu.Lock()
		if !e.removed {
			p.remove(e, reason)
			if reason == CloseDiscarded {
				p.doubtOthers()
			}
		}
		p.mu.Unlock()
	case p.checker == nil && e.flags.Load()&flagSuspect != 0:
		p.mu.Lock()
		p.distrust(e)
		p.mu.Unlock()
	}
	if e.rise(seatOf(token)) || p.gate.Load() != 0 {
		p.seatFreed(e)
	}
	return news
}

// seatFreed does what follows from a free seat of e: it closes e if e is removed
// and the seat was the last, and serves the waiters. A return need not call it
// while e may be lent and the queue is empty.
func (p *Pool[C]) seatFreed(e *entry[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seatFreedLocked(e)
}

// seatFreedLocked is seatFreed with p.mu held.
func (p *Pool[C]) seatFreedLocked(e *entry[C]) {
	if e.removed && e.callers() == 0 {
		p.closeRemoved(e)
	}
	switch {
	case p.draining:
		p.checkDrained()
	case e.removed:
		p.roomFreed()
		p.balance()
	case p.overfull:
		p.balance()
	default:
		p.serve()
	}
}
