// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// The pause after a failed dial doubles from backoffFirst to backoffLast.
const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = 5 * time.Second
)

// backoff returns the pause after n rounds of dials failed in a row, n > 0. It is
// between half of the step and the whole step, at random, so that the pools of
// many processes do not dial at the same moments.
func backoff(n int) time.Duration {
	step := backoffLast
	if shift := n - 1; shift < 16 {
		step = min(backoffFirst<<shift, backoffLast)
	}
	return step/2 + rand.N(step/2+1)
}

// dialState is what a pool knows of its dials.
type dialState[C any] struct {
	mayGrow  atomic.Bool               // a shared pool has room for another connection; see grow
	lastDial atomic.Pointer[DialError] // error of the last dial, nil if it succeeded
	retry    alarm                     // begins dials when the backoff is over

	// Guarded by Pool.mu.
	dials     map[*dial[C]]struct{} // dials under way that are not dropped
	dialing   int                   // how many of dials take up room
	replacing int                   // how many of dials replace a connection
	dropped   int                   // dropped dials that have not returned and are not stuck
	retryAt   instant               // end of the backoff
	failures  int                   // rounds of dials that failed in a row
	round     uint64                // number of the current round of dials
}

// dial is one call of Factory.Dial. All fields but number and asks are guarded by Pool.mu.
type dial[C any] struct {
	number   int  // of the connection
	asks     bool // ask the checker about the suspect connections before the dial ends
	ref      any  // core.Observer.Ref of the operation that needs the connection
	round    uint64
	replaces *entry[C] // nil if the dial takes up room
	cancel   context.CancelFunc
	overdue  instant     // when the dial is stuck if it has not returned
	limit    *time.Timer // rings then, or a moment after the dial was dropped
	unwanted CloseReason // why the dial was dropped; empty if it was not
	stuck    bool
	done     bool // the factory has returned
}

// beginDial dials a connection on a goroutine of its own. ref is of the operation
// that needs the connection, and old is the connection to replace, nil if there is
// none. p.mu is held.
func (p *Pool[C]) beginDial(ref any, old *entry[C]) {
	ctx, cancel := context.WithTimeoutCause(p.ctx, p.cfg().DialTimeout, ErrDialTimeout)
	limit := later(p.cfg().DialTimeout, callGrace)
	d := &dial[C]{number: p.takeNumber(), ref: ref, round: p.round, replaces: old, cancel: cancel, overdue: later(p.now(), limit)}
	p.dials[d] = struct{}{}
	if old == nil {
		p.dialing++
	} else {
		p.replacing++
		old.successor = d
	}
	p.jobs++
	p.setMayGrow()
	d.limit = time.AfterFunc(limit, func() { p.dialOverdue(d) })
	if old != nil && old.due == CloseUnhealthy && p.checker != nil {
		go p.dialIfDue(ctx, d)
	} else {
		p.begun++
		go p.dial(ctx, d)
	}
}

// dialIfDue is dial for a connection that replaces a suspect one. It asks the checker
// first, and once more when the connection is there: suspect connections that have
// recovered are not replaced.
func (p *Pool[C]) dialIfDue(ctx context.Context, d *dial[C]) {
	d.asks = true
	p.askDue()
	p.mu.Lock()
	recovered := d.unwanted == "" && d.replaces != nil && !d.replaces.isDue()
	if !recovered {
		p.begun++
	} else {
		p.uncount(d)
		d.limit.Stop()
		d.done = true
		p.freeNumber(d.number)
		d.cancel()
		p.roomFreed()
		p.endJob()
	}
	p.mu.Unlock()
	if !recovered {
		p.dial(ctx, d)
	}
}

// dial calls the factory, tells the observer, and hands over the result.
func (p *Pool[C]) dial(ctx context.Context, d *dial[C]) {
	defer d.cancel()
	scope := core.Scope{Kind: core.ScopeConnect, Start: time.Now(), Name: p.cfg().Name, Ref: d.ref}
	var (
		conn   C
		failed = &DialError{Pool: p.cfg().Name, Err: errors.New("the observer called runtime.Goexit")} // replaced below
	)
	// First, so that this is deferred past all functions of the user.
	defer func() { p.dialed(d, conn, failed) }()
	if d.asks {
		defer p.askDue()
	}
	if p.cfg().Observer != nil {
		ctx = p.cfg().Observer.Begin(ctx, scope)
		defer func() {
			if failed != nil {
				p.cfg().Observer.End(ctx, scope, failed)
			} else {
				p.cfg().Observer.End(ctx, scope, nil)
			}
		}()
	}
	err := errors.New("the factory called runtime.Goexit") // replaced when Dial returns
	defer func() {
		failed = nil
		if err != nil {
			failed = &DialError{Pool: p.cfg().Name, Err: err, Timeout: errors.Is(context.Cause(ctx), ErrDialTimeout)}
		}
	}()
	conn, err = p.makeConn(ctx)
}

// makeConn calls Dial, and turns every breach of its contract into an error.
func (p *Pool[C]) makeConn(ctx context.Context) (conn C, err error) {
	returned := false
	defer func() {
		if !returned {
			err = p.factoryPanicked("Dial", recover())
		}
	}()
	conn, err = p.factory.Dial(ctx)
	returned = true
	switch {
	case err == nil && isNil(conn):
		return conn, errors.New("the factory returned neither a connection nor an error")
	case err != nil && !isZero(conn):
		cctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if cerr := p.closeConn(cctx, conn); cerr != nil {
			err = fmt.Errorf("%w (and the connection beside it could not be closed: %w)", err, cerr)
		}
	}
	return conn, err
}

