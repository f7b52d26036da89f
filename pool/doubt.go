// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"time"
)

// suspicion is how long a suspect connection is passed over if the factory has
// no [Checker].
const suspicion = time.Second

// doubt says since when and until when a connection is suspect. It counts only
// while entry.flags has flagSuspect.
type doubt struct {
	mu    sync.Mutex // guards what follows; held while an alarm is set, and for nothing else
	since instant    // when the connection became suspect
	until instant    // when the connection is lent again, if there is no checker
}

// suspect makes e suspect: other connections are preferred until the given
// instant, until the checker finds e alive, or until a call on e succeeds.
func (e *entry[C]) suspect(until instant) {
	p := e.pool
	d := &e.doubt
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = until
	if e.flags.Load()&flagSuspect == 0 {
		d.since = p.now()
		e.flags.Or(flagSuspect)
		if !p.exclusive {
			p.upkeep.set(later(d.since, p.cfg().ReplaceAfter))
		}
	}
}

// calm ends the suspicion against e.
func (e *entry[C]) calm() {
	e.doubt.mu.Lock()
	defer e.doubt.mu.Unlock()
	e.flags.And(^uint32(flagSuspect))
}

// suspectSince returns when e became suspect, or never if e is not suspect.
func (e *entry[C]) suspectSince() instant {
	e.doubt.mu.Lock()
	defer e.doubt.mu.Unlock()
	if e.flags.Load()&flagSuspect == 0 {
		return never
	}
	return e.doubt.since
}

// distrust ends the lending of a suspect connection of a shared pool whose factory
// has no [Checker]. The pool cannot ask whether the connection is well, so each
// further lease would be a risk of its caller. The connection is removed if the
// calling goroutine has its only seat, and else replaced. p.mu is held.
func (p *Pool[C]) distrust(e *entry[C]) {
	switch {
	case p.checker != nil || p.cfg().ReplaceAfter == Never || e.removed || e.flags.Load()&flagSuspect == 0:
	case e.callers() == 1:
		p.remove(e, CloseUnhealthy)
	default:
		p.replaceSuspects()
	}
}

// replaceSuspects begins to replace every suspect connection, one after the other.
// p.mu is held.
func (p *Pool[C]) replaceSuspects() {
	if p.cfg().ReplaceAfter == Never {
		return
	}
	for _, e := range p.conns {
		if e.due == "" && e.flags.Load()&flagSuspect != 0 {
			e.due = CloseUnhealthy
		}
	}
	p.replaceDue()
}

// suspectLent begins to replace the suspect connections because one of them had to
// be lent. If p.mu is busy, another goroutine does so.
func (p *Pool[C]) suspectLent(locked bool) {
	switch {
	case p.cfg().ReplaceAfter == Never:
		return
	case !locked:
		if !p.mu.TryLock() {
			p.lentSuspect.Store(true)
			p.retry.set(p.now())
			return
		}
		defer p.mu.Unlock()
	}
	p.replaceSuspects()
}

// asks reports whether e.sound must be called before e is lent.
func (p *Pool[C]) asks(e *entry[C]) bool { return p.askAlways.Load() || e.flags.Load() != 0 }

// sound reports whether e may be lent without reserve. It is called for a
// connection that has a flag, and for each connection if askAlways is set. It asks
// the checker, so p.mu must not be held if there is one. If e is exclusive, the
// caller has its seat.
func (e *entry[C]) sound() bool {
	p := e.pool
	if p.checker != nil {
		if !p.alive(e) {
			p.dead.Add(1)
			if !p.exclusive {
				e.suspect(never)
			}
			return false
		}
		if e.flags.Load() != 0 {
			p.passed.Add(1)
			e.calm()
			e.flags.And(^uint32(flagStale))
		}
		return true
	}
	if e.flags.Load()&flagSuspect == 0 {
		return true
	}
	if p.exclusive {
		return false
	}
	e.doubt.mu.Lock()
	until := e.doubt.until
	e.doubt.mu.Unlock()
	return p.now() >= until
}
