// SPDX-License-Identifier: Apache-2.0

package breaker

import "time"

// Reasons of a transition from open to half-open, for telemetry.
const (
	afterTimeout = "recovery_timeout" // RecoveryTimeout has passed
	afterAnswer  = "health_probe"     // the backend answered a probe before that, see Answered
)

// Answered tells the breaker that the backend has answered a probe that did not pass
// the chain, such as the probe of a health monitor. If the breaker is open, it is
// half-open from now on, and no longer waits for the end of RecoveryTimeout. Answered
// reports whether it did that. The half-open state has its own rules, as after
// RecoveryTimeout.
//
// An answer is no proof that operations succeed. So the breaker ignores answers for a
// pause if the last recovery by an answer did not last: a probe of the half-open
// breaker failed, or the breaker opened again within RecoveryTimeout after it had
// closed. The pause is a sixteenth of RecoveryTimeout, and doubles each time. When it
// is as long as RecoveryTimeout, answers change nothing any more. The pauses end when
// the breaker has been closed for RecoveryTimeout, or is set by hand. A breaker that is
// forced open ignores answers.
func (b *Breaker) Answered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.current.Load()
	now := b.now()
	if p.mode != Open || now < p.heeds || now >= p.end() {
		return false
	}
	p.early = true
	p.until.Store(int64(now))
	return true
}

// Awaits reports whether the breaker is open and an answer would end that early, see
// [Breaker.Answered]. wait is for how long the breaker still ignores answers.
func (b *Breaker) Awaits() (wait time.Duration, ok bool) {
	p := b.current.Load()
	if p.mode != Open {
		return 0, false
	}
	now := b.now()
	from := max(p.heeds, now)
	return from - now, from < p.end()
}

// Watch makes the breaker call opened whenever it opens, except by hand: there may be
// something to wait for, see [Breaker.Awaits]. opened must not block. It is called on
// the goroutine of the operation that opened the breaker. Siblings of the breaker call
// it, too. A further Watch replaces opened.
func (b *Breaker) Watch(opened func()) { b.shared.opened.Store(&opened) }

// tellOpened calls the function of Watch. The caller does not hold mu.
func (s *shared) tellOpened() {
	if opened := s.opened.Load(); opened != nil {
		(*opened)()
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
// end of period p. The caller holds mu.
func (b *Breaker) judgeRecovery(p *period) {
	switch {
	case p.probing(), b.now()-p.since < b.cfg.RecoveryTimeout:
		if p.early {
			b.hasty++
		}
	default: // the breaker was closed for long
		b.hasty = 0
	}
}
