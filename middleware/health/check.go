// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
)

// Check asks whether something that a service needs is ready.
type Check struct {
	// Name names the check in the answer of [Readiness].
	Name string
	// Ask returns nil if what it checks is ready. It is called concurrently, and
	// must return soon after its context ends.
	Ask func(ctx context.Context) error
}

// Ready returns a Check of the gate: ready while the gate is open. It makes no
// probe.
func (m *Monitor) Ready() Check {
	return Check{Name: m.name, Ask: func(context.Context) error {
		if m.Up() {
			return nil
		}
		return ErrUnhealthy
	}}
}

// askTimeout limits a call of what [Cached] wraps.
const askTimeout = 5 * time.Second

// Cached returns a function that calls ask at most once in each interval, and
// repeats the last answer in between. It is for an ask that costs much. Callers
// that come during a call of ask wait for its answer, until their context ends at
// the latest. With an interval of zero or less no answer is repeated later.
//
// ask runs on a goroutine of its own, because a caller that leaves must not take
// the answer from the others. Its context ends after 5 s. If ask panics or calls
// runtime.Goexit, or a method of its error does, the answer is an error that says so, and
// wraps core.ErrPanic. If ask has not returned a second after its context ended, the answer
// is an error; while more than three such calls have not returned, that answer is repeated
// for a time, which doubles with each up to an hour.
func Cached(interval time.Duration, ask func(context.Context) error) func(context.Context) error {
	return (&cache{interval: interval, ask: ask}).get
}

// cache is the state of a function that [Cached] returned.
type cache struct {
	interval time.Duration
	ask      func(context.Context) error

	mu     sync.Mutex // guards the fields below
	hung   hung       // calls of ask that have not returned
	answer *answer    // the last answer, or the one that is awaited
	at     time.Time  // time when the answer came; zero while it is awaited
}

// answer is what ask returned.
type answer struct {
	there chan struct{} // closed when ask has returned
	err   error         // read after that
}

// get returns the last answer, or a new one if the last is too old.
func (c *cache) get(ctx context.Context) error {
	c.mu.Lock()
	a := c.answer
	if a == nil || !c.at.IsZero() && time.Since(c.at) >= c.interval && c.hung.pausing() == nil {
		a = &answer{there: make(chan struct{})}
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

// freeAsks is how many calls of ask may hang without a pause before the next.
const freeAsks = 3

// fetch calls ask for the answer a.
func (c *cache) fetch(ctx context.Context, a *answer) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var err error
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		contain.Call("Ask", func(p *contain.Panic) { err = fmt.Errorf("%w: %w", core.ErrPanic, p) }, func() {
			given := c.ask(ctx)
			tryOut(given)
			err = given
		})
	}()
	if awaited(ctx, returned) {
		a.err = err
	} else {
		a.err = fmt.Errorf("the check has not returned %v after the end of its context: it must heed the context: %w", grace, ctx.Err())
		c.hung.giveUp(&c.mu, returned, askTimeout, freeAsks, a.err)
	}
	c.mu.Lock()
	c.at = time.Now()
	c.mu.Unlock()
	close(a.there)
}
