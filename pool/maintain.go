// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/penstock-go/penstock/internal/contain"
)

// upkeepState is what a pool knows of the upkeep of all its connections.
type upkeepState struct {
	upkeep alarm // calls maintain

	// Guarded by Pool.mu.
	checking int     // seats that pings have
	lowSince instant // since when the pool has had one connection too many; see shrink
}

// upkeep is what a pool knows of the upkeep of one connection. A lease writes none
// of it: the generations of the seats tell whether the connection was used.
type upkeep struct {
	born      instant // when the connection came into the pool
	expires   instant // end of the lifetime; never without Config.MaxLifetime
	uses      uint64  // leases that had ended when maintain last looked
	idleSince instant // when maintain first saw these uses and no caller
	checkAt   instant // when the next ping is due; never without Config.CheckEvery
	checks    uint64  // pings among the ended leases
}

// idleTicks is how often the pool looks at its connections while a duration such
// as Config.IdleTimeout passes. So what is due after a time d happens between d and
// d + d/idleTicks.
const idleTicks = 4

// shortestTick is the least time between two looks at the connections, however short
// the durations are.
const shortestTick = 10 * time.Millisecond

// beginUpkeep begins the upkeep of a new connection. p.mu is held.
func (p *Pool[C]) beginUpkeep(e *entry[C]) {
	now := p.now()
	e.upkeep = upkeep{born: now, idleSince: now, uses: e.uses()}
	p.limitLife(e)
	p.beginChecks(e, now)
	p.upkeep.set(p.nextTick(now))
}

// limitLife says when the lifetime of e ends. p.mu is held.
func (p *Pool[C]) limitLife(e *entry[C]) {
	e.upkeep.expires = never
	if life := p.cfg().MaxLifetime; life > 0 {
		// Jitter shortens the lifetime, so that MaxLifetime can be the limit of the
		// other end, and connections of the same age do not end together.
		e.upkeep.expires = later(e.upkeep.born, life-rand.N(later(p.cfg().LifetimeJitter, 1)))
		p.upkeep.set(e.upkeep.expires)
	}
}

// beginChecks says when the next ping of e is due. p.mu is held.
func (p *Pool[C]) beginChecks(e *entry[C], now instant) {
	e.upkeep.checkAt = never
	if every := p.cfg().CheckEvery; every > 0 {
		e.upkeep.checkAt = later(now, every)
		p.upkeep.set(e.upkeep.checkAt)
	}
}

// nextTick returns when maintain must look at the connections for changes that no
// alarm is set for.
func (p *Pool[C]) nextTick(now instant) instant {
	next := never
	for _, d := range []time.Duration{p.cfg().IdleTimeout, p.cfg().CheckIdleAfter} {
		if d > 0 {
			next = min(next, later(now, max(d/idleTicks, shortestTick)))
		}
	}
	if d := p.cfg().LeakAfter; d > 0 {
		next = min(next, later(now, max(d, shortestTick)))
	}
	return next
}

// uses returns how many leases of e have ended.
func (e *entry[C]) uses() (n uint64) {
	for i := range e.seats {
		n += uint64(e.seats[i].Load())
	}
	return n
}

// maintain keeps the connections in order: it removes or replaces connections
// whose time is over, pings others, and finds leaked leases. The upkeep alarm calls
// it when there may be something to do, and not at all while the pool is empty.
func (p *Pool[C]) maintain() {
	p.mu.Lock()
	leaks := p.maintainLocked()
	p.mu.Unlock()
	for _, leak := range leaks {
		contain.Apart("OnLeak", p.panicked, func() { p.onLeak(leak) })
	}
}

// maintainLocked is maintain with p.mu held. It returns the leaks to report.
func (p *Pool[C]) maintainLocked() (leaks []*leak) {
	if p.shut {
		return nil
	}
	now := p.now()
	leaks, next := p.findLeaks(now)
	if !p.draining {
		closable := (len(p.conns) + 1) / 2 // a quiet moment must not cost all connections at once
		for _, e := range slices.Clone(p.conns) {
			idle := p.idleFor(e, now)
			switch {
			case e.removed:
			case p.cfg().IdleTimeout > 0 && idle >= p.cfg().IdleTimeout && len(p.conns) > p.cfg().MinSize && closable > 0:
				closable--
				p.removeSurplus(e, CloseIdle)
			default:
				next = min(next, p.attend(e, now, idle))
			}
		}
		p.shrink(now)
		p.replenish()
		p.replaceDue()
		p.balance()
	}
	if !p.draining && len(p.conns)+len(p.leaving) > 0 {
		next = min(next, p.nextTick(now))
	}
	p.upkeep.set(next)
	return leaks
}

