// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
)

// A connection and a dial come to an end in these ways, and each verb is used for
// nothing else:
//
//   - remove a connection: the pool gives no new lease of it, and closes it when
//     its last lease has been returned.
//   - close a connection: the factory closes it, once. Only a removed connection
//     is closed.
//   - replace a connection: dial a successor, and remove the connection when the
//     successor is in the pool.
//   - drop a dial: the pool no longer waits for it. If it still makes a
//     connection, that connection is removed.

// connState is the connections of a pool.
type connState[C any] struct {
	// table holds the connections that may be lent. A table never changes: the
	// pool stores a new one, with Pool.mu held. A connection that is in an old
	// table only is shut.
	table atomic.Pointer[table[C]]
	max   atomic.Int64 // Config.MaxSize, or the size of the last Resize

	// Guarded by Pool.mu.
	conns   []*entry[C]            // the connections that may be lent
	leaving map[*entry[C]]struct{} // removed connections that are not being closed yet
}

// table is the connections that may be lent.
type table[C any] struct {
	conns []*entry[C]
}

// add puts a new connection into the pool. p.mu is held.
func (p *Pool[C]) add(e *entry[C]) {
	p.conns = append(p.conns, e)
	p.publish()
	p.beginUpkeep(e)
}

// publish makes p.conns the connections that callers take from. p.mu is held.
func (p *Pool[C]) publish() {
	p.table.Store(&table[C]{conns: slices.Clone(p.conns)})
	p.setMayGrow()
}

// remove removes e. If a successor of e is being dialed, it takes the room of e.
// p.mu is held.
func (p *Pool[C]) remove(e *entry[C], reason CloseReason) {
	e.shut()
	if i := slices.Index(p.conns, e); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
		p.publish()
	}
	e.removed, e.reason = true, reason
	p.leaving[e] = struct{}{}
	if d := e.successor; d != nil {
		e.successor, d.replaces = nil, nil
		p.replacing--
		p.dialing++
		p.setMayGrow()
	}
	if e.callers() == 0 {
		p.closeRemoved(e)
	}
}

// removeSurplus removes e because the pool has one connection too many. A dial
// of its successor is dropped. p.mu is held.
func (p *Pool[C]) removeSurplus(e *entry[C], reason CloseReason) {
	if e.successor != nil {
		p.drop(e.successor, reason)
	}
	p.remove(e, reason)
}

// closeRemoved closes a removed connection without callers, on a goroutine of
// its own. It does nothing while the connection is pinned, or if Close has closed
// it by force. p.mu is held.
func (p *Pool[C]) closeRemoved(e *entry[C]) {
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
		_ = p.closeConn(ctx, e.conn) // there is no caller to report the error to
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
		p.closeRemoved(e)
		p.replaceDue()
	}
}
