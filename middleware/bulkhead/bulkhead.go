// SPDX-License-Identifier: Apache-2.0

// Package bulkhead bounds how many operations of one client run at once. A slow
// backend then cannot take all goroutines and all memory of the program.
//
// An operation beyond the bound waits for a slot, first come, first served. If
// enough operations wait already, it is refused at once. An operation keeps its
// slot for all its attempts, and gives it back however it ends. An operation that
// runs another one of the same client within its work holds two slots.
package bulkhead

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/list"
)

// Bulkhead bounds the operations that run at once. It is safe for concurrent
// use.
type Bulkhead struct {
	name string

	mu       sync.Mutex // guards all fields below
	cfg      Config
	running  int
	queue    list.List[*waiter] // in the order of arrival
	admitted uint64
	rejected uint64
}

// waiter is an operation that waits for a slot.
type waiter struct {
	place    list.Elem[*waiter] // in the queue; guarded by Bulkhead.mu
	admitted chan struct{}      // closed when the waiter has a slot
}

// New returns a bulkhead with all its slots free.
func New(cfg Config) (*Bulkhead, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	return &Bulkhead{name: cfg.Name, cfg: cfg}, nil
}

// Middleware wraps next with this bulkhead. It is a core.Middleware.
func (b *Bulkhead) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		waited, err := b.enter(ctx, call)
		if err == nil {
			defer b.leave() // also if next, or the observer, panics or calls Goexit
		}
		if waited > 0 {
			call.Event(core.Event{Kind: core.EventWait, Name: Name, Delay: waited, Err: err})
		}
		if err != nil {
			return b.reject(call, err)
		}
		if waited > 0 { // a breaker may have opened meanwhile
			if err := call.AfterWait(); err != nil {
				return b.reject(call, fmt.Errorf("after a wait in bulkhead %q: %w", b.name, err))
			}
		}
		return next(ctx, call)
	}
}

// reject tells the observer of a refusal, and returns its error.
func (b *Bulkhead) reject(call *core.Call, err error) error {
	call.Event(core.Event{Kind: core.EventReject, Name: b.name, Err: err})
	return err
}

// enter takes a slot, and says how long it waited for the slot; zero without a wait.
// The error says why there is none.
func (b *Bulkhead) enter(ctx context.Context, call *core.Call) (waited time.Duration, err error) {
	b.mu.Lock()
	if b.free() { // then the queue is empty
		b.running++
		b.admitted++
		b.mu.Unlock()
		return 0, nil
	}
	if b.queue.Len() >= b.cfg.MaxWaiting || ctx.Err() != nil {
		b.rejected++
		defer b.mu.Unlock()
		return 0, &FullError{Name: b.name, Limit: b.cfg.MaxConcurrent, Err: ctx.Err()}
	}
	most := b.cfg.MaxWait
	w := &waiter{admitted: make(chan struct{})}
	b.queue.PushBack(&w.place, w)
	b.mu.Unlock()
	began := time.Now()
	err = b.wait(ctx, call, w, began, most)
	return max(time.Since(began), 1), err
}

// wait waits until w has a slot, for the given time at most; zero is no limit. The wait
// began at the given time.
func (b *Bulkhead) wait(ctx context.Context, call *core.Call, w *waiter, began time.Time, most time.Duration) error {
	var timeout <-chan time.Time // nil, and so never ready, without MaxWait
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		timeout = timer.C
	}
	var closing error
	select {
	case <-w.admitted:
		return nil
	case <-timeout:
	case <-ctx.Done():
	case <-call.Closing():
		closing = core.ErrClientClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case w.place.Listed():
		b.queue.Remove(&w.place)
	case ctx.Err() == nil:
		return nil // the slot came at the last moment
	default:
		b.admitted--
		b.handOver()
	}
	b.rejected++
	return &FullError{
		Name: b.name, Limit: b.cfg.MaxConcurrent, Waited: time.Since(began), Err: cmp.Or(ctx.Err(), closing),
	}
}

// leave gives a slot back.
func (b *Bulkhead) leave() {
	b.mu.Lock()
	b.handOver()
	b.mu.Unlock()
}

// free reports whether a slot is free. The caller holds mu.
func (b *Bulkhead) free() bool { return b.running < b.cfg.MaxConcurrent }

// handOver gives a slot back, and to the first waiter. A slot stays free only while the
// queue is empty, so no operation overtakes a waiter. The caller holds mu.
func (b *Bulkhead) handOver() {
	b.running--
	b.admit()
}

// admit gives the free slots to the first waiters. The caller holds mu.
func (b *Bulkhead) admit() {
	for w := b.queue.First(); w != nil && b.free(); w = b.queue.First() {
		b.queue.Remove(&w.place)
		b.running++
		b.admitted++
		close(w.admitted)
	}
}

// Stats are the counters of a bulkhead at one moment.
type Stats struct {
	Limit    int    // operations that may hold a slot at once, Config.MaxConcurrent
	Running  int    // operations that hold a slot
	Waiting  int    // operations that wait for a slot
	Admitted uint64 // operations that got a slot so far
	Rejected uint64 // operations that got no slot, refused at once or after a wait
}

// Stats returns the counters. It changes nothing.
func (b *Bulkhead) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Limit: b.cfg.MaxConcurrent, Running: b.running, Waiting: b.queue.Len(), Admitted: b.admitted, Rejected: b.rejected}
}
