// SPDX-License-Identifier: Apache-2.0

package pool

import "github.com/penstock-go/penstock/core"

// Return ends a loan; see [core.Lender].
func (e *entry[C]) Return(token uint64, fate core.ConnFate, _ error) (news bool) {
	p := e.pool
	seat, generation := seatOf(token), uint32(token)
	if seat >= len(e.seats) || !e.seats[seat].CompareAndSwap(generation, generation+1) {
		p.doubleReturns.Add(1)
		return false
	}
	if e.loans == nil {
		return e.giveBack(token, fate)
	}
	account := e.settleLoan(&e.loans[seat])
	news = e.giveBack(token, fate)
	p.report(account) // by functions of the user's, so not before the seat is free
	return news
}

// giveBack gives up a seat whose lease has come back.
func (e *entry[C]) giveBack(token uint64, fate core.ConnFate) (news bool) {
	p, seat := e.pool, seatOf(token)
	if fate != core.Keep {
		return e.returnWith(token, fate)
	}
	if e.flags.Load()&flagSuspect != 0 {
		e.calm()
	}
	if p.gate.Load()&gateStrict != 0 && p.pass(e, seat) {
		return true
	}
	if e.rise(seat) || p.gate.Load() != 0 {
		p.freed(e)
	}
	return true
}

// returnWith ends a loan that did not end well. The seat is still taken.
func (e *entry[C]) returnWith(token uint64, fate core.ConnFate) (news bool) {
	p := e.pool
	news = true
	if fate >= core.Suspect {
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
	if reason != "" {
		p.mu.Lock()
		if !e.removed {
			p.remove(e, reason)
		}
		p.mu.Unlock()
	}
	if e.rise(seatOf(token)) || p.gate.Load() != 0 {
		p.freed(e)
	}
	return news
}

// freed is called after a seat of e was given up, if e is shut or somebody
// waits.
func (p *Pool[C]) freed(e *entry[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(e)
}

// settle is freed with p.mu held.
func (p *Pool[C]) settle(e *entry[C]) {
	if e.removed && e.callers() == 0 {
		p.retire(e)
	}
	switch {
	case p.draining:
		p.checkDrained()
	case e.removed:
		p.replenish()
	default:
		p.serve()
	}
}
