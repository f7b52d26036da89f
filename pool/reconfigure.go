// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"time"

	"github.com/penstock-go/penstock/internal/fault"
)

// Accepts returns the error that [Pool.Reconfigure] would return for cfg, and changes
// nothing.
func (p *Pool[C]) Accepts(cfg Config) error {
	p.mu.Lock()
	closed := p.draining
	p.mu.Unlock()
	if closed {
		return p.errClosed
	}
	_, err := p.accepted(cfg)
	return err
}

// Reconfigure puts cfg in force, with its defaults. No lease and no wait ends because of
// that: callers that wait do so for as long as the AcquireTimeout under which they came, or
// longer, dials under way end under their DialTimeout, and a smaller MaxSize is reached as
// [Pool.Resize] reaches it. A MaxLifetime holds for the connections that there are, too,
// from the time when each was dialed; it removes none that callers have.
//
// Name, Mode and MaxSharing cannot change. LeakAfter and OnUse can be set only if the
// pool keeps records of its leases already, because it was made with either of them or
// with an Observer. The Observer stays; cfg.Observer is not looked at. An error names
// everything that is wrong with cfg, and then nothing changes. After Drain or Close the
// error is [ErrClosed]. Reconfigure is safe for concurrent use.
func (p *Pool[C]) Reconfigure(cfg Config) error {
	next, err := p.accepted(cfg)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining {
		return p.errClosed
	}
	now, old := p.now(), p.cfg()
	if next.AcquireTimeout < old.AcquireTimeout {
		if p.asking.Load() == 0 {
			p.longTimeout = 0
		}
		p.lastLong, p.longTimeout = p.waiters.seq, max(p.longTimeout, old.AcquireTimeout)
	}
	p.follow(&next)
	for _, e := range p.conns {
		if next.MaxLifetime != old.MaxLifetime || next.LifetimeJitter != old.LifetimeJitter {
			p.limitLife(e)
		}
		if next.CheckEvery != old.CheckEvery {
			p.beginChecks(e, now)
		}
	}
	p.resize(next.MaxSize)
	p.upkeep.set(now) // maintain finds what is due by now, and when to look again
	return nil
}

// accepted returns cfg with its defaults, if it can come in force.
func (p *Pool[C]) accepted(cfg Config) (Config, error) {
	cfg, faults := cfg.complete()
	cfg.suits(&faults, p.checker != nil, p.pinger != nil)
	old := p.cfg()
	fault.Fixed(&faults, "Name", old.Name, cfg.Name)
	fault.Fixed(&faults, "Mode", old.Mode, cfg.Mode)
	fault.Fixed(&faults, "MaxSharing", old.MaxSharing, cfg.MaxSharing)
	if !p.records() {
		for _, tracked := range []struct {
			name string
			set  bool
		}{{"LeakAfter", cfg.LeakAfter > 0}, {"OnUse", cfg.OnUse != nil}} {
			if tracked.set {
				faults.Add("%s cannot be set while the program runs, because the pool has no Observer and keeps no record of its leases: restart the program with it, or leave it out", tracked.name)
			}
		}
	}
	cfg.Observer = old.Observer
	return cfg, faults.Err("pool")
}

// patience returns how long w may wait. p.mu is held.
func (p *Pool[C]) patience(w *waiter[C]) time.Duration {
	most := p.cfg().AcquireTimeout
	if p.cameBefore(w) {
		return max(most, p.longTimeout)
	}
	return most
}

// cameBefore reports whether w came before AcquireTimeout was last shortened. p.mu is
// held.
func (p *Pool[C]) cameBefore(w *waiter[C]) bool {
	return p.longTimeout > 0 && int32(w.seq-p.lastLong) <= 0
}
