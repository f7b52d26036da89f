// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/core"
)

// transition is a step from one state to a different state.
type transition struct {
	from, to State
	reason   string // why the breaker is half-open; empty in other transitions
}

func (t transition) none() bool { return t.from == t.to }

// history is what a breaker knows of its transitions.
type history struct {
	noted          State     // state after the last transition
	transitions    uint64    // number of transitions
	transitionedAt time.Time // time of the last transition
	openedAt       time.Time // time of the last opening
	openedBy       any       // reference to the operation that opened the breaker, see core.Observer
	cause          error     // why the breaker opened
	outage         outage
	hasty          int // recoveries by an answer, in a row, that did not last; see Answered
}

// outage is what a breaker knows since it was last closed.
type outage struct {
	cause    error     // error of the operation that opened the breaker
	at       time.Time // when that was
	reopened int       // openings since then, because a probe failed
	probe    error     // error of the last probe, nil if it succeeded
	probedAt time.Time // end of the last probe, zero if none has ended
}

// tell fills in what the error of a refusal says of the outage.
func (o *outage) tell(e *OpenError) {
	e.Cause, e.OpenedAt, e.Reopened, e.Probe, e.ProbedAt = o.cause, o.at, o.reopened, o.probe, o.probedAt
}

// open notes that the breaker opened because of cause, which is the error of a probe if
// the breaker was not closed.
func (o *outage) open(cause error, at time.Time, probing bool) {
	if !probing {
		*o = outage{cause: cause, at: at}
		return
	}
	o.reopened++
	o.probe, o.probedAt = cause, at
}

// open opens the breaker because of cause, and returns the transition to tell.
// It does nothing if period p is over, or has a state that was set by hand.
func (b *Breaker) open(p *period, call *core.Call, cause error) (t transition) {
	if p.mode != Closed && p.mode != Open {
		return t
	}
	ref := call.Ref() // calls the observer, so before the lock
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current.Load() != p {
		return t
	}
	all, back := b.judgeRecovery(p)
	m := p.machine
	if m.successes != b.cfg().HalfOpenSuccesses {
		m = newMachine(b.cfg()) // a recovery goes by the number that was in force at its begin
	}
	m.fail()
	b.openedAt, b.openedBy, b.cause = time.Now(), ref, cause
	b.outage.open(cause, b.openedAt, p.probing())
	next := b.newPeriod(m, Open)
	next.until.Store(int64(later(next.since, b.cfg().RecoveryTimeout)))
	next.heeds, next.heedsBack = later(next.since, all), later(next.since, back)
	b.replace(next)
	return b.note(Open)
}

// probed notes the end of a probe of period p that causes no transition.
func (b *Breaker) probed(p *period, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current.Load() == p {
		b.outage.probe, b.outage.probedAt = err, time.Now()
	}
}

// closeAfterProbe counts the success of a probe of period p, and closes the
// breaker if there were enough. It does nothing if p is over.
func (b *Breaker) closeAfterProbe(p *period, call *core.Call) {
	var t transition
	b.mu.Lock()
	if b.current.Load() == p {
		p.successes.Add(1)
		p.machine.succeed()
		b.outage.probe, b.outage.probedAt = nil, time.Now()
		state := p.machine.state()
		if state == Closed {
			b.replace(b.closed(p))
		}
		t = b.note(state)
	}
	b.mu.Unlock()
	b.tell(t, call, nil)
}

// set gives the breaker a state by hand, or closes it, and tells of the
// transition if there is one.
func (b *Breaker) set(state State) {
	b.mu.Lock()
	if state != Closed && b.current.Load().mode == state {
		b.mu.Unlock()
		return
	}
	if state == ForcedOpen {
		b.openedAt, b.openedBy, b.cause = time.Now(), nil, errForced
		b.outage.open(errForced, b.openedAt, false)
	}
	b.hasty = 0
	b.replace(b.newPeriod(newMachine(b.cfg()), state))
	t := b.note(state)
	b.mu.Unlock()
	b.tell(t, nil, nil)
}

var errForced = core.Sentinel("forced open", causeForced)

// Types of causes that are no error of an operation, for telemetry.
const (
	causeForced = "forced_open"
	causeSlow   = "slow_attempts"
)

// note records that the breaker is in state to, and returns the transition that
// led there. The caller holds mu, so that no transition is lost or attributed to
// another call.
func (b *Breaker) note(to State) transition {
	t := transition{from: b.noted, to: to}
	if t.none() {
		return t
	}
	if to == HalfOpen {
		t.reason = afterTimeout
		if b.current.Load().early {
			t.reason = afterAnswer
		}
	}
	b.noted = to
	b.transitions++
	b.transitionedAt = time.Now()
	if l := b.listener.Load(); l != nil {
		l.add(t)
	}
	return t
}

// tell tells the observer and the listener of t. The caller does not hold mu.
func (b *Breaker) tell(t transition, call *core.Call, cause error) {
	defer b.hear(t) // also if the observer calls Goexit
	if t.to == Open && !t.none() {
		b.tellOpened()
	}
	b.observe(t, call, cause)
}

// hear lets the listener hear of t. The caller does not hold mu.
func (b *Breaker) hear(t transition) {
	if l := b.listener.Load(); !t.none() && l != nil {
		l.deliver()
	}
}

// observe tells the observer of t: the observer of the call that made the
// transition, or, without a call, the observer of the first operation.
func (b *Breaker) observe(t transition, call *core.Call, cause error) {
	if t.none() {
		return
	}
	b.mu.Lock()
	outage := b.outage
	b.mu.Unlock()
	e := core.Event{
		Kind: core.EventTransition, Name: b.cfg().Name, From: t.from.String(), To: t.to.String(), Err: cause, Outcome: t.reason,
		Cause: outage.cause, CausedAt: outage.at, Reopened: outage.reopened, Probe: outage.probe, ProbedAt: outage.probedAt,
	}
	if call != nil {
		call.Event(e)
	} else if o := b.observer.Load(); o != nil {
		(*o).Event(context.Background(), e)
	}
}
