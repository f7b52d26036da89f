// SPDX-License-Identifier: Apache-2.0

package pool

// A shared pool may have one connection more than its size: a removed one that
// callers still have, and its successor. So that there are never more leases than
// the size times Config.MaxSharing all the same, the pool keeps seats of the
// connections in the pool from callers: as many as there are callers too many on
// removed connections. To keep a seat is to take it. So a lease costs nothing more,
// and a seat is either kept or taken by a caller.
//
// An exclusive pool keeps no seats: each lease is a connection, and room bounds
// their number.

// balance keeps seats from callers, or frees kept seats and serves the waiters. It
// is called when removed connections may have fewer callers, and when the number of
// connections or the size has changed. p.mu is held.
func (p *Pool[C]) balance() {
	if p.exclusive || p.draining {
		return
	}
	n := (len(p.conns)-int(p.max.Load()))*p.cfg.MaxSharing - p.kept
	for e := range p.leaving {
		n += e.callers()
	}
	switch {
	case n > 0:
		p.keepSeats(n)
	case n < 0 && p.kept > 0:
		p.freeSeats(min(-n, p.kept))
	}
}

// keepSeats keeps n seats, of the newest connections. A new connection has enough
// free seats. After Resize to a smaller size there may be fewer: then the number of
// leases falls as the leases of removed connections are returned. p.mu is held.
func (p *Pool[C]) keepSeats(n int) {
	for i := len(p.conns) - 1; i >= 0 && n > 0; i-- {
		for e := p.conns[i]; n > 0; n-- {
			seat, ok := e.sit()
			if !ok {
				break
			}
			e.keptSeats = append(e.keptSeats, seat)
			e.kept.Add(1)
			p.kept++
		}
	}
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
			p.serve() // once for each seat: it may wake one waiter only
		}
	}
}
