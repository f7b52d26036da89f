// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/core"
)

// waiter is a caller that waits for a connection.
type waiter[C any] struct {
	ctx   context.Context
	since time.Time
	ready chan grant[C] // has room for the one grant that a waiter gets

	// Guarded by the pool's mutex.
	prev, next *waiter[C]
	queued     bool
	granted    bool
}

// grant ends a wait: with a lease, or with an error.
type grant[C any] struct {
	lease core.Lease[C]
	err   error
}

// waiterList is a queue of waiters. Each operation takes constant time.
type waiterList[C any] struct {
	head, tail *waiter[C]
	len        int
}

// push makes w the last.
func (l *waiterList[C]) push(w *waiter[C]) {
	w.queued = true
	w.prev = l.tail
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
	l.len++
}

// remove takes w out, if it is in.
func (l *waiterList[C]) remove(w *waiter[C]) {
	if !w.queued {
		return
	}
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	l.len--
}

// grant takes w out and ends its wait.
func (l *waiterList[C]) grant(w *waiter[C], g grant[C]) {
	l.remove(w)
	w.granted = true
	w.ready <- g
}

// failWaiters ends every wait with err. p.mu is held.
func (p *Pool[C]) failWaiters(err error) {
	for p.waiters.head != nil {
		p.waiters.grant(p.waiters.head, grant[C]{err: err})
	}
}

// serve hands free seats to waiters, the first first. p.mu is held.
func (p *Pool[C]) serve() {
	for p.waiters.head != nil {
		w := p.waiters.head
		if w.ctx.Err() != nil {
			// It has gone, though it had no time yet to say so: it finds itself
			// neither queued nor granted. The seat goes to the next.
			p.waiters.remove(w)
			continue
		}
		e := p.pick()
		if e == nil {
			return
		}
		p.waiters.grant(w, grant[C]{lease: p.lend(e)})
	}
}

// wait waits until w gets a lease or an error, or its time is over.
func (p *Pool[C]) wait(w *waiter[C]) (lease core.Lease[C], err error) {
	if observer := p.cfg.Observer; observer != nil {
		scope := core.Scope{Kind: core.KindAcquire, Start: w.since, Source: p.cfg.Name}
		ctx := observer.Begin(w.ctx, scope)
		defer func() { observer.End(ctx, scope, err) }()
	}
	timer := time.NewTimer(p.cfg.AcquireTimeout)
	defer timer.Stop()
	select {
	case g := <-w.ready:
		return g.lease.After(time.Since(w.since)), g.err
	case <-w.ctx.Done():
	case <-timer.C:
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if w.granted {
		// At the same moment. The lease is taken, so that no seat is lost.
		g := <-w.ready
		return g.lease.After(time.Since(w.since)), g.err
	}
	p.waiters.remove(w)
	p.timeouts++
	return core.Lease[C]{}, p.acquireError(w.ctx, time.Since(w.since))
}

// acquireError describes the end of a wait. p.mu is held.
func (p *Pool[C]) acquireError(ctx context.Context, waited time.Duration) error {
	e := &AcquireError{
		Pool:    p.cfg.Name,
		Waited:  waited,
		Max:     p.cfg.MaxSize,
		Waiters: p.waiters.len,
		Err:     ctx.Err(),
	}
	e.InUse, e.Idle = p.usage()
	if p.lastDial != nil {
		e.LastDial = p.lastDial
	}
	return e
}
