// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/nested"
)

// claim is a call of Acquire that found no free seat. Functions of the user run in
// it, and may end its goroutine: quit then takes back what the claim has.
type claim[C any] struct {
	p       *Pool[C]
	w       *waiter[C]
	started time.Time // with an observer: when the call began
	state   claimState
	e       *entry[C] // a seat that no lease was made of yet, nil if there is none
	token   uint64
}

// claimState says what a claim has.
type claimState uint8

const (
	claimOver   claimState = iota // nothing, or a seat
	claimAsking                   // a place among p.asking, and perhaps a seat
	claimQueued                   // w is in the queue, or was taken out of it with a signal
)

// acquireSlowly is Acquire after no seat was free, or the gate was strict or
// closed.
func (p *Pool[C]) acquireSlowly(ctx context.Context) (core.Lease[C], error) {
	if err := p.waitsForItself(ctx); err != nil {
		return core.Lease[C]{}, err
	}
	c := claim[C]{p: p}
	var ref any
	if p.cfg().Observer != nil {
		c.started = time.Now()
		ref = p.cfg().Observer.Ref(ctx, core.Scope{})
	}
	defer c.quit()
	p.mu.Lock()
	since := p.now()
	w := p.waiters.make(ctx, since)
	c.w = w
	if p.cfg().MaxWaiters > 0 && p.asking.Load() >= int64(p.cfg().MaxWaiters) {
		w.err = p.errTooMany
	}
	p.asking.Add(1)
	c.state = claimAsking
	p.wanted = ref
	e, token, err, over := p.park(w)
	p.mu.Unlock()
	e, token, err, over = c.settle(e, token, err, over)
	atOnce := over
	switch {
	case over:
	case p.cfg().Observer != nil:
		e, token, err = c.waitObserved()
	default:
		e, token, err = c.wait()
	}
	if e == nil {
		if p.cfg().Observer != nil && !atOnce {
			nested.Say(ctx, &nested.Note{Waited: p.now() - since})
		}
		return core.Lease[C]{}, err
	}
	if p.mayGrow.Load() {
		p.grow(ctx, e, token)
	}
	return e.lease(ctx, token).WithWait(p.now() - since), nil
}

// settle follows up what park returned. If the wait is over, it leaves p.asking and
// recycles w. A seat is the claim's only if the checker finds the connection alive:
// else the claim goes back to its old place in the queue.
func (c *claim[C]) settle(e *entry[C], token uint64, err error, over bool) (*entry[C], uint64, error, bool) {
	p := c.p
	for over && e != nil && !c.fits(e, token) {
		p.mu.Lock()
		e, token, err, over = p.park(c.w)
		p.mu.Unlock()
	}
	if !over {
		c.state = claimQueued
		return nil, 0, nil, false
	}
	c.over()
	return e, token, p.named(err), true
}

// over ends a claim that is among p.asking and not in the queue.
func (c *claim[C]) over() {
	c.state = claimOver
	c.p.asking.Add(-1)
	c.p.waiters.recycle(c.w)
}

// fits asks the checker about a seat that was taken for c with p.mu held. If the
// connection is not alive, fits gives up the seat and returns false. c is among
// p.asking.
func (c *claim[C]) fits(e *entry[C], token uint64) bool {
	p := c.p
	if !p.asks(e) {
		return true
	}
	if p.exclusive {
		if e.sound() {
			return true
		}
		p.refuse(e)
		return false
	}
	before := e.flags.Load() & flagSuspect
	c.e, c.token = e, token
	alive := e.sound()
	c.e = nil
	if alive || before != 0 { // a suspect connection was taken because no other had room
		return true
	}
	p.giveUpSeat(e, token)
	return false
}

// wait waits until c has a seat or an error, or its context ends.
func (c *claim[C]) wait() (e *entry[C], token uint64, err error) {
	w := c.w
	for over := false; !over; {
		select {
		case <-w.ready:
			e, token, err, over = c.roused()
		case <-w.ctx.Done():
			return c.giveUp()
		}
	}
	return e, token, err
}

