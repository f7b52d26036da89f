// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// A connection and a dial come to an end in these ways, and each verb is used for
// nothing else:
//
//   - remove a connection: the pool gives no new lease of it, and closes it when
//     its last lease has been returned.
//   - close a connection: the factory closes it, once. Only a connection that is
//     removed, or was never in the pool, is closed.
//   - replace a connection: dial a successor, and remove the connection when the
//     successor is in the pool.
//   - drop a dial: the pool no longer waits for it. If it still makes a
//     connection, that connection is closed.
//
// Each of them counts for Config.MaxSize until it has come to its end or is stuck;
// see [Pool.opened].

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
	closing int                    // calls of Factory.Close under way that are not stuck
	// closingSlowly is how many of closing have been under way for callGrace.
	closingSlowly int
	kept          int  // kept seats of conns; see balance
	overfull      bool // there are more leases than places, so conns are shut; see balance
}

// table is the connections that may be lent.
type table[C any] struct {
	conns []*entry[C]
}

// add puts a new connection into the pool. The waiters get its seats first. p.mu is
// held.
func (p *Pool[C]) add(e *entry[C]) {
	p.conns = append(p.conns, e)
	p.balance()
	p.seatWaiters(e)
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
	e.removed, e.reason = true, reason
	p.leaving[e] = struct{}{} // before publish, so that e counts throughout
	if i := slices.Index(p.conns, e); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
		p.kept -= len(e.keptSeats)
		p.publish()
	}
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

// closeRemoved closes a removed connection without callers. It does nothing while the connection is pinned, or if Close has closed
// it by force. p.mu is held.
func (p *Pool[C]) closeRemoved(e *entry[C]) {
	if _, ok := p.leaving[e]; !ok || e.pins > 0 {
		return
	}
	delete(p.leaving, e)
	stuck := e.pingStuck()
	if stuck {
		e.ping = nil // the stuck call is the closing from now on
	}
	p.beginClose(context.Background(), e.conn, &closing{reason: e.reason, number: e.number, stuck: stuck})
}

// opened returns how many connections are open or being dialed. Connections and
// dials with a stuck call do not count: Stats.Stuck counts them. p.mu is held.
func (p *Pool[C]) opened() int {
	return len(p.conns) + len(p.dials) + p.outgoing() + p.closing
}

// outgoing counts the removed connections that are not being closed yet, and the
// dropped dials. p.mu is held.
func (p *Pool[C]) outgoing() int {
	n := p.dropped
	for e := range p.leaving {
		if !e.pingStuck() || e.callers() > 0 {
			n++
		}
	}
	return n
}

// roomFreed does what follows when opened may have become less. p.mu is held.
func (p *Pool[C]) roomFreed() {
	p.setMayGrow()
	p.replenish()
	p.replaceDue()
}

// closing is one call of Factory.Close. All fields are guarded by Pool.mu.
type closing struct {
	reason CloseReason
	number int         // of the connection
	report bool        // Pool.Close reports the error
	limit  *time.Timer // finds out that the call is slow, then that it is stuck
	slow   bool
	stuck  bool
	done   bool // the factory has returned
}

// beginClose closes conn on a goroutine of its own. If c is stuck from the
// beginning, another call on the connection was stuck: the connection does not count
// for Config.MaxSize, and must not because it is being closed. p.mu is held.
func (p *Pool[C]) beginClose(ctx context.Context, conn C, c *closing) {
	p.closed[c.reason]++
	p.jobs++
	if !c.stuck {
		p.closing++
		c.limit = time.AfterFunc(callGrace, func() { p.closeOverdue(c) })
	}
	go func() {
		err := errors.New("the factory called runtime.Goexit") // replaced when Close returns
		defer func() { p.closeDone(c, err) }()
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		err = p.closeConn(ctx, conn)
	}()
}

// closeDone ends a closing that has returned.
func (p *Pool[C]) closeDone(c *closing, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.endJob()
	c.done = true
	p.freeNumber(c.number)
	if c.limit != nil {
		c.limit.Stop()
	}
	switch {
	case c.stuck:
		p.stuck--
	case c.slow:
		p.closingSlowly--
		p.closing--
	default:
		p.closing--
	}
	if c.report && err != nil {
		p.jobErrs = append(p.jobErrs, err)
	}
	p.roomFreed()
}

// closeOverdue is called when a closing has been under way for callGrace: it is slow,
// so its room will not be free soon. closeOverdue is called again when the context
// of the closing ended a moment ago: the closing is stuck, and another connection
// gets its room.
func (p *Pool[C]) closeOverdue(c *closing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.done {
		return
	}
	if !c.slow {
		c.slow = true
		p.closingSlowly++
		c.limit.Reset(closeTimeout)
	} else {
		c.stuck = true
		p.closingSlowly--
		p.closing--
		p.gotStuck()
	}
	p.roomFreed()
}

// closeConn closes conn and turns a panic into an error.
func (p *Pool[C]) closeConn(ctx context.Context, conn C) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = p.factoryPanicked("Close", recover())
		}
	}()
	err = p.factory.Close(ctx, conn)
	returned = true
	return err
}

// unpin undoes a pin. p.mu is held.
func (p *Pool[C]) unpin(e *entry[C]) {
	if e.pins--; e.removed && e.callers() == 0 {
		p.closeRemoved(e)
		p.replaceDue()
	}
}