// idleFor returns for how long e has had no caller. p.mu is held.
func (p *Pool[C]) idleFor(e *entry[C], now instant) (idle time.Duration) {
	u := &e.upkeep
	uses := e.uses() - u.checks
	if uses != u.uses || e.callers() > 0 {
		u.uses, u.idleSince = uses, now
	}
	return now - u.idleSince
}

// attend does what is due for e, and returns when more is due. p.mu is held.
func (p *Pool[C]) attend(e *entry[C], now instant, idle time.Duration) (next instant) {
	u := &e.upkeep
	next = never
	if now < u.expires {
		next = u.expires
	} else if p.exclusive {
		p.remove(e, CloseLifetime)
		return never
	} else if e.due == "" {
		e.due = CloseLifetime
	}

	if after := p.cfg().CheckIdleAfter; after > 0 && idle >= after-after/idleTicks {
		e.flags.Or(flagStale)
	}

	if since := e.suspectSince(); since != never && !p.exclusive {
		if at := later(since, p.cfg().ReplaceAfter); now < at {
			next = min(next, at)
		} else if e.due == "" {
			e.due = CloseUnhealthy
		}
	}

	if now >= u.checkAt {
		u.checkAt = later(now, max(p.cfg().CheckEvery, shortestTick))
		if idle >= p.cfg().CheckEvery-p.cfg().CheckEvery/idleTicks || e.flags.Load()&flagSuspect != 0 {
			if !p.mayCheck() || !p.check(e) {
				u.checkAt = later(now, max(p.cfg().CheckEvery/idleTicks, shortestTick)) // too many pings, or no free seat
			}
		}
	}
	return min(next, u.checkAt)
}

// replaceDue begins to replace a connection of a shared pool that is due, one at a
// time, and not while callers have a removed one and the pool is full: so there is one
// connection beyond the maximum at most. If the dial fails, the old connection stays
// until a later dial succeeds. p.mu is held.
func (p *Pool[C]) replaceDue() {
	if p.exclusive || p.draining || p.replacing > 0 || p.opened() >= p.mostOpen() ||
		len(p.dials)+p.dropped >= p.cfg().MaxConcurrentDials || p.trials() <= 0 {
		return // replaceDue is called again when a dial or a closing ends
	}
	e := p.nextDue()
	if e == nil {
		return
	}
	if at := p.dialAt(); p.now() < at {
		p.retry.set(at)
		return
	}
	p.beginDial(nil, e)
}

// nextDue returns the connection to replace next, nil if there is none. p.mu is held.
func (p *Pool[C]) nextDue() *entry[C] {
	if i := slices.IndexFunc(p.conns, (*entry[C]).isDue); i >= 0 {
		return p.conns[i]
	}
	return nil
}

// askDue asks the checker about the connections that are due because they are suspect.
// p.mu is not held.
func (p *Pool[C]) askDue() {
	p.mu.Lock()
	var due []*entry[C]
	for _, e := range p.conns {
		if e.due == CloseUnhealthy {
			e.pins++ // so that no connection is asked about that is closed already
			due = append(due, e)
		}
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range due {
			p.unpin(e)
		}
	}()
	for _, e := range due {
		contain.Apart("Alive", nil, func() { e.sound() }) // alive tells of a panic
	}
}

// isDue reports whether e is to be replaced. It is called when the pool can do so,
// and again when the successor has been dialed. p.mu is held.
func (e *entry[C]) isDue() bool {
	if e.due == CloseUnhealthy && e.suspectSince() == never {
		e.due = "" // the connection has recovered
	}
	return e.due != ""
}

// shrink removes a connection of a shared pool if, for Config.IdleTimeout, the
// others could have carried all callers. Idle connections are removed before; but
// callers are spread over all connections, so a few callers may keep many
// connections from being idle. p.mu is held.
func (p *Pool[C]) shrink(now instant) {
	if p.exclusive || p.cfg().IdleTimeout == 0 {
		return
	}
	callers := 0
	var least *entry[C]
	for _, e := range p.conns {
		n := e.callers()
		callers += n
		if least == nil || n < least.callers() {
			least = e
		}
	}
	// The pool grows at TargetSharing. It shrinks at half of that, so that it does
	// not grow again at once.
	if len(p.conns) <= max(p.cfg().MinSize, 1) || callers > (len(p.conns)-1)*p.cfg().TargetSharing/2 {
		p.lowSince = never
		return
	}
	if p.lowSince == never {
		p.lowSince = now
	}
	if now-p.lowSince >= p.cfg().IdleTimeout {
		p.lowSince = now
		p.removeSurplus(least, CloseIdle)
	}
}
