// SPDX-License-Identifier: Apache-2.0

package ratelimit

import "time"

// Serve does what the timer does, as if the timer came now.
func (l *Limiter) Serve() { l.serve() }

// Hold puts the timer off by an hour, as if the timer were late.
func (l *Limiter) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Reset(time.Hour)
}