// waitObserved is wait with an observer. It is a function of its own to keep the
// frames of wait small, so that the stack of a waiting goroutine need not grow.
func (c *claim[C]) waitObserved() (e *entry[C], token uint64, err error) {
	p := c.p
	scope := core.Scope{Kind: core.ScopeAcquire, Start: c.started, Name: p.cfg().Name}
	ctx := p.cfg().Observer.Begin(c.w.ctx, scope)
	err = errExited // replaced when wait returns
	defer func() {
		if e != nil { // else c.e is a seat that the checker was asked about
			c.e, c.token = e, token
		}
		p.cfg().Observer.End(ctx, scope, err)
		if e != nil {
			c.e = nil
		}
	}()
	return c.wait()
}

// errExited is the error of a wait that a function of the user ended.
var errExited error = &contain.Panic{Func: "Alive", Exited: true}

// roused is called after a signal. Either the wait is over with a seat or an error,
// or c is in the queue again.
func (c *claim[C]) roused() (e *entry[C], token uint64, err error, over bool) {
	p, w := c.p, c.w
	if w.state.Load() == granted {
		e, token, err = w.entry, w.token, w.err
		if e == nil && err == nil {
			err = p.named(p.expire(w.ctx, w.since))
		}
		fresh := err == errFresh
		if fresh {
			err = nil
		}
		if e == nil || fresh || !p.asks(e) {
			c.state = claimOver
			p.waiters.recycle(w)
			return e, token, err, true
		}
		p.asking.Add(1)
		c.state = claimAsking
		w.entry = nil
		return c.settle(e, token, nil, true)
	}
	c.state = claimAsking
	if p.gate.Load() < gateStrict {
		if e, token = p.take(false); e != nil {
			c.over()
			return e, token, nil, true
		}
	}
	p.mu.Lock()
	e, token, err, over = p.park(w)
	p.mu.Unlock()
	return c.settle(e, token, err, over)
}

// giveUp ends the wait of c because its context has ended.
func (c *claim[C]) giveUp() (e *entry[C], token uint64, err error) {
	p, w := c.p, c.w
	ctx, since := w.ctx, w.since
	if w.state.CompareAndSwap(parked, abandoned) {
		p.sweep() // or another holder of p.mu recycles w
	} else {
		switch w.state.Load() {
		case granted:
			// The seat came as the context ended. The caller gets it, or it is lost. If
			// the connection is not alive, the context ends the wait in park.
			<-w.ready
			var over bool
			if e, token, err, over = c.roused(); over {
				return e, token, err
			}
			return c.giveUp()
		case woken:
			<-w.ready
			p.mu.Lock()
			p.serve() // wake another waiter for the seat that w was told of
			p.mu.Unlock()
		}
		p.waiters.recycle(w)
	}
	c.state = claimOver
	p.asking.Add(-1)
	return nil, 0, p.named(p.expire(ctx, since))
}

// quit takes back what c has, if a function of the user ended the goroutine.
func (c *claim[C]) quit() {
	if c.e == nil && c.state == claimOver {
		return // as nearly always
	}
	p, w := c.p, c.w
	if c.e != nil {
		p.giveUpSeat(c.e, c.token)
	}
	if c.state == claimQueued {
		if w.state.CompareAndSwap(parked, abandoned) {
			p.asking.Add(-1)
			p.sweep()
			return
		}
		if w.state.Load() == granted { // then it has left p.asking
			if w.entry != nil {
				p.giveUpSeat(w.entry, w.token)
			}
			return
		}
	}
	if c.state != claimOver {
		p.asking.Add(-1)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.serve() // wake another waiter for the seat that w may have been told of
	}
}

// giveUpSeat gives up a seat that no lease was made of.
func (p *Pool[C]) giveUpSeat(e *entry[C], token uint64) {
	e.rise(seatOf(token))
	p.seatFreed(e)
}
