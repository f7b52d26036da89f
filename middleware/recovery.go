// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"time"

	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

// recover makes the monitor of the chain tell the breakers when the backend is back.
func (c *Chain) recover() {
	b := breakers{c.Breaker, c.KeyedBreaker}
	if c.Monitor == nil {
		return
	}
	if b.one == nil && b.keyed == nil {
		c.Monitor.Serve(nil) // an earlier chain may have had breakers
		return
	}
	opened := c.Monitor.Serve(b)
	if b.one != nil {
		b.one.Watch(opened)
	} else {
		b.keyed.Watch(opened)
	}
}

// breakers are the breakers of a chain, as a health.Waiter. Either may be nil.
type breakers struct {
	one   *breaker.Breaker
	keyed *keyed.Keyed
}

// Awaits asks the backend's breaker, if there is one. A breaker of a key that is open
// alone is no reason to probe more often: the backend works.
func (b breakers) Awaits() (wait time.Duration, ok bool) {
	if b.one != nil {
		return b.one.Awaits()
	}
	return b.keyed.Awaits()
}

// Answered tells the breakers of an answer. Beside a breaker of the backend, the breakers
// of keys are told if the backend was away: while it works, its answers say nothing about
// a key.
func (b breakers) Answered(back bool) {
	news := b.one == nil || back
	if b.one != nil && b.one.Answered(back) {
		news = true
	}
	if b.keyed != nil && news {
		b.keyed.Answered(back)
	}
}
