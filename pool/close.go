// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/internal/once"
)

const (
	// closeTimeout is how long the factory may take to close a connection.
	closeTimeout = 5 * time.Second
	// closeGrace is what it has at least, when the context of Close has ended.
	closeGrace = 100 * time.Millisecond
)

// closeState is how far a pool is on its way to its end.
type closeState struct {
	drained chan struct{} // closed when no new lease is given and none is out
	quiet   chan struct{} // closed when the pool is closed and no job is left
	closer  once.Closer

	// Guarded by Pool.mu.
	draining bool // no new lease, no new dial
	shut     bool // conns is empty for good
	jobs     int  // goroutines that dial, close or check
	jobErrs  []error
}

// Drain refuses new callers and those that wait, with [ErrClosed], and waits
// until every lease is back or ctx ends. The connections are kept: Close closes
// them. There is no way back.
func (p *Pool[C]) Drain(ctx context.Context) error {
	p.mu.Lock()
	if !p.draining {
		p.draining = true
		p.retry.stop()
		p.failWaiters(p.errClosed)
		p.setGate()
		for _, e := range p.conns {
			e.shut() // from now on all leases that are out can be counted
		}
		p.gauge()
		p.settleStarts(p.errClosed)
		p.checkDrained()
	}
	p.mu.Unlock()

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
		return fmt.Errorf("pool %q: drain, leases still out: %d: %w", p.cfg.Name, p.inFlight(), ctx.Err())
	}
}

// checkDrained tells Drain when the last lease is back. p.mu is held.
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

// Close drains the pool and closes every connection. If ctx ends first, it
// closes those that are still lent too, and returns a [*CloseError] that says
// how many leases were out. What the factory says is reported the same way.
// Only the first call closes; the others wait for it, no longer than their own
// ctx, and return the same error.
func (p *Pool[C]) Close(ctx context.Context) error {
	return p.closer.Close(ctx, p.close)
}

// close is the first call of Close.
func (p *Pool[C]) close(ctx context.Context) error {
	p.cancel()       // dials under way are of no use any more
	_ = p.Drain(ctx) // what it could not wait for is counted next
	forced := p.shutdown(ctx)

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
		return &CloseError{Pool: p.cfg.Name, Forced: forced, Err: errors.Join(errs...)}
	}
	return nil
}

// shutdown closes every connection, lent or not, and waits until that is done
// or takes too long. It returns how many leases were out.
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
	p.jobs++ // for this loop: with nothing to close, its end is the end
	for e := range p.leaving {
		delete(p.leaving, e)
		p.closed[e.reason]++
		p.jobs++
		go func() {
			err := errors.New("the factory called runtime.Goexit")
			defer func() { p.jobDone(err) }()
			err = p.closeConn(closeCtx, e.conn)
		}()
	}
	p.endJob()
	p.mu.Unlock()

	select {
	case <-p.quiet:
	case <-closeCtx.Done():
	case <-ctx.Done():
		select {
		case <-p.quiet:
		case <-time.After(closeGrace):
		}
	}
	return forced
}

// jobDone ends a job; err is for Close to report.
func (p *Pool[C]) jobDone(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.jobErrs = append(p.jobErrs, err)
	}
	p.endJob()
}

// endJob ends a job. p.mu is held.
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
