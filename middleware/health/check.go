// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Check is a question about something that a service needs in order to work.
type Check struct {
	// Name names it in the answer of [Readiness].
	Name string
	// Ask returns nil if it is ready. It is called concurrently and must heed
	// its context.
	Ask func(ctx context.Context) error
}

// Ready returns a Check that says what the gate says, without a probe of its
// own.
func (m *Monitor) Ready() Check {
	return Check{Name: m.cfg.Name, Ask: func(context.Context) error {
		if m.Up() {
			return nil
		}
		return ErrUnhealthy
	}}
}

// Cached returns a function that asks at most once in each interval and else
// repeats the last answer, for questions that are dear. Those who come while it
// asks wait for that answer, as long as their context allows.
//
// It asks on a goroutine of its own, so that nobody who leaves takes the answer
// from the others, and for no longer than [DefaultTimeout]. An interval of zero
// or less keeps no answer.
func Cached(interval time.Duration, ask func(context.Context) error) func(context.Context) error {
	return (&cache{interval: interval, ask: ask}).get
}

// cache is the memory of a function that [Cached] returned.
type cache struct {
	interval time.Duration
	ask      func(context.Context) error

	mu     sync.Mutex
	answer *answer   // the last one, or the one that is on its way; guarded by mu
	at     time.Time // when it came; guarded by mu
}

// answer may be read once it is there.
type answer struct {
	there chan struct{} // closed when it is
	err   error
}

func (c *cache) get(ctx context.Context) error {
	c.mu.Lock()
	a := c.answer
	if a == nil || !c.at.IsZero() && time.Since(c.at) >= c.interval {
		a = &answer{there: make(chan struct{}), err: core.ErrPanic} // stands if ask does not return
		c.answer, c.at = a, time.Time{}
		go c.fetch(context.WithoutCancel(ctx), a)
	}
	c.mu.Unlock()
	select {
	case <-a.there:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *cache) fetch(ctx context.Context, a *answer) {
	defer func() {
		_ = recover() // it is answered with ErrPanic, and nobody's request crashes
		c.mu.Lock()
		c.at = time.Now()
		c.mu.Unlock()
		close(a.there)
	}()
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	a.err = c.ask(ctx)
}
