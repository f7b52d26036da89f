// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math"
	"sync"
	"sync/atomic"
)

// lookAt is how many connections of a shared pool are compared.
const lookAt = 8

// takeState is what take remembers.
type takeState struct {
	hints sync.Pool // of *hint
	seed  atomic.Uint32
}

// hint is where to look first. There is about one for each processor, in a
// sync.Pool, so that callers on different processors keep out of each other's
// way and each finds its connection in its own cache.
type hint struct {
	exclusive int // the connection lent last
	shared    uint
}

// take takes a seat on the connection to lend next. It returns nil if there is
// none; then the caller sees to it that what is needed is dialed, because
// connections may have been found dead. locked says that p.mu is held; it need
// not be.
func (p *Pool[C]) take(locked bool) (*entry[C], uint64) {
	t := p.table.Load()
	h, _ := p.hints.Get().(*hint)
	if h == nil {
		h = &hint{shared: uint(p.seed.Add(1))}
	}
	var (
		e     *entry[C]
		token uint64
	)
	if p.exclusive {
		e, token = p.takeFree(t, h, locked)
	} else {
		e, token = p.takeLeast(t, h)
	}
	p.hints.Put(h)
	return e, token
}

// takeFree takes a connection that nobody has: the one that was lent last from
// here, or else the first behind it.
func (p *Pool[C]) takeFree(t *table[C], h *hint, locked bool) (*entry[C], uint64) {
	n, dead := len(t.conns), false
	at := h.exclusive
	if at >= n {
		at = 0
	}
	for range n {
		e := t.conns[at]
		if e.oneWord[0].Load() == 0 && e.oneWord[0].CompareAndSwap(0, 1) {
			if (p.askAlways || e.flags.Load() != 0) && !e.sound() {
				p.bury(e, locked)
				dead = true
			} else {
				h.exclusive = at
				if dead {
					p.replace(locked)
				}
				return e, e.token(0)
			}
		}
		if at++; at == n {
			at = 0
		}
	}
	return nil, 0
}

// bury removes an exclusive connection that is not alive, and whose seat is
// ours.
func (p *Pool[C]) bury(e *entry[C], locked bool) {
	if !locked {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	if !e.removed {
		p.remove(e, CloseDead)
	}
	e.rise(0)
	p.retire(e)
	if p.draining {
		p.checkDrained()
	}
}

// replace has others dialed for those that were buried.
func (p *Pool[C]) replace(locked bool) {
	if !locked {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	p.replenish()
}

// takeLeast takes a seat on the connection with the fewest callers. Equal ones
// take turns. One that is not sound is taken only if no other has room, so that
// its caller fails at once rather than waits.
func (p *Pool[C]) takeLeast(t *table[C], h *hint) (*entry[C], uint64) {
	n := uint(len(t.conns))
	for {
		h.shared++
		var (
			best, fallback *entry[C]
			least          = math.MaxInt // callers of best
			last           = math.MaxInt // callers of fallback
			asked          *entry[C]
		)
		for i := range n {
			if i == lookAt && best != nil {
				break
			}
			e := t.conns[(h.shared+i)%n]
			callers := e.load()
			if callers == 0 && e.flags.Load() == 0 {
				best, least = e, 0
				break
			}
			switch {
			case callers >= least || callers >= p.cfg.MaxSharing:
			case e.flags.Load() == 0:
				best, least = e, callers
			case e.sound():
				best, least, asked = e, callers, e
			case callers < last:
				fallback, last = e, callers
			}
		}
		if best == nil {
			if best = fallback; best == nil {
				return nil, 0
			}
		} else if p.askAlways && best != asked && !best.sound() {
			continue // it has a flag now, so this comes to an end
		}
		if seat, ok := best.sit(); ok {
			return best, best.token(seat)
		}
		// Somebody else took the last seat, or removed it: so it is different now.
		if p.table.Load() != t {
			t = p.table.Load()
			n = uint(len(t.conns))
		}
	}
}

// load returns how many callers e has for the purpose of lending it: too many
// if it is shut.
func (e *entry[C]) load() int {
	if e.words[0].Load()&shut != 0 {
		return math.MaxInt
	}
	return e.callers()
}
