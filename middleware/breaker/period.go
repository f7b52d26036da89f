// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync/atomic"
	"time"

	"github.com/eapache/go-resiliency/breaker"

	"github.com/penstock-go/penstock/core"
)

// period is a stretch of life from one opening (or the start, or a state set by
// hand) to the next. What was admitted in a period that is over is counted, but
// moves nothing any more; and a probe that hangs holds a place in its own only.
type period struct {
	machine   *breaker.Breaker
	mode      State          // set by hand, or Closed if the machine decides
	probes    atomic.Int64   // under way
	entered   time.Duration  // when the last of them began, since the breaker was made; guarded by mu
	successes atomic.Int64   // of probes
	failures  *failureWindow // nil if their rate does not count
	slow      *slowCalls     // nil if slow calls do not count
	normal    permit
	probe     permit
}

// newMachine returns the state machine: one reported failure opens it, because
// when to report one is decided here.
func (b *Breaker) newMachine() *breaker.Breaker {
	return breaker.New(1, b.cfg.HalfOpenSuccesses, b.cfg.RecoveryTimeout)
}

func (b *Breaker) newPeriod(machine *breaker.Breaker, mode State) *period {
	p := &period{machine: machine, mode: mode}
	if mode == Closed || mode == Disabled {
		p.failures = newFailureWindow(b)
		p.slow = newSlowCalls(b)
	}
	p.normal = permit{breaker: b, period: p}
	p.probe = permit{breaker: b, period: p, probe: true}
	return p
}

// replace begins another period. The caller holds mu.
func (b *Breaker) replace(p *period) {
	if old := b.current.Swap(p); old.slow != nil {
		old.slow.stop()
	}
}

func (p *period) state() State {
	if p.mode != Closed {
		return p.mode
	}
	switch p.machine.GetState() {
	case breaker.Open:
		return Open
	case breaker.HalfOpen:
		return HalfOpen
	default:
		return Closed
	}
}

// full reports whether as many probes are under way as may be.
func (p *period) full() bool {
	return p.probes.Load() >= int64(p.normal.breaker.cfg.MaxHalfOpenRequests)
}

// renew replaces the half-open time p, whose places are all taken and none of
// whose probes began for long, by one with places of its own: those that hold
// the places may never end. The caller holds mu.
func (b *Breaker) renew(p *period) *period {
	next := b.newPeriod(p.machine, Closed)
	next.successes.Store(p.successes.Load())
	b.replace(next)
	return next
}

// permit is how a call was admitted: the guard of calls whose attempts are not
// counted one by one.
type permit struct {
	breaker *Breaker
	period  *period
	probe   bool
}

// stale reports whether the breaker has moved on since p was given. The caller
// holds mu.
func (b *Breaker) stale(p *permit) bool {
	return b.current.Load() != p.period || p.probe != (p.period.state() == HalfOpen)
}

// Allow forbids further attempts while not everybody passes.
func (p *permit) Allow(*core.Call) error {
	if state := p.breaker.State(); !state.passes() {
		err, _ := p.breaker.refusal(state)
		return err
	}
	return nil
}

// Begin forbids the work of an attempt that waited for its connection while the
// breaker moved on.
func (p *permit) Begin(call *core.Call) error {
	b := p.breaker
	state := b.State()
	if state.passes() || p.probe && b.current.Load() == p.period {
		return nil
	}
	return b.refuse(call, state)
}

// Ended does nothing: the operation counts when it is over.
func (p *permit) Ended(*core.Call, time.Duration, core.Class) {}
