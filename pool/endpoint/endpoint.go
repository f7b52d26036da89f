// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/pool"
)

// endpoint is one address with its pool.
type endpoint[C any] struct {
	b       *Balancer[C]
	address Address
	pool    *pool.Pool[C]
	under   *pool.Config    // with which the pool was made
	checker pool.Checker[C] // nil if the factory has no Alive
	pinger  pool.Pinger[C]  // nil if the factory has no Ping

	out     atomic.Bool   // the endpoint is ejected; written with Balancer.mu held
	waiting atomic.Int32  // callers that wait for a connection
	moved   atomic.Uint64 // waits that the balancer ended, because it had something better
	trouble atomic.Bool   // the last call failed: ask the checker before a lease

	mu sync.Mutex // guards what follows; held for a moment only
	traffic[C]

	exile // guarded by Balancer.mu
}

// newEndpoint returns an endpoint with an empty pool.
func (b *Balancer[C]) newEndpoint(a Address) (*endpoint[C], error) {
	var f pool.Factory[C]
	err := errors.New("the function Factory did not return")
	contain.Apart("Factory", b.panicked, func() { f, err = b.cfg.Factory(a) })
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", a.HostPort, err)
	}
	e := &endpoint[C]{b: b, address: a}
	e.admit()
	if f != nil {
		e.checker, _ = f.(pool.Checker[C])
		e.pinger, _ = f.(pool.Pinger[C])
		f = e.watched(f)
	}
	e.under = b.pool.Load()
	e.pool, err = pool.New(f, *e.under)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", a.HostPort, err)
	}
	return e, nil
}

func (e *endpoint[C]) start(ctx context.Context) error {
	if err := e.pool.Start(ctx); err != nil {
		return fmt.Errorf("endpoint %s: %w", e.address.HostPort, err)
	}
	return nil
}

// watched returns f with a Dial that tells e. The result has the optional methods of f
// and no others, because a pool asks for them.
func (e *endpoint[C]) watched(f pool.Factory[C]) pool.Factory[C] {
	d := &dialer[C]{f, e}
	checker, alive := f.(pool.Checker[C])
	pinger, pings := f.(pool.Pinger[C])
	counter, counts := f.(pool.TransportCounter)
	switch {
	case alive && pings && counts:
		return struct {
			*dialer[C]
			pool.Checker[C]
			pool.Pinger[C]
			pool.TransportCounter
		}{d, checker, pinger, counter}
	case alive && pings:
		return struct {
			*dialer[C]
			pool.Checker[C]
			pool.Pinger[C]
		}{d, checker, pinger}
	case alive && counts:
		return struct {
			*dialer[C]
			pool.Checker[C]
			pool.TransportCounter
		}{d, checker, counter}
	case pings && counts:
		return struct {
			*dialer[C]
			pool.Pinger[C]
			pool.TransportCounter
		}{d, pinger, counter}
	case alive:
		return struct {
			*dialer[C]
			pool.Checker[C]
		}{d, checker}
	case pings:
		return struct {
			*dialer[C]
			pool.Pinger[C]
		}{d, pinger}
	case counts:
		return struct {
			*dialer[C]
			pool.TransportCounter
		}{d, counter}
	default:
		return d
	}
}

// dialer is a factory that tells its endpoint of failed dials.
type dialer[C any] struct {
	pool.Factory[C]
	e *endpoint[C]
}

func (d *dialer[C]) Dial(ctx context.Context) (C, error) {
	conn, err := d.Factory.Dial(ctx)
	switch {
	case err == nil:
		d.e.b.reached(d.e)
	case context.Cause(ctx) != context.Canceled: // else the pool is closing
		d.e.b.lookups.soon()
		if !d.e.pool.Connected() {
			d.e.b.eject(context.Background(), d.e, ReasonUnreachable, err)
		}
	}
	return conn, err
}

// acquireNow returns a lease if the endpoint has a connection that is free now, and that
// is alive as far as is known.
func (e *endpoint[C]) acquireNow(ctx context.Context) (core.Lease[C], bool) {
	lease, ok := e.pool.AcquireNow(ctx)
	if ok && e.trouble.Load() && e.checker != nil && !e.alive(lease.Conn()) {
		lease.Return(core.Keep, nil)
		e.b.eject(ctx, e, ReasonUnreachable, errNotAlive)
		return core.Lease[C]{}, false
	}
	return lease, ok
}

// alive asks the checker, which the pool has asked before.
func (e *endpoint[C]) alive(conn C) (alive bool) {
	contain.Apart("Alive", e.b.panicked, func() { alive = e.checker.Alive(conn) })
	return alive
}

// lend returns the lease that a caller gets, and begins to watch it.
func (e *endpoint[C]) lend(ctx context.Context, lease core.Lease[C]) core.Lease[C] {
	inner, token, wait := lease.Lent()
	l := &lent[C]{Lender: inner, at: e, ctx: ctx, astray: e.out.Load(), verdict: unjudged}
	e.began(l)
	watched := core.NewLease[C](lease.Conn(), l, token)
	if wait > 0 {
		watched = watched.WithWait(wait)
	}
	return watched
}

// errNotAlive is the cause of an ejection after Alive returned false.
var errNotAlive = fmt.Errorf("the connection to the endpoint is not alive: %w", core.ErrConnection)

// rounded returns d without its less significant digits, for people.
func rounded(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
