// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math/rand/v2"
	"slices"
	"time"
)

// upkeepState is what a pool knows of the upkeep of its connections.
type upkeepState struct {
	upkeep alarm // see maintain

	// Guarded by Pool.mu.
	checking int     // seats that checks have
	lowSince instant // since when one connection less would do, see shrink
}

// upkeep is what a pool knows about a connection to keep it in order. A loan
// writes none of it: whether a connection was used shows in the generations of
// its seats.
type upkeep struct {
	expires   instant // never if Config.MaxLifetime is not set
	uses      uint64  // as far as they are known
	idleSince instant // when that was found, with nobody on it
	checkAt   instant // never if Config.CheckEvery is not set
	checks    uint64  // how many loans were checks
}

// Somebody looks at the connections so often while an idle time runs: what
// takes place after the idle time d takes place between d and d + d/idleTicks.
const idleTicks = 4

// keepUp begins the upkeep of a new connection. p.mu is held.
func (p *Pool[C]) keepUp(e *entry[C]) {
	now := p.now()
	e.upkeep = upkeep{expires: never, idleSince: now, checkAt: never, uses: e.uses()}
	if life := p.cfg.MaxLifetime; life > 0 {
		// Jitter makes it shorter, so that MaxLifetime can be what the other end
		// allows, and connections made together are not replaced together.
		e.upkeep.expires = later(now, life-rand.N(p.cfg.LifetimeJitter+1))
		p.upkeep.set(e.upkeep.expires)
	}
	if p.cfg.CheckEvery > 0 {
		e.upkeep.checkAt = later(now, p.cfg.CheckEvery)
		p.upkeep.set(e.upkeep.checkAt)
	}
	p.upkeep.set(p.nextTick(now))
}

// nextTick returns when to look at what is not known to happen at an instant.
func (p *Pool[C]) nextTick(now instant) instant {
	next := never
	for _, d := range []time.Duration{p.cfg.IdleTimeout / idleTicks, p.cfg.CheckIdleAfter / idleTicks, p.cfg.LeakAfter} {
		if d > 0 {
			next = min(next, later(now, d))
		}
	}
	return next
}

// uses returns how many loans of e have ended.
func (e *entry[C]) uses() (n uint64) {
	for i := range e.seats {
		n += uint64(e.seats[i].Load())
	}
	return n
}

// maintain looks after the connections: it ends those whose time is over, has
// others checked, and finds leases that are not given back. It is called when
// there may be something to do, and not at all while there is no connection.
func (p *Pool[C]) maintain() {
	p.mu.Lock()
	leaks := p.maintainLocked()
	p.mu.Unlock()
	for _, leak := range leaks {
		p.cfg.OnLeak(leak)
	}
}

func (p *Pool[C]) maintainLocked() (leaks []LeakInfo) {
	if p.shut {
		return nil
	}
	now := p.now()
	leaks, next := p.findLeaks(now)
	if !p.draining {
		closable := (len(p.conns) + 1) / 2 // lest a quiet moment cost them all at once
		for _, e := range slices.Clone(p.conns) {
			idle := p.observe(e, now)
			switch {
			case e.removed:
			case p.cfg.IdleTimeout > 0 && idle >= p.cfg.IdleTimeout && len(p.conns) > p.cfg.MinSize && closable > 0:
				closable--
				p.dismiss(e, CloseIdle)
			default:
				next = min(next, p.attend(e, now, idle))
			}
		}
		p.shrink(now)
		p.replenish()
		p.rotate()
	}
	if !p.draining && len(p.conns)+len(p.leaving) > 0 {
		next = min(next, p.nextTick(now))
	}
	p.upkeep.set(next)
	return leaks
}

// observe returns how long e has not been used. p.mu is held.
func (p *Pool[C]) observe(e *entry[C], now instant) (idle time.Duration) {
	u := &e.upkeep
	uses := e.uses() - u.checks
	if uses != u.uses || e.callers() > 0 {
		u.uses, u.idleSince = uses, now
	}
	return now - u.idleSince
}

// attend does what is to be done for e, and returns when there is more. p.mu is
// held.
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

	if after := p.cfg.CheckIdleAfter; after > 0 && idle >= after-after/idleTicks {
		e.flags.Or(flagStale)
	}

	if since := e.suspectSince(); since != never {
		if at := later(since, p.cfg.ReplaceAfter); now < at {
			next = min(next, at)
		} else if e.due == "" {
			e.due = CloseUnhealthy
		}
	}

	if now >= u.checkAt {
		u.checkAt = later(now, p.cfg.CheckEvery)
		if idle >= p.cfg.CheckEvery-p.cfg.CheckEvery/idleTicks || e.flags.Load()&flagSuspect != 0 {
			if !p.check(e) {
				u.checkAt = later(now, p.cfg.CheckEvery/idleTicks) // it is not its turn yet
			}
		}
	}
	return min(next, u.checkAt)
}

// rotate replaces a connection of a shared pool whose time has come: a new one
// is dialed before the old one is retired, one at a time. If that fails, the
// old one stays until it succeeds. p.mu is held.
func (p *Pool[C]) rotate() {
	if p.exclusive || p.draining || p.replacing > 0 || len(p.dials) >= p.cfg.MaxConcurrentDials || p.stuck >= maxStuck {
		return // the end of a dial leads here again
	}
	i := slices.IndexFunc(p.conns, (*entry[C]).isDue)
	switch {
	case i < 0:
	case p.now() < p.retryAt:
		p.retry.set(p.retryAt)
	default:
		p.beginDial(nil, p.conns[i])
	}
}

// isDue reports whether e is to be replaced, now that there is a chance to do
// it.
func (e *entry[C]) isDue() bool {
	if e.due == CloseUnhealthy && (e.pool.checker != nil && e.sound() || e.suspectSince() == never) {
		e.due = "" // it has recovered in time
	}
	return e.due != ""
}

// shrink retires a connection of a shared pool if one less has done for
// Config.IdleTimeout. Idle connections have gone by then; but as callers are
// spread over all connections, few of them may keep many from being idle. p.mu
// is held.
func (p *Pool[C]) shrink(now instant) {
	if p.exclusive || p.cfg.IdleTimeout == 0 {
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
	// Half of what makes it grow, so that it does not grow again at once.
	if len(p.conns) <= max(p.cfg.MinSize, 1) || callers > (len(p.conns)-1)*p.cfg.TargetSharing/2 {
		p.lowSince = never
		return
	}
	if p.lowSince == never {
		p.lowSince = now
	}
	if now-p.lowSince >= p.cfg.IdleTimeout {
		p.lowSince = now
		p.dismiss(least, CloseIdle)
	}
}
