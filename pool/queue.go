// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/penstock-go/penstock/internal/list"
)

// waiter is a caller that waits for a connection.
type waiter[C any] struct {
	// ready has room for one signal: that state has changed from parked.
	ready chan struct{}
	ctx   context.Context
	since instant
	place list.Elem[*waiter[C]] // in the queue; guarded by the pool's mutex
	seq   uint32                // greater than that of an earlier waiter, modulo 2^32

	// A waiter whose context ends leaves without the pool's mutex: many may do so
	// at the same moment, and those who live must not stand in line with them. So
	// it stays in the queue until somebody comes across it, or sweeps.
	state atomic.Uint32 // a waiterState

	// What a wait that was granted came to; set before the signal.
	entry *entry[C]
	token uint64
	err   error
}

const (
	parked  uint32 = iota // in the queue
	woken                 // taken out, and told that there may be a seat to take
	granted               // taken out with a seat, or an error, and told so
	left                  // taken out because its context has ended
	gone                  // its context has ended, and from now on it is the queue's
)

// waiterList is a queue of waiters in the order of their seq. Each operation
// takes constant time, but for inserting those that were woken in vain.
type waiterList[C any] struct {
	list.List[*waiter[C]]
	seq  uint32
	free sync.Pool // of *waiter[C]
}

// before reports whether w came earlier than other. A seq has 32 bits, so that
// a waiter fits into 96 bytes; the comparison is right while fewer than 2^31
// waiters come during one wait.
func (w *waiter[C]) before(other *waiter[C]) bool { return int32(w.seq-other.seq) < 0 }

// make returns a waiter that is the latest.
func (l *waiterList[C]) make(ctx context.Context, since instant) *waiter[C] {
	w, _ := l.free.Get().(*waiter[C])
	if w == nil {
		w = &waiter[C]{ready: make(chan struct{}, 1)}
	}
	l.seq++
	w.ctx, w.since, w.seq = ctx, since, l.seq
	return w
}

// recycle takes back a waiter that is not in the queue and has no signal left.
func (l *waiterList[C]) recycle(w *waiter[C]) {
	w.ctx, w.entry, w.err = nil, nil, nil
	l.free.Put(w)
}

// insert puts w where it belongs, almost always at one of the ends.
func (l *waiterList[C]) insert(w *waiter[C]) {
	w.state.Store(parked)
	if last := l.Last(); last == nil || last.before(w) {
		l.PushBack(&w.place, w)
		return
	}
	next := l.First()
	for next.before(w) {
		next = next.place.Next()
	}
	l.InsertBefore(&w.place, w, &next.place)
}

// pop takes w out of the queue, and reports whether it was there still: it may
// have gone. p.mu is held.
func (p *Pool[C]) pop(w *waiter[C], state uint32) bool {
	p.waiters.Remove(&w.place)
	p.setGate()
	if w.state.CompareAndSwap(parked, state) {
		return true
	}
	p.gone.Add(-1)
	p.waiters.recycle(w)
	return false
}

// first returns the first waiter whose context has not ended. The others have
// gone, though some had no time yet to say so. p.mu is held.
func (p *Pool[C]) first() *waiter[C] {
	for w := p.waiters.First(); w != nil; w = p.waiters.First() {
		if w.state.Load() == parked && !ended(w.ctx) {
			return w
		}
		p.pop(w, left)
	}
	return nil
}

// ended is ctx.Err() != nil without the lock that Err takes once there is an
// error: the one of a channel that thousands may have in common.
func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// sweep takes those that have gone out of the queue if they are most of it. Not
// each of them does so, and none waits for it: whoever has the mutex comes
// across them too.
func (p *Pool[C]) sweep() {
	if 2*p.gone.Add(1) <= p.gate.Load()%gateStrict || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	for w := p.waiters.First(); w != nil; {
		next := w.place.Next()
		if w.state.Load() == gone {
			p.pop(w, left)
		}
		w = next
	}
}
