// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
)

// Reasons of a transition from open to half-open, for telemetry.
const (
	afterTimeout = "recovery_timeout" // RecoveryTimeout has passed
	afterAnswer  = "health_probe"     // the backend answered a probe before that, see Answered
)

// Answered tells the breaker that the backend has answered a probe that did not pass
// the chain, such as the probe of a health monitor. back says that the probe before had
// failed: the backend was away. If the breaker is open, it is half-open from now on, and
// no longer waits for the end of RecoveryTimeout. Answered reports whether it did that.
// The half-open state has its own rules, as after RecoveryTimeout.
//
// An answer is no proof that operations succeed. So the breaker ignores answers for a
// pause if the last recovery by an answer did not last. The pause is a sixteenth of
// RecoveryTimeout, and doubles each time. When it is as long as RecoveryTimeout, answers
// change nothing any more. A recovery did not last if an operation of the half-open
// breaker failed, or if the breaker opened again within RecoveryTimeout after it had
// closed. In the second case an answer with back ends the pause.
//
// The pauses end when the breaker has been closed for RecoveryTimeout, closes after an
// answer with back, or is set by hand. A breaker that is forced open ignores answers.
func (b *Breaker) Answered(back bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.current.Load()
	now, heeds := b.now(), p.heeds
	if back {
		heeds = p.heedsBack
	}
	if p.mode != Open || now < heeds || now >= p.end() {
		return false
	}
	p.early, p.back = true, back
	p.until.Store(int64(now))
	return true
}

// Awaits reports whether the breaker is open and an answer may end that early, see
// [Breaker.Answered]. wait is for how long the breaker still ignores every answer.
func (b *Breaker) Awaits() (wait time.Duration, ok bool) {
	p := b.current.Load()
	if p.mode != Open {
		return 0, false
	}
	now := b.now()
	from := max(p.heedsBack, now)
	return from - now, from < p.end()
}

// Watch makes the breaker call opened whenever it opens, except by hand: there may be
// something to wait for, see [Breaker.Awaits]. opened must not block: the
// operation that opened the breaker waits for it. Siblings of the breaker call
// it, too. A panic or runtime.Goexit in opened is told to the observer as a
// core.EventPanic. A further Watch replaces opened.
func (b *Breaker) Watch(opened func()) { b.shared.opened.Store(&opened) }

// tellOpened calls the function of Watch. The caller does not hold mu.
func (s *shared) tellOpened() {
	if opened := s.opened.Load(); opened != nil {
		contain.Apart("Watch", s.panicked, *opened)
	}
}

// panicked tells the observer of a panic or Goexit of a function of the user.
func (s *shared) panicked(p *contain.Panic) {
	if o := s.observer.Load(); o != nil {
		(*o).Event(context.Background(), core.Event{Kind: core.EventPanic, Name: p.Func, Err: p})
	}
}

// hastiest is the divisor of RecoveryTimeout for the shortest pause of Answered.
const hastiest = 16

// ignored returns for how long answers are ignored after n recoveries in a row that
// did not last.
func ignored(n int, recovery time.Duration) time.Duration {
	if n == 0 {
		return 0
	}
	d := recovery / hastiest
	for ; n > 1 && d < recovery; n-- {
		d *= 2
	}
	return min(d, recovery)
}

// judgeRecovery notes whether the last recovery lasted, when the breaker opens at the
// end of period p. It returns for how long the breaker ignores answers, and answers of a
// backend that was away. The caller holds mu.
func (b *Breaker) judgeRecovery(p *period) (all, back time.Duration) {
	recovery := b.cfg().RecoveryTimeout
	switch {
	case !p.probing() && b.now()-p.since >= recovery:
		b.hasty = 0
	case p.early:
		b.hasty++
	}
	all = ignored(b.hasty, recovery)
	if p.probing() {
		back = all
	}
	return all, back
}

// closed returns the period that begins when the breaker closes after the half-open
// period p. The caller holds mu.
func (b *Breaker) closed(p *period) *period {
	next := b.newPeriod(p.machine, Closed)
	if p.back {
		b.hasty = 0 // the answer was right
	}
	next.early = p.early && !p.back
	return next
}
