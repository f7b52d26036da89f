// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math"
	"sync"
	"sync/atomic"
)

// lookAt is how many connections of a shared pool are compared for a lease.
const lookAt = 8

// takeState is what take remembers.
type takeState struct {
	hints sync.Pool     // of *hint
	seed  atomic.Uint32 // number of hints made so far
	// lentSuspect says that the suspect connections are to be replaced, because one of
	// them had to be lent.
	lentSuspect atomic.Bool
}

// hint is where to look first. There is about one hint for each processor, in a
// sync.Pool, so that callers on different processors do not contend and each
// finds its connection in its own cache.
type hint struct {
	exclusive int  // index of the connection lent last
	shared    uint // where the last comparison began, modulo the number of connections
}

// take takes a seat on the connection to lend next, or returns nil if no seat is
// free. After nil the caller must call replenish, because take may have removed
// connections that were not alive. locked says whether the caller holds p.mu: then
// take does not ask the checker, and the caller asks without p.mu, see claim.fits.
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
	} else if e, token = p.takeLeast(t, h, locked); e != nil && e.flags.Load()&flagSuspect != 0 {
		p.suspectLent(locked)
	}
	p.hints.Put(h)
	return e, token
}

// takeFree takes the seat of an exclusive connection: the one that was lent last
// with this hint, or else the next free one behind it.
func (p *Pool[C]) takeFree(t *table[C], h *hint, locked bool) (*entry[C], uint64) {
	n, dead := len(t.conns), false
	at := h.exclusive
	if at >= n {
		at = 0
	}
	for range n {
		e := t.conns[at]
		if e.oneWord[0].Load() == 0 && (e.flags.Load()&^flagTrial == 0 || p.checker != nil) && e.oneWord[0].CompareAndSwap(0, 1) {
			if locked || !p.asks(e) || e.sound() {
				h.exclusive = at
				if dead {
					p.dialForDead()
				}
				return e, e.token(0)
			}
			p.refuse(e)
			dead = true
		}
		if at++; at == n {
			at = 0
		}
	}
	return nil, 0
}

// refuse gives up the seat of an exclusive connection that is not sound.
func (p *Pool[C]) refuse(e *entry[C]) {
	if p.checker != nil {
		p.removeDead(e)
	} else {
		p.giveUpSeat(e, e.token(0))
	}
}

// removeDead removes an exclusive connection that is not alive. The caller has
// taken its seat.
func (p *Pool[C]) removeDead(e *entry[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !e.removed {
		p.remove(e, CloseDead)
	}
	e.rise(0)
	p.closeRemoved(e)
	p.balance()
	if p.draining {
		p.checkDrained()
	}
}

// dialForDead begins the dials that are needed after removeDead.
func (p *Pool[C]) dialForDead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replenish()
}

// takeLeast takes a seat on the shared connection with the fewest callers.
// Connections with equally many take turns. A connection that is not sound is
// taken only if no other has room, so that its caller fails at once instead of
// waiting.
func (p *Pool[C]) takeLeast(t *table[C], h *hint, locked bool) (*entry[C], uint64) {
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
			case callers >= least:
			case e.flags.Load() == 0:
				best, least = e, callers
			case !(locked && p.checker != nil) && e.sound():
				best, least, asked = e, callers, e
			case callers < last:
				fallback, last = e, callers
			}
		}
		if best == nil {
			if best = fallback; best == nil {
				return nil, 0
			}
		} else if p.askAlways.Load() && !locked && best != asked && !best.sound() {
			continue // best is suspect now, so the loop ends after every connection at most
		}
		if seat, ok := best.sit(false); ok {
			return best, best.token(seat)
		}
		// Another caller took the last seat, or best was removed: compare again.
		if p.table.Load() != t {
			t = p.table.Load()
			n = uint(len(t.conns))
		}
	}
}

// load returns the number of callers of e, or math.MaxInt if e is shut or has no
// free seat.
func (e *entry[C]) load() int {
	if e.words[0].Load()&shut != 0 {
		return math.MaxInt
	}
	taken := e.taken()
	if taken >= len(e.seats) {
		return math.MaxInt
	}
	return taken - int(e.kept.Load())
}
