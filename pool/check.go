// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-go/penstock/internal/errtype"
)

// mayCheck reports whether another connection may be pinged: at most a quarter at a
// time, but always one. p.mu is held.
func (p *Pool[C]) mayCheck() bool { return p.checking == 0 || p.checking < len(p.conns)/4 }

// check pings e in the background. It returns false, and does nothing, if no seat
// of e is free, or the last ping of e has not returned. The ping takes a seat: so no
// caller gets an exclusive connection meanwhile, and a shared connection is not
// closed. p.mu is held.
func (p *Pool[C]) check(e *entry[C]) bool {
	if e.ping != nil {
		return false
	}
	seat, ok := e.sit(false)
	if !ok {
		return false
	}
	p.checking++
	p.jobs++
	c := &checkup[C]{e: e, seat: seat}
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg().DialTimeout)
	c.limit = time.AfterFunc(later(p.cfg().DialTimeout, callGrace), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.over {
			return
		}
		c.stuck = true
		p.gotStuck()
		p.checked(c, errors.New("the factory has not returned"), errtype.Timeout)
	})
	e.ping = c
	go func() {
		err := errors.New("the factory called runtime.Goexit") // replaced when Ping returns
		errorType := errtype.Panic                             // the same
		defer func() {
			cancel()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.checked(c, err, errorType)
			p.unpin(e)
			p.pingReturned(c)
			p.roomFreed()
			p.endJob()
		}()
		started := time.Now()
		err = p.ping(ctx, e.conn)
		errorType = p.typeOf(err)
		p.tellInvalid(e, started, err)
	}()
	e.pins++
	p.setDark()
	return true
}

// checkup is one ping. Its fields are guarded by Pool.mu.
type checkup[C any] struct {
	e     *entry[C]
	seat  int
	limit *time.Timer
	over  bool // the ping has returned or is stuck
	stuck bool
}

// pingReturned counts a ping that was stuck no longer. If Range still has its removed
// connection, the ping counts as stuck until the connection is closed: its room was
// given away. p.mu is held.
func (p *Pool[C]) pingReturned(c *checkup[C]) {
	e := c.e
	if e.ping != c {
		return // the connection is being closed
	}
	if _, ok := p.leaving[e]; ok && c.stuck && e.callers() == 0 {
		return
	}
	e.ping = nil
	if c.stuck {
		p.stuck--
	}
}

// pingStuck reports whether a ping of e is stuck. p.mu is held.
func (e *entry[C]) pingStuck() bool { return e.ping != nil && e.ping.stuck }

// ping asks the factory, and turns a panic into an error.
func (p *Pool[C]) ping(ctx context.Context, conn C) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = p.factoryPanicked("Ping", recover())
		}
	}()
	err = p.pinger.Ping(ctx, conn)
	returned = true
	return err
}

// checked ends a ping, once. errorType is the type of err. p.mu is held.
func (p *Pool[C]) checked(c *checkup[C], err error, errorType string) {
	if c.over {
		return
	}
	c.over = true
	c.limit.Stop()
	p.checking--
	e := c.e
	e.upkeep.checks++
	e.seats[c.seat].Add(1)
	if !p.draining { // Close cuts pings short
		p.pinged(errorType)
	}
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
		e.suspect(later(p.now(), max(suspicion, p.cfg().CheckEvery)))
		p.distrust(e)
	}
	e.rise(c.seat)
	p.seatFreedLocked(e)
	p.pingDoubted()
	p.setDark()
}
