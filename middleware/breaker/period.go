// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// period is a stretch in the life of a breaker: it is closed, or it tries to
// recover (open, then half-open), or it has a state that was set by hand. An
// operation belongs to the period that admitted it. When that period is over, the
// operation still counts in the totals, but causes no transition; and a probe
// that hangs holds a place in its own period only.
//
// It is the guard of its operations, unless their attempts are followed one by
// one, see [ticket].
type period struct {
	core.NopGuard // the operation counts when it is over

	breaker *Breaker
	mode    State         // Open stands for half-open, too, see state
	since   time.Duration // begin of the period, since the breaker was made
	machine machine       // shared with the periods before and after

	// Of mode Open.
	until atomic.Int64  // time.Duration, see end; written under Breaker.mu
	heeds time.Duration // answers are ignored before it, see Breaker.Answered
	// heedsBack is heeds for the answers of a backend that was away.
	heedsBack time.Duration
	// early says that an answer ended the open state, and back that the backend was away
	// before. Of mode Closed, early says that the breaker closed after an answer of a
	// backend that was not away. Both are guarded by Breaker.mu.
	early, back bool

	row       atomic.Int64                // failures since the last success
	failures  atomic.Pointer[failureRate] // nil if their rate does not count; written under Breaker.mu
	slow      atomic.Pointer[slowCalls]   // nil if slow attempts do not count; written under Breaker.mu
	troubleAt atomic.Int64                // time.Duration of the last failure or slow attempt, since the breaker was made

	// Of a half-open breaker.
	places    places
	successes atomic.Int64 // of probes
}

func (b *Breaker) newPeriod(m machine, mode State) *period {
	p := &period{breaker: b, mode: mode, since: b.now(), machine: m}
	if p.countsFailures() {
		p.failures.Store(newFailureRate(b))
	}
	if p.countsSlow() {
		p.slow.Store(newSlowCalls(b))
	}
	return p
}

// countsFailures reports whether a rate of failures may count in this period, and
// countsSlow whether slow attempts may.
func (p *period) countsFailures() bool { return p.mode == Closed || p.mode == Disabled }
func (p *period) countsSlow() bool     { return p.countsFailures() || p.mode == Open }

// later returns the instant d after the instant at, or the last instant that there
// is.
func later(at, d time.Duration) time.Duration {
	if at > math.MaxInt64-d {
		return math.MaxInt64
	}
	return at + d
}

// replace begins the period p. The caller holds mu.
func (b *Breaker) replace(p *period) {
	if slow := b.current.Swap(p).slow.Load(); slow != nil {
		slow.stop()
	}
}

// passes reports whether every operation passes in this period.
func (p *period) passes() bool { return p.mode.passes() }

// probing reports whether the operations of this period are probes.
func (p *period) probing() bool { return p.mode == Open }

// state returns the state of the breaker in this period. It reads the clock only if
// the breaker is open or half-open.
func (p *period) state() State {
	switch {
	case p.mode != Open:
		return p.mode
	case p.breaker.now() < p.end():
		return Open
	default: // the machine may be open a moment longer, if RecoveryTimeout is very short
		return p.machine.state()
	}
}

// end returns when the open state ends, since the breaker was made.
func (p *period) end() time.Duration { return time.Duration(p.until.Load()) }

// minRetryAfter is the shortest time that a refusal tells: a caller that waits for
// it and comes back again and again must not keep a processor busy.
const minRetryAfter = time.Millisecond

// retryAfter returns how long a caller that is refused in the given state waits
// before it comes back; now is the time since the breaker was made. An open breaker ends
// at that time, or earlier by an answer. Nothing tells when a probe ends, or when somebody
// resets a breaker that is forced open.
func (p *period) retryAfter(state State, now time.Duration) time.Duration {
	recovery := p.breaker.cfg().RecoveryTimeout
	switch state {
	case Open:
		return max(p.end()-now, minRetryAfter)
	case HalfOpen:
		return max(min(recovery/10, time.Second), minRetryAfter)
	default:
		return max(recovery, minRetryAfter)
	}
}

// idle reports whether a new breaker may take the place of this one: nothing speaks
// for opening it, or what does is so old that it is forgotten.
func (p *period) idle() bool {
	b := p.breaker
	memory := max(b.cfg().RecoveryTimeout, b.cfg().FailureWindowTime)
	switch p.mode {
	case Closed:
		return p.clean() || b.now()-time.Duration(p.troubleAt.Load()) >= memory
	case Open: // half-open for long, and nothing has come to probe with
		return b.now()-p.end() >= memory
	default: // by hand
		return false
	}
}

// trouble notes that an attempt of now failed, or is slow.
func (p *period) trouble() { p.troubleAt.Store(int64(p.breaker.now())) }

// clean reports whether there is no failure since the last success, and none and no
// slow attempt in the windows.
func (p *period) clean() bool {
	failures, slow := 0, 0
	if f := p.failures.Load(); f != nil {
		_, failures = f.sums()
	}
	if s := p.slow.Load(); s != nil {
		_, slow = s.sums()
	}
	return p.row.Load() == 0 && failures == 0 && slow == 0
}

// BeforeAttempt forbids further attempts unless every operation passes.
func (p *period) BeforeAttempt(*core.Call) error {
	if state := p.breaker.State(); !state.passes() {
		err, _ := p.breaker.refusal(state)
		return err
	}
	return nil
}

// BeforeWork forbids the work of an attempt if the breaker stopped admitting
// operations while the attempt waited for its connection.
func (p *period) BeforeWork(call *core.Call) error {
	if now := p.breaker.current.Load(); now != p && !now.passes() {
		return p.breaker.refuse(call, now.state())
	}
	return nil
}
