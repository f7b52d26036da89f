// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Resize changes the greatest number of connections, which was Config.MaxSize.
// Surplus connections are removed, those with the fewest callers first. Surplus
// dials are dropped. A removed connection is closed when its last lease has been
// returned, so a smaller size is reached then. If there are more leases than the new
// size allows, nothing is lent until enough of them have been returned. Resize refuses a size below 1 or below Config.MinSize, and
// returns [ErrClosed] after Drain or Close.
func (p *Pool[C]) Resize(size int) error {
	p.mu.Lock() // first, so that a Reconfigure cannot raise MinSize after the check
	defer p.mu.Unlock()
	var faults []error
	if size < 1 {
		faults = append(faults, fmt.Errorf("size is %d, want at least 1", size))
	}
	if size < p.cfg().MinSize {
		faults = append(faults, fmt.Errorf("size %d is less than MinSize %d", size, p.cfg().MinSize))
	}
	if len(faults) > 0 {
		return fmt.Errorf("pool %q: cannot resize: %w", p.cfg().Name, errors.Join(faults...))
	}
	if p.draining {
		return p.errClosed
	}
	p.resize(size)
	return nil
}

// resize is Resize to a size that was checked. p.mu is held.
func (p *Pool[C]) resize(size int) {
	p.max.Store(int64(size))
	for d := range p.dials {
		if p.surplus() <= 0 {
			break
		}
		if d.replaces == nil {
			p.drop(d, CloseResize)
		}
	}
	if surplus := min(p.surplus(), len(p.conns)); surplus > 0 {
		conns := slices.Clone(p.conns)
		slices.SortStableFunc(conns, func(a, b *entry[C]) int { return cmp.Compare(a.callers(), b.callers()) })
		for _, e := range conns[:surplus] {
			p.removeSurplus(e, CloseResize)
		}
	}
	p.balance()
	p.setMayGrow()
	p.settleStarts(nil)
	p.replenish()
	p.replaceDue()
}

// surplus returns how many connections and dials are to go after Resize. Removed
// connections of an exclusive pool count, as each of them has a caller: with them
// there must not be more leases than the size. p.mu is held.
func (p *Pool[C]) surplus() int {
	n := len(p.conns) + p.dialing - int(p.max.Load())
	if p.exclusive {
		n += p.outgoing() - p.dropped
	}
	return n
}

// Reset removes all connections and drops all dials, so that every further lease is
// of a new connection. It is for a change of what connections depend on, such as an
// address or a password. A removed connection that callers still have takes its room
// until it has been returned and closed: if they all are lent, an exclusive pool dials
// when the first of them comes back. Stats shows the reason. Reset does nothing after Drain or
// Close.
func (p *Pool[C]) Reset(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining {
		return
	}
	p.resets++
	p.lastReset = reason
	for d := range p.dials {
		p.drop(d, CloseReset)
	}
	for _, e := range slices.Clone(p.conns) {
		p.remove(e, CloseReset)
	}
	p.round++ // a failure of an earlier dial must not delay new ones
	p.retryAt, p.failures = 0, 0
	p.lastDial.Store(nil)
	p.replenish()
}

// Range calls fn with each connection that is not closed, one after the other,
// until fn returns false. It is for work on all connections, such as clearing their
// caches. Range takes no lease: callers use the connections at the same time, so a
// connection must be fit for that even in an exclusive pool. A connection is not
// closed while Range runs, unless the pool is closed; a connection that was removed
// takes its room meanwhile, so fn must not wait for another one.
func (p *Pool[C]) Range(fn func(C) bool) {
	p.mu.Lock()
	all := make([]*entry[C], 0, len(p.conns)+len(p.leaving))
	all = append(all, p.conns...)
	for e := range p.leaving {
		all = append(all, e)
	}
	for _, e := range all {
		e.pins++
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range all {
			p.unpin(e)
		}
	}()
	for _, e := range all {
		if !fn(e.conn) {
			return
		}
	}
}
