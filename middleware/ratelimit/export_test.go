// SPDX-License-Identifier: Apache-2.0

package ratelimit

// RedeemLast does what the timer of the last ticket does, as if it had overtaken
// the timers of the other tickets.
func (l *Limiter) RedeemLast() {
	l.mu.Lock()
	last := l.tickets.Last()
	l.mu.Unlock()
	last.timer.Stop()
	l.redeem(last)
}
