// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Lease is a borrowed connection.
type Lease[C any] = core.Lease[C]

// Pool lends connections of type C. It is made with [New] and safe for
// concurrent use.
type Pool[C any] struct {
	cfg        Config // with its defaults
	factory    Factory[C]
	checker    Checker[C] // nil if the factory is none
	errClosed  error      // ErrClosed with the name
	errTooMany error      // ErrTooManyWaiters with the name

	ctx    context.Context // of dials; ends when Close begins
	cancel context.CancelFunc

	drained chan struct{} // closed when no new lease is given and none is out
	quiet   chan struct{} // closed when the pool is closed and no job is left
	over    chan struct{} // closed when the first Close is done; then closeErr is set

	closeErr error

	// mu guards everything below, and the entries.
	mu       sync.Mutex
	conns    []*entry[C]            // those that may be lent
	leaving  map[*entry[C]]struct{} // taken out of conns, but leases are still out
	waiters  waiterList[C]          // while there are any, no seat is free
	inFlight int
	uses     uint64 // a clock that ticks with each use of a connection

	dialing  int
	lastDial *DialError // nil after a success
	retryAt  time.Time  // no dial is begun before
	failures int        // rounds of dials that failed, in a row
	round    uint64     // number of the current round of dials
	timer    *time.Timer
	keepMin  bool // Start was called
	starts   []*start

	draining bool // no new lease, no new dial
	closing  bool // Close was called
	shut     bool // conns is empty for good
	jobs     int  // goroutines that dial or close
	jobErrs  []error

	timeouts, dials, dialErrors, doubleReturns uint64
	closed                                     map[CloseReason]uint64
}

var _ core.Source[int] = (*Pool[int])(nil)

// Name returns the pool's name.
func (p *Pool[C]) Name() string { return p.cfg.Name }

// Acquire borrows a connection: the one with the fewest callers among those
// that are not suspect. If there is none it waits for its turn, as long as ctx
// and Config.AcquireTimeout allow.
//
// Its errors are an [*AcquireError] when the wait ended without a connection
// (or ctx had ended before), a [*DialError] when the pool has no connection and
// could not make one, [ErrClosed], and [ErrTooManyWaiters].
func (p *Pool[C]) Acquire(ctx context.Context) (core.Lease[C], error) {
	if ctx.Err() != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return core.Lease[C]{}, p.acquireError(ctx, 0)
	}
	p.mu.Lock()
	lease, w, err := p.lendOrQueue(ctx)
	p.mu.Unlock()
	if w == nil {
		return lease, err
	}
	return p.wait(w)
}

// lendOrQueue returns a lease or an error at once, or else a queued waiter.
// p.mu is held.
func (p *Pool[C]) lendOrQueue(ctx context.Context) (core.Lease[C], *waiter[C], error) {
	if p.draining {
		return core.Lease[C]{}, nil, p.errClosed
	}
	if p.waiters.len == 0 { // else no seat is free, and it would be theirs
		if e := p.pick(); e != nil {
			lease := p.lend(e)
			p.grow(ctx, e)
			return lease, nil, nil
		}
	}
	since := time.Now()
	switch {
	case p.hopeless(since):
		return core.Lease[C]{}, nil, p.lastDial
	case p.cfg.MaxWaiters > 0 && p.waiters.len >= p.cfg.MaxWaiters:
		return core.Lease[C]{}, nil, p.errTooMany
	}
	w := &waiter[C]{ctx: ctx, since: since, ready: make(chan grant[C], 1)}
	p.waiters.push(w)
	p.replenish()
	return core.Lease[C]{}, w, nil
}

// Do runs fn on a borrowed connection and gives it back, also when fn panics.
// fn must not keep the connection. A connection is given back as broken if fn's
// error wraps [ErrBadConn], as unclean if ctx ended and fn failed or if fn
// panicked, and else as good.
func (p *Pool[C]) Do(ctx context.Context, fn func(context.Context, C) error) error {
	lease, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	// Stands if a panic or Goexit is on its way; it is not held up.
	fate, reason := core.Unclean, core.ErrPanic
	defer func() { lease.Return(fate, reason) }()
	err = fn(ctx, lease.Conn())
	fate, reason = fateOf(ctx, err), err
	return err
}

func fateOf(ctx context.Context, err error) core.ConnFate {
	switch {
	case err == nil:
		return core.Keep
	case errors.Is(err, ErrBadConn):
		return core.Broken
	case ctx.Err() != nil:
		return core.Unclean
	default:
		return core.Keep
	}
}
