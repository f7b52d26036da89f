// SPDX-License-Identifier: Apache-2.0

// Package bulkhead bounds how many operations of one client run at once, so
// that a slow backend cannot take every goroutine and all the memory of the
// program with it.
//
// A caller beyond the bound waits its turn, first come, first served, or is
// refused at once if enough callers wait already. An operation holds its slot
// with all its attempts, and gives it back however it ends. One that runs
// another of the same client within its work holds two.
package bulkhead

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/list"
)

// Name is the name of the stage.
const Name = "bulkhead"

// Bulkhead bounds the operations that run at once. It is safe for concurrent
// use.
type Bulkhead struct {
	cfg Config

	mu       sync.Mutex // guards what follows
	running  int
	queue    list.List[*waiter] // the callers that wait, in the order of arrival
	admitted uint64
	rejected uint64
}

// waiter is a caller that waits for a slot.
type waiter struct {
	place    list.Elem[*waiter] // in the queue; guarded by Bulkhead.mu
	admitted chan struct{}      // closed when the waiter has a slot
}

// New returns a bulkhead with all its slots free.
func New(cfg Config) (*Bulkhead, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Bulkhead{cfg: cfg}, nil
}

// Stage returns the stage of this bulkhead.
func (b *Bulkhead) Stage() core.Stage { return core.Stage{Name: Name, Middleware: b.Middleware} }

// Middleware wraps next with this bulkhead. It is a core.Middleware.
func (b *Bulkhead) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		waited, err := b.enter(ctx)
		if err != nil {
			call.Event(core.Event{Kind: core.EventReject, Source: b.cfg.Name, Err: err})
			return err
		}
		defer b.leave() // also if next does not return
		if waited {
			// A breaker may have opened meanwhile. A limit of attempts is that of
			// a probe, and a probe is wanted.
			if err := call.AllowAttempt(); err != nil && !errors.Is(err, core.ErrAttemptLimit) {
				err = &ForbiddenError{Name: b.cfg.Name, Err: err}
				call.Event(core.Event{Kind: core.EventReject, Source: b.cfg.Name, Err: err})
				return err
			}
		}
		return next(ctx, call)
	}
}

// enter takes a slot, and says whether it had to wait for it, or returns why
// there is none.
func (b *Bulkhead) enter(ctx context.Context) (waited bool, err error) {
	b.mu.Lock()
	if b.running < b.cfg.MaxConcurrent { // then the queue is empty
		b.running++
		b.admitted++
		b.mu.Unlock()
		return false, nil
	}
	if b.queue.Len() >= b.cfg.MaxWaiting || ctx.Err() != nil {
		b.rejected++
		b.mu.Unlock()
		return false, &FullError{Name: b.cfg.Name, Limit: b.cfg.MaxConcurrent, Err: ctx.Err()}
	}
	w := &waiter{admitted: make(chan struct{})}
	b.queue.PushBack(&w.place, w)
	b.mu.Unlock()
	return true, b.wait(ctx, w)
}

// wait waits until w is handed a slot.
func (b *Bulkhead) wait(ctx context.Context, w *waiter) error {
	var timeout <-chan time.Time // never, unless the wait is limited
	if b.cfg.MaxWait > 0 {
		timer := time.NewTimer(b.cfg.MaxWait)
		defer timer.Stop()
		timeout = timer.C
	}
	began := time.Now()
	select {
	case <-w.admitted:
		return nil
	case <-timeout:
	case <-ctx.Done():
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
	return &FullError{Name: b.cfg.Name, Limit: b.cfg.MaxConcurrent, Waited: time.Since(began), Err: ctx.Err()}
}

// leave gives a slot back.
func (b *Bulkhead) leave() {
	b.mu.Lock()
	b.handOver()
	b.mu.Unlock()
}

// handOver gives a slot to the first waiter. A slot becomes free only while the
// queue is empty, so no caller overtakes a waiter. The caller holds mu.
func (b *Bulkhead) handOver() {
	w := b.queue.First()
	if w == nil {
		b.running--
		return
	}
	b.queue.Remove(&w.place)
	b.admitted++
	close(w.admitted)
}

// Stats are the counters of a bulkhead at one moment.
type Stats struct {
	Running  int    // operations that hold a slot
	Waiting  int    // callers that wait for one
	Admitted uint64 // operations that got one so far
	Rejected uint64 // operations that did not, refused at once or after a wait
}

// Stats returns the counters. It changes nothing.
func (b *Bulkhead) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Running: b.running, Waiting: b.queue.Len(), Admitted: b.admitted, Rejected: b.rejected}
}
