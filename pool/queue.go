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
	// ready has room for one signal: state is woken or granted now.
	ready chan struct{}
	ctx   context.Context
	since instant               // when the wait began
	place list.Elem[*waiter[C]] // in the queue; guarded by Pool.mu
	seq   uint32                // greater than that of an earlier waiter, modulo 2^32

	// A waiter whose context ends does not take Pool.mu to leave the queue: many
	// may leave at the same moment, and live waiters must not compete with them
	// for the mutex. The waiter stays in the queue as abandoned, until a holder of
	// the mutex comes across it or sweep removes it.
	state atomic.Uint32 // parked, woken, ...

	// The result of the wait, set before state becomes granted.
	entry *entry[C]
	token uint64
	err   error
}

// States of a waiter. A state other than parked means that the pool has taken
// the waiter out of the queue, except for abandoned.
const (
	parked    uint32 = iota // in the queue
	woken                   // told that there may be a free seat
	granted                 // told that the wait is over
	skipped                 // not told anything, because its context had ended
	abandoned               // in the queue, but its caller has left; the queue recycles it
)

// queue holds waiters in the order of their seq. Its operations take constant
// time, except for inserting a waiter that was woken in vain.
type queue[C any] struct {
	list.List[*waiter[C]]
	seq  uint32    // of the latest waiter
	free sync.Pool // of *waiter[C]
}

// make returns a waiter that is later than all others. It is not in the queue.
func (q *queue[C]) make(ctx context.Context, since instant) *waiter[C] {
	w, _ := q.free.Get().(*waiter[C])
	if w == nil {
		w = &waiter[C]{ready: make(chan struct{}, 1)}
	}
	q.seq++
	w.ctx, w.since, w.seq = ctx, since, q.seq
	return w
}

// recycle takes back a waiter that is not in the queue and has no signal.
func (q *queue[C]) recycle(w *waiter[C]) {
	w.ctx, w.entry, w.err = nil, nil, nil
	q.free.Put(w)
}

// before reports whether w came earlier than other. A seq has 32 bits, so that
// a waiter fits into 96 bytes; the comparison is right while fewer than 2^31
// waiters come during one wait.
func (w *waiter[C]) before(other *waiter[C]) bool { return int32(w.seq-other.seq) < 0 }

// insert puts w into the queue, almost always at one of the ends.
func (q *queue[C]) insert(w *waiter[C]) {
	w.state.Store(parked)
	if last := q.Last(); last == nil || last.before(w) {
		q.PushBack(&w.place, w)
		return
	}
	next := q.First()
	for next.before(w) {
		next = next.place.Next()
	}
	q.InsertBefore(&w.place, w, &next.place)
}

// pop takes w out of the queue and changes its state from parked to the given
// one. It returns false if w was abandoned; then w must not be used after. p.mu
// is held.
func (p *Pool[C]) pop(w *waiter[C], state uint32) bool {
	p.waiters.Remove(&w.place)
	p.setGate()
	if w.state.CompareAndSwap(parked, state) {
		return true
	}
	p.abandoned.Add(-1)
	p.waiters.recycle(w)
	return false
}

// first returns the first waiter whose context has not ended, and takes the
// waiters before it out of the queue. A waiter whose context has ended may still
// be parked: its goroutine may not have run since. p.mu is held.
func (p *Pool[C]) first() *waiter[C] {
	for w := p.waiters.First(); w != nil; w = p.waiters.First() {
		if w.state.Load() == parked && !ended(w.ctx) {
			return w
		}
		p.pop(w, skipped)
	}
	return nil
}

// ended reports whether ctx has ended. It does not call ctx.Err, which takes a lock
// of the context: thousands of waiters may share one context, and that lock.
func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// sweep counts one abandoned waiter, and removes all abandoned waiters once they
// are more than half of the queue. It gives up if p.mu is busy: the holder of the
// mutex removes abandoned waiters too.
func (p *Pool[C]) sweep() {
	if 2*p.abandoned.Add(1) <= p.gate.Load()%gateStrict || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	for w := p.waiters.First(); w != nil; {
		next := w.place.Next()
		if w.state.Load() == abandoned {
			p.pop(w, skipped)
		}
		w = next
	}
}
