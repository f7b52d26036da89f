// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/once"
)

// closeTimeout is how long the factory may take to close a connection.
const closeTimeout = 5 * time.Second

// closeState is how far the closing of a pool has come.
type closeState struct {
	drained chan struct{} // closed when the pool gives no new lease and none is out
	quiet   chan struct{} // closed when the pool is shut and has no jobs
	closer  once.Closer

	// Guarded by Pool.mu.
	draining bool    // no new lease, no new dial
	shut     bool    // Pool.conns is empty and stays so
	jobs     int     // goroutines that dial, close or ping
	jobErrs  []error // errors of the closing, for Close to report
}

// Drain refuses new callers, and all waiters, with [ErrClosed], and waits until
// every lease has been returned or ctx ends. It keeps the connections: Close
// closes them. A pool cannot be opened again. The error wraps ctx's error and says
// how many leases are out. Drain may be called concurrently and repeatedly.
func (p *Pool[C]) Drain(ctx context.Context) error {
	p.beginDrain()
	select {
	case <-p.drained:
		return nil
	default:
	}
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		return fmt.Errorf("pool %q: drain, leases still out: %d: %w", p.cfg().Name, p.inFlight(), ctx.Err())
	}
}

// beginDrain ends the lending.
func (p *Pool[C]) beginDrain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining {
		return
	}
	p.draining = true
	p.retry.stop()
	p.failWaiters(p.errClosed)
	p.setGate()
	for _, e := range p.conns {
		e.shut() // after this the number of leases out only falls
	}
	p.setMayGrow()
	p.settleStarts(p.errClosed)
	p.checkDrained()
}

// checkDrained ends the wait of Drain if no lease is out. p.mu is held.
func (p *Pool[C]) checkDrained() {
	if p.inFlight() > 0 {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}

// Close drains the pool and closes every connection. If ctx ends first, Close also
// closes the connections that callers still have, and returns a [*CloseError] that
// says how many leases were out. Errors of the factory are in a [*CloseError] too.
// The first call closes the pool; every other call waits for the first one, no
// longer than its own ctx, and returns the same error.
func (p *Pool[C]) Close(ctx context.Context) error {
	return p.closer.Close(ctx, p.close)
}

// close is the first call of Close.
func (p *Pool[C]) close(ctx context.Context) error {
	p.beginDrain() // first, so that no waiter gets the error of a dial that ends now
	p.cancel()     // ends the dials and pings under way
	var holders Holders
	if p.Drain(ctx) != nil { // shutdown counts the leases that are still out
		// Apart, because the observer must not keep the pool from being closed.
		contain.Apart("Observer.TraceID", nil, func() { holders = p.holders() })
	}
	forced := p.shutdown(ctx)
	if forced == 0 {
		holders = nil
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	if forced > 0 {
		errs = append(errs, ctx.Err())
	}
	errs = append(errs, p.jobErrs...)
	if p.jobs > 0 {
		errs = append(errs, fmt.Errorf("calls of the factory that have not returned: %d", p.jobs))
	}
	if len(errs) > 0 {
		return &CloseError{Pool: p.cfg().Name, Forced: forced, Holders: holders, Err: errors.Join(errs...)}
	}
	return nil
}

// shutdown closes every connection, with callers or without, and waits until that
// is done or takes too long. It returns how many leases were out.
func (p *Pool[C]) shutdown(ctx context.Context) (forced int) {
	closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()

	p.mu.Lock()
	p.shut = true
	forced = p.inFlight()
	for _, e := range p.conns {
		e.removed, e.reason = true, CloseShutdown
		p.leaving[e] = struct{}{}
	}
	p.conns = nil
	p.publish()
	p.upkeep.stop()
	p.overdue.stop()
	p.jobs++ // for this loop, so that endJob below closes p.quiet if there is no other job
	for e := range p.leaving {
		delete(p.leaving, e)
		p.beginClose(closeCtx, e.conn, &closing{reason: e.reason, number: e.number, report: true})
	}
	p.endJob()
	p.mu.Unlock()

	select {
	case <-p.quiet:
	case <-closeCtx.Done():
	case <-ctx.Done():
		select {
		case <-p.quiet:
		case <-time.After(callGrace):
		}
	}
	return forced
}

// endJob counts the end of a job. p.mu is held.
func (p *Pool[C]) endJob() {
	p.jobs--
	if p.jobs == 0 && p.shut {
		select {
		case <-p.quiet:
		default:
			close(p.quiet)
		}
	}
}
