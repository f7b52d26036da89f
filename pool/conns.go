// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
)

// connState is the connections of a pool.
type connState[C any] struct {
	// table is the connections that may be lent. A table is never changed, but
	// replaced, with Pool.mu held; a connection that only an old table holds is
	// shut.
	table atomic.Pointer[table[C]]
	max   atomic.Int64 // Config.MaxSize, or the size of the last Resize

	// Guarded by Pool.mu.
	conns   []*entry[C]            // the connections that may be lent
	leaving map[*entry[C]]struct{} // taken out of conns, but not closed yet
}

// table is the connections that may be lent.
type table[C any] struct {
	conns []*entry[C]
}

// add makes e one of those that may be lent. p.mu is held.
func (p *Pool[C]) add(e *entry[C]) {
	p.conns = append(p.conns, e)
	p.publish()
	p.keepUp(e)
}

// publish makes p.conns what is lent from. p.mu is held.
func (p *Pool[C]) publish() {
	p.table.Store(&table[C]{conns: slices.Clone(p.conns)})
	p.gauge()
}

// remove takes e out of the pool: it is not lent any more, and closed once
// nobody has it. p.mu is held.
func (p *Pool[C]) remove(e *entry[C], reason CloseReason) {
	e.shut()
	if i := slices.Index(p.conns, e); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
		p.publish()
	}
	e.removed, e.reason = true, reason
	p.leaving[e] = struct{}{}
	if d := e.successor; d != nil {
		// It takes the room that e leaves.
		e.successor, d.replaces = nil, nil
		p.replacing--
		p.dialing++
	}
	if e.callers() == 0 {
		p.retire(e)
	}
}

// dismiss removes e because it is one too many: nothing is to take its place.
// p.mu is held.
func (p *Pool[C]) dismiss(e *entry[C], reason CloseReason) {
	if e.successor != nil {
		p.drop(e.successor, reason)
	}
	p.remove(e, reason)
}

// retire closes a removed connection on a goroutine of its own, unless that
// was done by force before, or somebody has pinned it. p.mu is held.
func (p *Pool[C]) retire(e *entry[C]) {
	if _, ok := p.leaving[e]; !ok || e.pins > 0 {
		return
	}
	delete(p.leaving, e)
	p.closed[e.reason]++
	p.jobs++
	go func() {
		defer p.jobDone(nil)
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = p.closeConn(ctx, e.conn) // nobody is left whom it concerns
	}()
}

// closeConn closes conn and turns a panic into an error.
func (p *Pool[C]) closeConn(ctx context.Context, conn C) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("closing a connection panicked: %v", v)
		}
	}()
	return p.factory.Close(ctx, conn)
}

// unpin undoes a pin. p.mu is held.
func (p *Pool[C]) unpin(e *entry[C]) {
	if e.pins--; e.removed && e.callers() == 0 {
		p.retire(e)
	}
}
