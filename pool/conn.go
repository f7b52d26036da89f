// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/penstock-go/penstock/core"
)

// suspicion is how long a suspect connection is passed over at most.
const suspicion = time.Second

// entry is a connection of a pool, and the [core.Lender] of its leases.
// Everything but pool and conn is guarded by the pool's mutex.
type entry[C any] struct {
	pool *Pool[C]
	conn C

	seats   []seat
	free    []uint32 // the seats that nobody has
	callers int
	used    uint64 // when it was last lent or given back, by pool.uses

	failures     uint64 // how many were news
	suspect      bool
	suspectUntil time.Time

	removed bool        // no longer in pool.conns
	reason  CloseReason // why it was removed
}

// seat is room for one caller. A token is the number of the seat and its
// generation, so that a lease that was given back is told from one that is out.
type seat struct {
	generation uint32
	taken      bool
	failures   uint64 // of the entry, when the loan began
}

// sit takes a seat and returns its token. There must be room.
func (e *entry[C]) sit() (token uint64) {
	var i uint32
	if n := len(e.free); n > 0 {
		i = e.free[n-1]
		e.free = e.free[:n-1]
	} else {
		i = uint32(len(e.seats))
		e.seats = append(e.seats, seat{})
	}
	s := &e.seats[i]
	s.generation++
	s.taken = true
	s.failures = e.failures
	e.callers++
	return uint64(i)<<32 | uint64(s.generation)
}

// rise gives up the seat of token, and returns what it was.
func (e *entry[C]) rise(token uint64) (s seat, ok bool) {
	i := token >> 32
	if i >= uint64(len(e.seats)) {
		return seat{}, false
	}
	taken := &e.seats[i]
	if !taken.taken || taken.generation != uint32(token) {
		return seat{}, false
	}
	taken.taken = false
	e.free = append(e.free, uint32(i))
	e.callers--
	return *taken, true
}

// Return ends a loan; see [core.Lender].
func (e *entry[C]) Return(token uint64, fate core.ConnFate, _ error) (news bool) {
	p := e.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := e.rise(token)
	if !ok {
		p.doubleReturns++
		return false
	}
	p.inFlight--
	p.touch(e)
	news = true
	if fate >= core.Suspect {
		if news = s.failures == e.failures; news {
			e.failures++
		}
	}
	switch {
	case e.removed:
		if e.callers == 0 {
			p.retire(e)
		}
	case fate >= core.Broken:
		p.remove(e, CloseDiscarded)
	case fate == core.Keep:
		e.suspect = false
	case p.cfg.Mode == Exclusive && fate == core.Unclean:
		p.remove(e, CloseUnclean)
	case p.cfg.Mode == Exclusive:
		p.remove(e, CloseDiscarded)
	case fate == core.Suspect:
		e.suspect, e.suspectUntil = true, time.Now().Add(suspicion)
	}
	if p.draining {
		p.checkDrained()
		return news
	}
	if p.waiters.len > 0 {
		p.serve()
	}
	if e.removed {
		p.replenish()
	}
	return news
}

// lend lends e, which must have room. p.mu is held.
func (p *Pool[C]) lend(e *entry[C]) core.Lease[C] {
	p.inFlight++
	token := e.sit()
	p.touch(e)
	return core.NewLease(e.conn, core.Lender(e), token)
}

func (p *Pool[C]) touch(e *entry[C]) {
	p.uses++
	e.used = p.uses
}

// pick returns the connection to lend next, nil if none has room. A suspect
// one is chosen only if no other has room, so that its callers fail at once
// rather than wait. p.mu is held.
func (p *Pool[C]) pick() *entry[C] {
	var (
		best, fallback *entry[C]
		dead           []*entry[C]
		now            time.Time // read once, and only if needed
	)
	for _, e := range p.conns {
		if e.callers >= p.cfg.MaxSharing || best != nil && !p.prefer(e, best) {
			continue
		}
		switch {
		case p.sound(e, &now):
			best = e
		case p.cfg.Mode == Exclusive:
			dead = append(dead, e)
		case fallback == nil || p.prefer(e, fallback):
			fallback = e
		}
	}
	for _, e := range dead {
		p.remove(e, CloseDead)
	}
	if len(dead) > 0 && !p.draining {
		p.replenish()
	}
	if best == nil {
		best = fallback
	}
	return best
}

// prefer reports whether a should be lent rather than b: the one with fewer
// callers. Of equal ones an exclusive pool takes the last used, which is most
// likely alive and lets the others idle; a shared pool takes turns.
func (p *Pool[C]) prefer(a, b *entry[C]) bool {
	switch {
	case a.callers != b.callers:
		return a.callers < b.callers
	case p.cfg.Mode == Exclusive:
		return a.used > b.used
	default:
		return a.used < b.used
	}
}

// sound reports whether e is alive and not suspect. p.mu is held.
func (p *Pool[C]) sound(e *entry[C], now *time.Time) bool {
	switch {
	case p.checker != nil:
		e.suspect = !p.alive(e.conn)
	case e.suspect:
		if now.IsZero() {
			*now = time.Now()
		}
		e.suspect = now.Before(e.suspectUntil)
	}
	return !e.suspect
}

// alive asks the checker. A panic counts as no: it must not leave the pool
// locked.
func (p *Pool[C]) alive(conn C) (alive bool) {
	defer func() { _ = recover() }()
	return p.checker.Alive(conn)
}

// remove takes e out of the pool: it is not lent any more, and closed once
// nobody has it. p.mu is held.
func (p *Pool[C]) remove(e *entry[C], reason CloseReason) {
	if i := slices.Index(p.conns, e); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
	e.removed, e.reason = true, reason
	p.leaving[e] = struct{}{}
	if e.callers == 0 {
		p.retire(e)
	}
}

// retire closes a removed connection on a goroutine of its own, unless that
// was done by force before. p.mu is held.
func (p *Pool[C]) retire(e *entry[C]) {
	if _, ok := p.leaving[e]; !ok {
		return
	}
	delete(p.leaving, e)
	p.closed[e.reason]++
	p.jobs++
	go func() {
		defer p.jobDone(nil)
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = p.closeConn(ctx, e.conn) // nobody is left whom it concerns
	}()
}

// closeConn closes conn and turns a panic into an error.
func (p *Pool[C]) closeConn(ctx context.Context, conn C) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("closing a connection panicked: %v", v)
		}
	}()
	return p.factory.Close(ctx, conn)
}
