// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// Acquire returns a lease of a connection to the better of two endpoints that are chosen
// at random among those that are not ejected. If that endpoint has no connection that is
// free now, the lease is of another one of these. If none has a free connection, the caller
// waits for one of the least loaded endpoint. While none of them has any connection of which
// the last call did not fail, a lease of an ejected endpoint serves, or else the first
// connection that any endpoint gets.
//
// The errors are those of [pool.Pool.Acquire]; of several dials that failed, all.
func (b *Balancer[C]) Acquire(ctx context.Context) (core.Lease[C], error) {
	b.judgeIfDue(ctx, b.now())
	all := b.endpoints()
	if len(all) == 0 {
		if err := b.resolved(ctx); err != nil {
			return core.Lease[C]{}, err
		}
		all = b.endpoints()
	}
	if ctx.Err() != nil {
		return all[0].pool.Acquire(ctx) // the error is the pool's
	}
	first := b.choose(all)
	if first != nil {
		if lease, ok := first.acquireNow(ctx); ok {
			return first.lend(ctx, lease), nil
		}
	}
	return b.acquireElsewhere(ctx, all, first)
}

// panicking reports whether ejections have no effect, because too many endpoints are
// ejected.
func (b *Balancer[C]) panicking(all []*endpoint[C]) bool { return int(b.ejected.Load())*2 > len(all) }

// choose returns the better of two endpoints, nil if there is none.
func (b *Balancer[C]) choose(all []*endpoint[C]) *endpoint[C] {
	usable := all
	if b.ejected.Load() > 0 && !b.panicking(all) {
		var room [16]*endpoint[C]
		usable = room[:0]
		for _, e := range all {
			if !e.out.Load() {
				usable = append(usable, e)
			}
		}
	}
	switch n := len(usable); n {
	case 0:
		return nil
	case 1:
		return usable[0]
	default:
		i, j := rand.IntN(n), rand.IntN(n-1)
		if j >= i {
			j++
		}
		now := b.now()
		if usable[j].load(now) < usable[i].load(now) {
			i = j
		}
		return usable[i]
	}
}

// acquireElsewhere is Acquire when the endpoint that was chosen has no free connection.
func (b *Balancer[C]) acquireElsewhere(ctx context.Context, all []*endpoint[C], tried *endpoint[C]) (core.Lease[C], error) {
	for tries := 1; ; tries++ {
		sorted := b.byLoad(all)
		for _, e := range sorted {
			if e == tried || e.out.Load() && !b.panicking(all) {
				continue
			}
			if lease, ok := e.acquireNow(ctx); ok {
				return e.lend(ctx, lease), nil
			}
		}
		e, lease, err := b.wait(ctx, sorted)
		switch {
		case err == nil:
			return e.lend(ctx, lease), nil
		case b.closer.Begun() || e == nil || tries == mostTries || !errors.Is(err, pool.ErrClosed) && !errors.Is(err, pool.ErrDial):
			return core.Lease[C]{}, err
		}
		// The endpoint is gone, or has just lost its last connection: look again.
		tried, all = nil, b.endpoints()
	}
}

// mostTries is how often a caller waits for an endpoint that then is gone, or has no
// connection any more.
const mostTries = 4

// byLoad returns the endpoints in the order in which to try them: those that are ejected
// last, and the less loaded ones first.
func (b *Balancer[C]) byLoad(all []*endpoint[C]) []*endpoint[C] {
	now := b.now()
	loads := make(map[*endpoint[C]]float64, len(all))
	for _, e := range all {
		loads[e] = e.load(now)
	}
	panicking := b.panicking(all)
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(x, y *endpoint[C]) int {
		if a, b := x.out.Load() && !panicking, y.out.Load() && !panicking; a != b {
			if a {
				return 1
			}
			return -1
		}
		switch {
		case loads[x] < loads[y]:
			return -1
		case loads[x] > loads[y]:
			return 1
		default:
			return 0
		}
	})
	return sorted
}

// wait waits for a connection to the least loaded endpoint that has any, or else to
// whichever gets one first. The endpoint is nil if none did.
func (b *Balancer[C]) wait(ctx context.Context, sorted []*endpoint[C]) (*endpoint[C], core.Lease[C], error) {
	for _, e := range sorted {
		// The connections of an endpoint in trouble may be dead, and an ejected one has
		// failed: the first connection of another endpoint is better.
		if e.pool.Connected() && !e.trouble.Load() && !e.out.Load() {
			lease, err := e.pool.Acquire(ctx)
			return e, lease, err
		}
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
		err = join(errs)
	}
	return first, lease, err
}

// join returns the errors as one, and a single one as it is.
func join(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
