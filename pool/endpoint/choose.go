// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// Acquire returns a lease of a connection to the better of two endpoints that are chosen
// at random, and not ejected. If that endpoint has no connection that is free now, another
// endpoint that is not ejected gives one. If none has a free connection, the caller
// waits for one of the least loaded endpoint. While none of them has any connection of which
// the last call did not fail, a lease of an ejected endpoint serves, or else the first
// connection that any endpoint gets.
//
// The errors are as at [pool.Pool.Acquire]; of several dials that failed, all.
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
		x, y := usable[i].burden(now), usable[j].burden(now)
		if most := b.most(x, y); y.load(most) < x.load(most) {
			i = j
		}
		return usable[i]
	}
}

// acquireElsewhere is Acquire when the endpoint that was chosen has no free connection.
func (b *Balancer[C]) acquireElsewhere(ctx context.Context, all []*endpoint[C], tried *endpoint[C]) (core.Lease[C], error) {
	var left time.Duration // to wait; zero is as long as the pools let callers wait
	began := b.now()
	for tries := 1; ; {
		sorted := b.byLoad(all)
		for _, e := range sorted {
			if e == tried || e.out.Load() && !b.panicking(all) {
				continue
			}
			if lease, ok := e.acquireNow(ctx); ok {
				return e.lend(ctx, lease), nil
			}
		}
		e, lease, err := b.waitFor(ctx, sorted, left)
		switch {
		case err == nil:
			return e.lend(ctx, lease), nil
		case errors.Is(err, errMoved):
		case b.closer.Begun() || e == nil || tries == mostTries || !errors.Is(err, pool.ErrClosed) && !errors.Is(err, pool.ErrDial):
			return core.Lease[C]{}, err
		default:
			tries++
		}
		// The endpoint is gone or ejected, or has just lost its last connection: look again.
		tried, all = nil, b.endpoints()
		left = max(time.Duration(b.patience.Load())-(b.now()-began), 1)
	}
}

// mostTries is how often a caller waits for an endpoint that then is gone, or has no
// connection any more.
const mostTries = 4

// byLoad returns the endpoints in the order in which to try them: those that are ejected
// last, and the less loaded ones first.
func (b *Balancer[C]) byLoad(all []*endpoint[C]) []*endpoint[C] {
	now := b.now()
	burdens := make([]burden, len(all))
	for i, e := range all {
		burdens[i] = e.burden(now)
	}
	most := b.most(burdens...)
	loads := make(map[*endpoint[C]]float64, len(all))
	for i, e := range all {
		loads[e] = burdens[i].load(most)
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
