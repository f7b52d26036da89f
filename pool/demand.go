// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"

	"github.com/penstock-go/penstock/core"
)

// hopeless reports whether waiting is of no use: the pool has no usable connection, and
// no dial will begin before a backoff or a pause is over. p.mu is held.
func (p *Pool[C]) hopeless(now instant) bool {
	return p.dialing == 0 && p.lastDial.Load() != nil && now < p.dialAt() && !p.usable()
}

// room returns how many dials may begin. p.mu is held.
func (p *Pool[C]) room() int {
	return min(
		int(p.max.Load())-len(p.conns)-p.dialing,
		p.mostOpen()-p.opened(),
		p.cfg().MaxConcurrentDials-len(p.dials)-p.dropped,
		p.trials(),
	)
}

// mostOpen returns how many connections may be open or being dialed. A shared pool
// may have one more than its size: a connection that callers still have, and its
// successor. p.mu is held.
func (p *Pool[C]) mostOpen() int {
	if p.exclusive {
		return int(p.max.Load())
	}
	return int(p.max.Load()) + 1
}

// need returns how many dials must begin: for the waiters, for the calls of Start,
// and to keep MinSize. p.mu is held.
func (p *Pool[C]) need() int {
	if p.draining {
		return 0
	}
	share := p.cfg().TargetSharing
	waiters := max(p.waiters.Len()-int(p.abandoned.Load()), 0)
	need := (waiters+share-1)/share - p.dialing

	floor := 0
	if p.keepMin {
		floor = p.cfg().MinSize
	}
	for _, s := range p.starts {
		floor = max(floor, s.want)
	}
	return min(max(need, floor-len(p.conns)-p.dialing), p.room())
}

// replenish begins the dials that are needed, or sets the alarm that begins them
// after the backoff. It is called after each change that may create need. p.mu is
// held.
func (p *Pool[C]) replenish() {
	if p.waiters.Len() == 0 && !p.keepMin && len(p.starts) == 0 {
		return
	}
	now := p.now()
	if p.waiters.Len() > 0 && p.hopeless(now) {
		p.failWaiters(p.lastDial.Load())
	}
	p.vacate(p.waiters.Len() - int(p.abandoned.Load()))
	need := p.need()
	if need <= 0 {
		return
	}
	if at := p.dialAt(); now < at {
		p.retry.set(at)
		return
	}
	var ref any
	switch {
	case p.waiters.Len() > 0:
		ref = p.wanted
	case len(p.starts) > 0:
		ref = p.starts[len(p.starts)-1].ref
	}
	for range need {
		p.beginDial(ref, nil)
	}
}

// Redial dials one connection at once if the pool has no usable connection and pauses
// because a dial failed. It is for a caller that has a reason to ask the backend now,
// such as a health probe. Other callers get the error of the last dial during the pause,
// also if the dial of Redial fails, and all may dial when it succeeds.
func (p *Pool[C]) Redial() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	trial := p.stuck < maxStuck || now >= p.trialAt
	if !p.draining && trial && p.hopeless(now) && p.room() > 0 {
		p.beginDial(nil, nil)
	}
}

// retryNow begins the dials that were put off, by a backoff or because p.mu was busy.
func (p *Pool[C]) retryNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replenish()
	if p.lentSuspect.Swap(false) {
		p.replaceSuspects()
	} else {
		p.replaceDue()
	}
}

// grow begins a dial in the background if e, on which a seat was just taken, and
// every other connection of a shared pool have Config.TargetSharing callers. It
// does nothing if p.mu is busy: the next caller tries again.
func (p *Pool[C]) grow(ctx context.Context, e *entry[C], token uint64) {
	if e.callers() < p.cfg().TargetSharing {
		return
	}
	var ref any
	if p.cfg().Observer != nil {
		ref = p.refSeated(ctx, e, token)
	}
	if p.mu.TryLock() {
		defer p.mu.Unlock()
		p.growLocked(ref, e)
	}
}

// refSeated asks the observer for a reference, on behalf of a caller that has a
// seat. If the observer ends the goroutine, the seat is given up.
func (p *Pool[C]) refSeated(ctx context.Context, e *entry[C], token uint64) any {
	returned := false
	defer func() {
		if !returned {
			p.giveUpSeat(e, token)
		}
	}()
	ref := p.cfg().Observer.Ref(ctx, core.Scope{})
	returned = true
	return ref
}

// growLocked is grow with p.mu held.
func (p *Pool[C]) growLocked(ref any, e *entry[C]) {
	if !p.mayGrow.Load() || p.room() <= 0 || e.removed || e.flags.Load()&flagSuspect != 0 || e.callers() < p.cfg().TargetSharing {
		return
	}
	for _, other := range p.conns {
		if other.flags.Load()&flagSuspect == 0 && other.callers() < p.cfg().TargetSharing {
			return
		}
	}
	if p.now() < p.dialAt() {
		return
	}
	p.beginDial(ref, nil)
}

// setMayGrow brings p.mayGrow up to date. It is called after the number of
// connections or dials has changed. p.mu is held.
func (p *Pool[C]) setMayGrow() {
	p.mayGrow.Store(!p.exclusive && !p.draining && p.dialing == 0 && p.room() > 0)
	p.setDark()
}
