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

// Between dials that fail lie pauses that double, from the first to the last.
const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = 5 * time.Second
)

// backoff returns the pause after n rounds of dials failed in a row, n > 0:
// somewhere between half and all of the step, so that the pools of many
// processes do not dial in step.
func backoff(n int) time.Duration {
	step := backoffLast
	if shift := n - 1; shift < 16 {
		step = min(backoffFirst<<shift, backoffLast)
	}
	return step/2 + rand.N(step/2+1)
}

// dialState is what a pool knows of its dials.
type dialState[C any] struct {
	mayGrow  atomic.Bool // see grow
	lastDial atomic.Pointer[DialError]
	retry    alarm // begins the dials that a backoff put off

	// Guarded by Pool.mu.
	dials     map[*dial[C]]struct{} // whose connections are wanted
	dialing   int                   // those of dials that take up room
	replacing int                   // those of dials that take the place of a connection
	stuck     int                   // dials given up whose Dial has not returned
	retryAt   instant               // no dial is begun before
	failures  int                   // rounds of dials that failed, in a row
	round     uint64                // number of the current round of dials
}

// dial is the making of a connection. Everything is guarded by the pool's mutex.
type dial[C any] struct {
	ref      any // the operation that gave rise to it
	round    uint64
	replaces *entry[C] // nil if it takes up room of its own
	cancel   context.CancelFunc
	limit    *time.Timer // gives it up
	unwanted CloseReason // what becomes of its connection, if it is not in Pool.dials any more
}

// Limits for a factory that does not keep to its contract.
const (
	// dialGrace is how long Dial may take to return after its context has ended.
	dialGrace = 100 * time.Millisecond
	// maxStuck is how many dials may be given up and not have returned. Beyond
	// that no new ones are begun, so that the goroutines do not grow without end.
	maxStuck = 64
)

// beginDial dials a connection on a goroutine of its own. ref is the operation
// that gave rise to it, old the connection whose place it takes, if any. p.mu
// is held.
func (p *Pool[C]) beginDial(ref any, old *entry[C]) {
	ctx, cancel := context.WithTimeoutCause(p.ctx, p.cfg.DialTimeout, ErrDialTimeout)
	d := &dial[C]{ref: ref, round: p.round, replaces: old, cancel: cancel}
	p.dials[d] = struct{}{}
	if old == nil {
		p.dialing++
	} else {
		p.replacing++
		old.successor = d
	}
	p.begun++
	p.jobs++
	p.gauge()
	d.limit = time.AfterFunc(p.cfg.DialTimeout+dialGrace, func() { p.abandon(d) })
	go p.dial(ctx, d)
}

func (p *Pool[C]) dial(ctx context.Context, d *dial[C]) {
	defer d.cancel()
	scope := core.Scope{Kind: core.KindConnect, Start: time.Now(), Source: p.cfg.Name, Ref: d.ref}
	if p.cfg.Observer != nil {
		ctx = p.cfg.Observer.Begin(ctx, scope)
	}
	var (
		conn C
		err  = errors.New("the factory called runtime.Goexit") // stands if it does
	)
	defer func() {
		var failed *DialError
		if err != nil {
			failed = &DialError{Pool: p.cfg.Name, Err: err, Timeout: errors.Is(context.Cause(ctx), ErrDialTimeout)}
		}
		if p.cfg.Observer != nil {
			if failed != nil {
				p.cfg.Observer.End(ctx, scope, failed)
			} else {
				p.cfg.Observer.End(ctx, scope, nil)
			}
		}
		p.dialed(d, conn, failed)
	}()
	conn, err = p.makeConn(ctx)
}

// makeConn dials, and turns whatever a factory may do wrong into an error.
func (p *Pool[C]) makeConn(ctx context.Context) (conn C, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the factory panicked: %v", v)
		}
	}()
	conn, err = p.factory.Dial(ctx)
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

func isZero(conn any) bool {
	v := reflect.ValueOf(conn)
	return !v.IsValid() || v.IsZero()
}

// dialed is called when the factory has returned.
func (p *Pool[C]) dialed(d *dial[C], conn C, failed *DialError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.endJob()
	d.limit.Stop()
	if d.unwanted != "" {
		p.stuck--
		if failed == nil {
			p.remove(&entry[C]{pool: p, conn: conn}, d.unwanted)
		}
		p.replenish()
		return
	}
	old := d.replaces
	p.forget(d)
	switch {
	case p.draining && failed != nil:
		// We may have cut it short ourselves, and nobody wants to know.
	case p.draining:
		p.remove(&entry[C]{pool: p, conn: conn}, CloseShutdown)
	case failed != nil:
		p.failed(d, failed)
	default:
		p.lastDial.Store(nil)
		p.retryAt, p.failures = 0, 0
		e := p.newEntry(conn)
		p.seatWaiters(e)
		p.add(e)
		if old != nil {
			p.remove(old, old.due)
		}
		p.settleStarts(nil)
		p.replenish()
		p.rotate()
	}
}

// failed settles a dial that came to nothing. p.mu is held.
func (p *Pool[C]) failed(d *dial[C], failed *DialError) {
	p.dialErrors++
	p.lastDial.Store(failed)
	if d.round == p.round {
		// Dials that fail together are one reason to wait longer, not many.
		p.round++
		p.failures++
		p.retryAt = p.now() + backoff(p.failures)
	}
	p.settleStarts(failed)
	if len(p.conns) == 0 && p.dialing == 0 {
		p.failWaiters(failed)
	}
	p.replenish()
	p.rotate()
}

// seatWaiters gives the seats of a new connection to those who wait. p.mu is
// held.
func (p *Pool[C]) seatWaiters(e *entry[C]) {
	for p.first() != nil {
		seat, ok := e.sit()
		if !ok {
			return
		}
		if !p.offer(e, seat) {
			e.rise(seat)
		}
	}
}

// forget takes d out of those that are wanted. p.mu is held.
func (p *Pool[C]) forget(d *dial[C]) {
	delete(p.dials, d)
	if d.replaces == nil {
		p.dialing--
	} else {
		p.replacing--
		d.replaces.successor, d.replaces = nil, nil
	}
	p.gauge()
}

// drop makes d unwanted: what comes of it is closed. p.mu is held.
func (p *Pool[C]) drop(d *dial[C], reason CloseReason) {
	p.forget(d)
	d.unwanted = reason
	d.cancel()
	p.stuck++
}

// abandon settles a dial that has not returned though its context has ended.
// It costs no room any more, so that others may be begun.
func (p *Pool[C]) abandon(d *dial[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.dials[d]; !ok {
		return
	}
	p.drop(d, CloseDiscarded)
	if !p.draining {
		p.failed(d, &DialError{
			Pool:    p.cfg.Name,
			Err:     fmt.Errorf("the factory has not returned: %w", context.DeadlineExceeded),
			Timeout: true,
		})
	}
}
