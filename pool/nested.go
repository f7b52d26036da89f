// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"slices"

	"github.com/penstock-go/penstock/internal/nested"
)

// waitsForItself returns the error of a caller that would wait for itself: operations
// run operations within their work, and each of them has a connection meanwhile. If
// such a chain of operations has every place of the pool, none comes back before the
// wait ends. The error is nil if other callers have a place.
func (p *Pool[C]) waitsForItself(ctx context.Context) error {
	var leases []uint32
	nested.Attempts(ctx, func(a nested.Attempt) {
		if id := a.Lease(); id != 0 {
			leases = append(leases, id)
		}
	})
	if len(leases) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.heldBy(leases)
	if p.draining || held == 0 || held/p.cfg().MaxSharing < int(p.max.Load()) {
		return nil
	}
	e := p.acquireError(ctx, 1)
	e.Held = held
	return e
}

// heldBy returns how many of the leases are leases of p that are out. leases are the
// lower halves of tokens, the generations: the generation of a seat whose lease was
// returned is another one. Two leases have the same by chance only, once in four
// billion. p.mu is held.
func (p *Pool[C]) heldBy(leases []uint32) (held int) {
	look := func(e *entry[C]) {
		for seat := range e.seats {
			taken := e.words[seat/seatsPerWord].Load()&(1<<(seat%seatsPerWord)) != 0
			if taken && slices.Contains(leases, e.seats[seat].Load()) {
				held++
			}
		}
	}
	for _, e := range p.conns {
		look(e)
	}
	for e := range p.leaving {
		look(e)
	}
	return held
}
