// SPDX-License-Identifier: Apache-2.0

package pool

// Callers of removed connections count: there are never more leases than places,
// which are the size times Config.MaxSharing. A shared pool may have one connection
// more than its size: a removed one that callers still have, and its successor. And
// Resize to a smaller size may remove connections that callers have. So the pool
// keeps seats of the connections in the pool from callers: as many as there are
// callers too many on removed connections. To keep a seat is to take it. So a lease
// costs nothing more, and a seat is either kept or taken by a caller.
//
// After Resize to a smaller size there may be more leases than places. Then there are
// no seats to keep, and the pool is overfull: every connection is shut, so that each
// return of a lease calls seatFreed, until there are as many leases as places.

// balance keeps seats from callers, or frees kept seats and serves the waiters. It
// is called when removed connections may have fewer callers, when the number of
// connections or the size has changed, and at each return while the pool is overfull.
// p.mu is held.
func (p *Pool[C]) balance() {
	if p.draining {
		return
	}
	n := (len(p.conns)-int(p.max.Load()))*p.cfg().MaxSharing - p.kept
	for e := range p.leaving {
		n += e.callers()
	}
	if n > 0 {
		n = p.keepSeats(n)
	}
	p.setOverfull(n > 0)
	if n < 0 && p.kept > 0 {
		p.freeSeats(min(-n, p.kept))
	}
}

// keepSeats keeps up to n seats, of the newest connections first, and returns how
// many it could not keep. A new connection has enough free seats. p.mu is held.
func (p *Pool[C]) keepSeats(n int) int {
	for i := len(p.conns) - 1; i >= 0 && n > 0; i-- {
		for e := p.conns[i]; n > 0; n-- {
			seat, ok := e.sit(true)
			if !ok {
				break
			}
			e.keptSeats = append(e.keptSeats, seat)
			e.kept.Add(1)
			p.kept++
		}
	}
	return n
}

// freeSeats frees n kept seats and serves the waiters. p.mu is held.
func (p *Pool[C]) freeSeats(n int) {
	for _, e := range p.conns {
		for ; n > 0 && len(e.keptSeats) > 0; n-- {
			last := len(e.keptSeats) - 1
			seat := e.keptSeats[last]
			e.keptSeats = e.keptSeats[:last]
			e.kept.Add(-1)
			p.kept--
			e.rise(seat)
			p.serve() // once for each seat: it wakes one waiter, unless the order is strict
		}
	}
}

// setOverfull shuts every connection, or opens them again and serves the waiters.
// p.mu is held.
func (p *Pool[C]) setOverfull(overfull bool) {
	if overfull == p.overfull {
		return
	}
	p.overfull = overfull
	free := 0
	for _, e := range p.conns {
		if overfull {
			e.shut()
		} else {
			e.reopen()
			free += len(e.seats) - e.taken()
		}
	}
	for range min(free, p.waiters.Len()) {
		p.serve()
	}
}
