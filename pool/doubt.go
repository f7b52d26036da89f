// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"time"
)

// suspicion is how long a suspect connection is passed over at most, where
// there is no [Checker] to ask.
const suspicion = time.Second

// doubt is what is known against a connection. entry.flags has whether there
// is anything, so it is looked at only if there is.
type doubt struct {
	mu    sync.Mutex // only an alarm is set with it held
	since instant    // when the suspicion arose, never if there is none
	until instant    // when the connection is tried again, if there is no checker
}

// suspect casts doubt on e: it is passed over until the given instant, or until
// the checker finds it alive, or a call succeeds.
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

// calm clears e of every doubt.
func (e *entry[C]) calm() {
	e.doubt.mu.Lock()
	defer e.doubt.mu.Unlock()
	e.flags.And(^uint32(flagSuspect))
}

// suspectSince returns since when e has been suspect, never if it is not.
func (e *entry[C]) suspectSince() instant {
	e.doubt.mu.Lock()
	defer e.doubt.mu.Unlock()
	if e.flags.Load()&flagSuspect == 0 {
		return never
	}
	return e.doubt.since
}

// sound reports whether e can be lent with confidence. It is asked about
// connections with a flag, and about all if the checker is to be asked always.
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

// alive asks the checker. A panic counts as no: it must not leave the pool
// locked.
func (p *Pool[C]) alive(conn C) (alive bool) {
	defer func() { _ = recover() }()
	return p.checker.Alive(conn)
}
