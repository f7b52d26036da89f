// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Resize changes how many connections there may be, Config.MaxSize. Those that
// are too many then are not lent any more, those with the fewest callers first,
// and closed when the last caller has given them back. A size below 1 or below
// Config.MinSize is refused, and so is every size once the pool is closed.
func (p *Pool[C]) Resize(size int) error {
	var faults []error
	if size < 1 {
		faults = append(faults, fmt.Errorf("size is %d, want at least 1", size))
	}
	if size < p.cfg.MinSize {
		faults = append(faults, fmt.Errorf("size %d is less than MinSize %d", size, p.cfg.MinSize))
	}
	if len(faults) > 0 {
		return fmt.Errorf("pool %q: cannot resize: %w", p.cfg.Name, errors.Join(faults...))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining {
		return p.errClosed
	}
	p.max.Store(int64(size))
	for d := range p.dials {
		if len(p.conns)+p.dialing <= size {
			break
		}
		if d.replaces == nil {
			p.drop(d, CloseResize)
		}
	}
	if surplus := len(p.conns) + p.dialing - size; surplus > 0 {
		conns := slices.Clone(p.conns)
		slices.SortStableFunc(conns, func(a, b *entry[C]) int { return cmp.Compare(a.callers(), b.callers()) })
		for _, e := range conns[:surplus] {
			p.dismiss(e, CloseResize)
		}
	}
	p.gauge()
	p.settleStarts(nil)
	p.replenish()
	p.rotate()
	return nil
}

// Reset makes the pool begin anew: the connections that there are are not lent
// any more, and closed when the last caller has given them back; the dials
// under way are cut short. It is for when what connections depend on has
// changed, such as an address or a password. The reason is kept for Stats. A
// closed pool has nothing to reset.
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
	p.round++ // what failed before says nothing about now
	p.retryAt, p.failures = 0, 0
	p.lastDial.Store(nil)
	p.replenish()
}

// Range calls fn with each connection that is not closed, one after the other,
// until fn returns false. It is for what concerns all of them, such as caches to
// clear. The connections are not borrowed: others use them at the same time, so
// they must be fit for that even in an exclusive pool. A connection is not
// closed while fn has it, unless Close does so by force.
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