// isNil reports whether conn is nil, also as a pointer in an interface.
func isNil(conn any) bool {
	switch v := reflect.ValueOf(conn); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	default:
		return false
	}
}

// isZero reports whether conn is the zero value of its type.
func isZero(conn any) bool {
	v := reflect.ValueOf(conn)
	return !v.IsValid() || v.IsZero()
}

// dialed ends a dial that has returned.
func (p *Pool[C]) dialed(d *dial[C], conn C, failed *DialError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.endJob()
	d.limit.Stop()
	d.done = true
	if failed != nil {
		p.freeNumber(d.number)
	}
	if d.unwanted != "" {
		p.droppedDialed(d, conn, failed)
		return
	}
	old := d.replaces
	if failed != nil && !p.draining {
		p.lastDial.Store(failed) // first, so that setDark knows of it
	}
	p.uncount(d)
	switch {
	case p.draining && failed != nil:
		// Close may have cut the dial short, so its error says nothing.
	case p.draining:
		p.beginClose(context.Background(), conn, &closing{reason: CloseShutdown, number: d.number})
	case failed != nil:
		p.dialFailed(d, failed)
	default:
		p.lastDial.Store(nil)
		p.retryAt, p.failures = 0, 0
		p.dialSucceeded(old, conn, d.number)
		p.settleStarts(nil)
		p.replenish()
		p.replaceDue()
	}
}

// dialSucceeded puts conn into the pool in place of old, which is nil if the dial
// took up room. If old has recovered meanwhile, old stays, and conn takes the place
// of another connection that is due, or room, or is closed. p.mu is held.
func (p *Pool[C]) dialSucceeded(old *entry[C], conn C, number int) {
	if old != nil && !old.isDue() {
		if old = p.nextDue(); old == nil && len(p.conns)+p.dialing >= int(p.max.Load()) {
			p.beginClose(context.Background(), conn, &closing{reason: CloseIdle, number: number})
			return
		}
	}
	if old != nil {
		p.remove(old, old.due) // first, so that its callers count when e gets its seats
	}
	p.add(p.newEntry(conn, number))
}

// dialFailed does what follows from a failed dial. p.mu is held.
func (p *Pool[C]) dialFailed(d *dial[C], failed *DialError) {
	p.dialErrors++
	if d.round == p.round {
		// Dials that fail together make the pause longer once.
		p.round++
		p.failures++
		p.retryAt = p.now() + backoff(p.failures)
	}
	p.settleStarts(failed)
	if p.dialing == 0 && !p.usable() {
		p.tryDoubted()
	}
	if p.dialing == 0 && !p.usable() {
		p.failWaiters(failed)
	}
	p.replenish()
	p.replaceDue()
}

// seatWaiters hands the seats of a new connection to the waiters. p.mu is held.
func (p *Pool[C]) seatWaiters(e *entry[C]) {
	for p.first() != nil {
		seat, ok := e.sit(false)
		if !ok {
			return
		}
		if !p.offer(e, seat, errFresh) {
			e.rise(seat)
		}
	}
}

// uncount takes d out of the dials under way. p.mu is held.
func (p *Pool[C]) uncount(d *dial[C]) {
	delete(p.dials, d)
	if d.replaces == nil {
		p.dialing--
	} else {
		p.replacing--
		d.replaces.successor, d.replaces = nil, nil
	}
	p.setMayGrow()
}

// drop drops d. If d still makes a connection, it is closed for the given reason.
// Until d has returned it counts for Config.MaxSize, as it may have made a
// connection. p.mu is held.
func (p *Pool[C]) drop(d *dial[C], reason CloseReason) {
	p.dropped++ // first, so that d counts throughout
	p.uncount(d)
	d.unwanted = reason
	d.cancel()
	d.limit.Reset(min(callGrace, d.overdue-p.now()))
}

// dialOverdue is called when d should have returned, because its context has ended
// a moment ago. If d has not returned, it is dropped and counts as stuck, so that
// another dial gets its room.
func (p *Pool[C]) dialOverdue(d *dial[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.done || d.stuck {
		return
	}
	d.stuck = true
	p.gotStuck()
	if d.unwanted != "" {
		p.dropped--
		p.roomFreed()
		return
	}
	failed := &DialError{
		Pool:    p.cfg().Name,
		Err:     fmt.Errorf("the factory has not returned: %w", context.DeadlineExceeded),
		Timeout: true,
	}
	if !p.draining {
		p.lastDial.Store(failed) // first, so that setDark knows of it
	}
	p.uncount(d)
	d.unwanted = CloseDiscarded
	d.cancel()
	if !p.draining {
		p.dialFailed(d, failed)
	}
}

// droppedDialed ends a dropped dial that has returned. p.mu is held.
func (p *Pool[C]) droppedDialed(d *dial[C], conn C, failed *DialError) {
	switch {
	case !d.stuck:
		p.dropped--
	case failed != nil:
		p.stuck--
	}
	if failed == nil {
		p.beginClose(context.Background(), conn, &closing{reason: d.unwanted, number: d.number, stuck: d.stuck})
	}
	p.roomFreed()
}
