// SPDX-License-Identifier: Apache-2.0

package pool

import "runtime"

// Lock locks the mutex of p, so that a test sees which calls need it.
func Lock[C any](p *Pool[C]) (unlock func()) {
	p.mu.Lock()
	return p.mu.Unlock
}

// NumberWaiters gives the next waiter of p the number n+1.
func NumberWaiters[C any](p *Pool[C], n uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters.seq = n
}

// Waiters returns Stats.Waiters of p without an allocation.
func Waiters[C any](p *Pool[C]) int { return int(p.asking.Load()) }

// The limits for a factory whose calls do not return.
const (
	CallGrace  = callGrace
	MaxStuck   = maxStuck
	StuckPause = stuckPause
)

// MaxBarging is for how long newcomers may overtake a waiter.
const MaxBarging = maxBarging

// Unlocked reports whether the mutex of p becomes free. If the calling goroutine
// holds it, it does not, and Unlocked gives up after some seconds. Another holder may be
// off its processor for long on a busy machine.
func Unlocked[C any](p *Pool[C]) bool {
	for range 20_000_000 {
		if p.mu.TryLock() {
			p.mu.Unlock()
			return true
		}
		runtime.Gosched()
	}
	return false
}

// RememberedContexts returns how many contexts of callers p keeps.
func RememberedContexts[C any](p *Pool[C]) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.conns {
		for i := range e.records {
			if e.records[i].ctx != nil {
				n++
			}
		}
	}
	return n
}

// NumberOf returns the number of a connection of p that may be lent, 0 if there is none.
func NumberOf[C comparable](p *Pool[C], conn C) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.conns {
		if e.conn == conn {
			return e.ConnNumber(0)
		}
	}
	return 0
}
