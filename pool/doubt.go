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
			p.upkeep.set(later(d.since, p.cfg.ReplaceAfter))
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

// sound reports whether e may be lent without reserve. It is called for a
// connection that has a flag, and for each connection if askAlways is set.
func (e *entry[C]) sound() bool {
	p := e.pool
	if p.checker != nil {
		if !p.alive(e.conn) {
			if !p.exclusive {
				e.suspect(never)
			}
			return false
		}
		if e.flags.Load() != 0 {
			e.calm()
			e.flags.And(^uint32(flagStale))
		}
		return true
	}
	if e.flags.Load()&flagSuspect == 0 {
		return true
	}
	e.doubt.mu.Lock()
	until := e.doubt.until
	e.doubt.mu.Unlock()
	return p.now() >= until
}

// alive asks the checker. A panic counts as not alive: the pool's mutex may be
// held, and must not stay locked.
func (p *Pool[C]) alive(conn C) (alive bool) {
	defer func() { _ = recover() }()
	return p.checker.Alive(conn)
}
