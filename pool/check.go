// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// check has e checked in the background, and reports whether it is: not if all
// its seats are taken, or enough are being checked. The check has a seat, so
// that nobody else uses an exclusive connection meanwhile, and a shared one is
// not closed. p.mu is held.
func (p *Pool[C]) check(e *entry[C]) bool {
	// Most of them must remain to be lent.
	if p.checking > 0 && p.checking >= len(p.conns)/4 {
		return false
	}
	seat, ok := e.sit()
	if !ok {
		return false
	}
	p.checking++
	p.jobs++
	c := &checkup[C]{e: e, seat: seat}
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.DialTimeout)
	c.limit = time.AfterFunc(p.cfg.DialTimeout+dialGrace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.checked(c, errors.New("the factory has not returned"))
	})
	go func() {
		err := errors.New("the factory called runtime.Goexit") // stands if it does
		defer func() {
			cancel()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.checked(c, err)
			p.unpin(e)
			p.endJob()
		}()
		err = p.ping(ctx, e.conn)
	}()
	e.pins++
	return true
}

// checkup is one check. It is guarded by the pool's mutex.
type checkup[C any] struct {
	e     *entry[C]
	seat  int
	limit *time.Timer
	over  bool
}

// ping asks the factory, and turns a panic into an error.
func (p *Pool[C]) ping(ctx context.Context, conn C) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the factory panicked: %v", v)
		}
	}()
	return p.pinger.Ping(ctx, conn)
}

// checked settles a check. p.mu is held.
func (p *Pool[C]) checked(c *checkup[C], err error) {
	if c.over {
		return
	}
	c.over = true
	c.limit.Stop()
	p.checking--
	e := c.e
	e.upkeep.checks++
	e.seats[c.seat].Add(1)
	switch {
	case p.draining || e.removed:
	case err == nil:
		if e.flags.Load() != 0 {
			e.calm()
			e.flags.And(^uint32(flagStale))
		}
	case p.exclusive:
		p.remove(e, CloseUnhealthy)
	default:
		e.suspect(p.now() + max(suspicion, p.cfg.CheckEvery))
	}
	e.rise(c.seat)
	p.settle(e)
}
