// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/pool"
)

// errMoved ends a wait for an endpoint that was ejected meanwhile. No caller sees it.
var errMoved = errors.New("the endpoint was ejected during the wait")

// waitFor is wait for no longer than left. Zero is as long as the pools let callers wait.
func (b *Balancer[C]) waitFor(ctx context.Context, sorted []*endpoint[C], left time.Duration) (*endpoint[C], core.Lease[C], error) {
	if left == 0 {
		return b.wait(ctx, sorted)
	}
	bounded, end := context.WithTimeout(ctx, left)
	defer end()
	e, lease, err := b.wait(bounded, sorted)
	if ended, ok := errors.AsType[*pool.AcquireError](err); ok && ctx.Err() == nil && errors.Is(ended.Err, context.DeadlineExceeded) {
		timedOut := *ended
		timedOut.Err = nil // the bound is that of the pools, and no deadline of the caller
		err = &timedOut
	}
	return e, lease, err
}

// wait waits for a connection to the least loaded endpoint that has any and lets the
// caller wait, or else to whichever gets one first. The endpoint is nil if none did.
func (b *Balancer[C]) wait(ctx context.Context, sorted []*endpoint[C]) (*endpoint[C], core.Lease[C], error) {
	var full *endpoint[C]
	var refused error
	for _, e := range sorted {
		// The connections of an endpoint in trouble may be dead, and an ejected one has
		// failed: the first connection of another endpoint is better.
		if !e.pool.Connected() || e.trouble.Load() || e.out.Load() {
			continue
		}
		lease, err := b.waitAt(ctx, e)
		if !refuses(err) {
			return e, lease, err
		}
		full, refused = e, err
	}
	if full != nil {
		return full, core.Lease[C]{}, refused
	}
	if len(sorted) == 1 {
		lease, err := sorted[0].pool.Acquire(ctx)
		return sorted[0], lease, err
	}
	for _, e := range sorted { // an ejected one is better than none
		if e.out.Load() {
			if lease, ok := e.acquireNow(ctx); ok {
				return e, lease, nil
			}
		}
	}
	return b.race(ctx, sorted)
}

// refuses reports whether a pool did not let the caller wait: too many wait already, or the
// caller holds all of its connections.
func refuses(err error) bool {
	return errors.Is(err, core.ErrRejected) && !errors.Is(err, pool.ErrClosed)
}

// waitAt waits for a connection to e, until e is ejected.
func (b *Balancer[C]) waitAt(ctx context.Context, e *endpoint[C]) (core.Lease[C], error) {
	b.mu.Lock()
	in := e.in
	b.mu.Unlock()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(in, stop)()
	e.waiting.Add(1)
	defer e.waiting.Add(-1)
	lease, err := e.pool.Acquire(waiting)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		e.moved.Add(1)
		err = errMoved
	}
	return lease, err
}

// won is a lease that an endpoint gave in a race, or its error.
type won[C any] struct {
	e     *endpoint[C]
	lease core.Lease[C]
	err   error
}

// race waits for several endpoints at once, and takes the first lease. The other waits
// end with it, and race waits for their ends: they know the attempt that ctx is of, which
// goes on then. A lease that comes too late is given back.
func (b *Balancer[C]) race(ctx context.Context, runners []*endpoint[C]) (first *endpoint[C], lease core.Lease[C], err error) {
	racing, stop := context.WithCancel(ctx)
	defer stop()
	results := make(chan won[C], len(runners))
	for _, e := range runners {
		go func() {
			w := won[C]{e: e, err: fmt.Errorf("endpoint %s: the wait for a connection did not return", e.address.HostPort)}
			defer func() { results <- w }() // also if a function of the user calls runtime.Goexit
			w.lease, w.err = e.pool.Acquire(racing)
			if w.err != nil && ctx.Err() == nil && racing.Err() != nil {
				e.moved.Add(1)
			}
		}()
	}
	var errs []error
	for range runners {
		switch w := <-results; {
		case w.err != nil:
			errs = append(errs, w.err)
		case first != nil:
			w.lease.Release()
		default:
			first, lease = w.e, w.lease
			stop()
		}
	}
	if first == nil {
		err = fault.Join(errs...)
	}
	return first, lease, err
}
