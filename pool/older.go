// SPDX-License-Identifier: Apache-2.0

package pool

// A connection that comes back broken may be the first sign of a restart of the server:
// then every older connection is dead. So an exclusive pool puts the others in doubt:
// flagSuspect. A connection in doubt is not lent unchecked.
//
//   - With a Checker, the pool asks it before the next lease, as ever.
//   - With a Pinger alone, the pool pings the connections in doubt in the background.
//   - With neither, a connection in doubt that a caller had at the failure, and returns
//     as good, is taken for proof that the server was not restarted: that ends the doubt
//     about all. (The caller may have had its answer before the restart. Then another
//     lease fails, and the doubt begins anew.) Until then, each waiter that finds no
//     other connection lets the pool replace one. While dials fail, nothing can be
//     replaced: the pool lends one connection in doubt as a trial after each dial.

// doubtOthers puts every connection in doubt, after another one was returned as broken.
// p.mu is held.
func (p *Pool[C]) doubtOthers() {
	if !p.exclusive || p.draining {
		return
	}
	for _, e := range p.conns {
		e.flags.Or(flagSuspect)
		e.flags.And(^uint32(flagTrial))
	}
	p.pingDoubted()
	p.setDark()
}

// asGood ends the doubt about e, which a caller returns as good.
func (p *Pool[C]) asGood(e *entry[C]) {
	if !p.exclusive || p.checker != nil || p.pinger != nil {
		e.calm()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.removed {
		return // it may have led to another server than those in the pool
	}
	for _, other := range p.conns {
		other.flags.And(^uint32(flagTrial))
		if other.flags.Load()&flagSuspect != 0 {
			other.calm()
			if other.callers() == 0 {
				p.serve()
			}
		}
	}
	p.setDark()
}

// tryDoubted makes one idle connection in doubt lendable, because it cannot be
// replaced. If its caller returns it as good, the doubt is over. p.mu is held.
func (p *Pool[C]) tryDoubted() {
	if !p.exclusive || p.checker != nil || p.pinger != nil || p.draining {
		return
	}
	for _, e := range p.conns {
		if e.flags.Load()&flagSuspect != 0 && e.callers() == 0 {
			e.flags.Or(flagTrial)
			e.calm()
			p.setDark()
			p.serve()
			return
		}
	}
}

// unlendable reports whether e is in doubt, and nothing can tell at once whether it is
// well.
func (p *Pool[C]) unlendable(e *entry[C]) bool {
	return p.checker == nil && p.exclusive && e.flags.Load()&flagSuspect != 0
}

// usable reports whether the pool has a connection that is lent, or may be. p.mu is
// held.
func (p *Pool[C]) usable() bool {
	for _, e := range p.conns {
		if !p.unlendable(e) || e.callers() > 0 {
			return true
		}
	}
	return false
}

// pingDoubted pings the connections in doubt, as many at once as the pool may dial. p.mu
// is held.
func (p *Pool[C]) pingDoubted() {
	if p.pinger == nil || p.checker != nil || !p.exclusive || p.draining {
		return
	}
	for _, e := range p.conns {
		if p.checking >= p.cfg().MaxConcurrentDials {
			return
		}
		if p.unlendable(e) && e.callers() == 0 {
			p.check(e)
		}
	}
}

// vacate removes idle connections in doubt, to make room for the dials that callers
// need: for n callers, less the ones whom a dial or a ping under way may serve, and less
// the room that is free or about to be. p.mu is held.
func (p *Pool[C]) vacate(n int) {
	if !p.exclusive || p.checker != nil || p.draining || p.now() < p.dialAt() {
		return
	}
	if p.lastDial.Load() != nil { // dials fail, so a connection in doubt is worth more than room
		if n > 0 && p.dialing == 0 && p.room() <= 0 && !p.usable() {
			p.tryDoubted() // no dial can begin, and so none can fail
		}
		return
	}
	free := int(p.max.Load()) - len(p.conns) - p.dialing - p.closingSlowly
	for e := range p.leaving {
		if e.callers() > 0 || e.pins > 0 {
			free--
		}
	}
	n = min(n-p.dialing-p.checking, p.cfg().MaxConcurrentDials-len(p.dials)-p.dropped) - max(free, 0)
	for i := 0; i < len(p.conns) && n > 0; {
		e := p.conns[i]
		switch {
		case !p.unlendable(e) || e.callers() > 0:
			i++
			continue
		case e.pins > 0: // Range has it, so that removing it would make no room
			p.tryDoubted()
			i++
		default:
			p.remove(e, CloseUnhealthy) // takes it out of p.conns
		}
		n--
	}
}
