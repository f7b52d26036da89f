// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// fairWait is how long a caller waits before a backend that does not answer dials is to
// blame. It is the default of breaker.Config.FairRun, the same rule for callers that
// have a connection.
const fairWait = 100 * time.Millisecond

// darkState says whether the backend answers at all.
type darkState struct {
	// darkSince is the instant since when the pool has had no connection, and its dials
	// get no answer: there has always been a dial under way, or the last one timed out.
	// It is never if the pool has a connection, or the dials get an answer. It is written with
	// Pool.mu held, and read without by callers whose wait ends: thousands may end at
	// the same moment.
	darkSince atomic.Int64

	// Guarded by Pool.mu.
	bareSince    instant // since when the pool has had no usable connection; never if it has one
	dialingSince instant // since when the dials get no answer
}

// setDark brings darkSince up to date. It is called after the number of connections or
// dials has changed, or connections came into doubt. p.mu is held.
func (p *Pool[C]) setDark() {
	mark := func(since *instant, holds bool) {
		switch {
		case !holds:
			*since = never
		case *since == never:
			*since = p.now()
		}
	}
	last := p.lastDial.Load()
	mark(&p.bareSince, !p.usable())
	mark(&p.dialingSince, len(p.dials) > 0 || last != nil && last.Timeout)
	p.darkSince.Store(int64(max(p.bareSince, p.dialingSince)))
}

// expire counts a wait that ended without a connection, and returns its error.
func (p *Pool[C]) expire(ctx context.Context, since instant) error {
	now := p.now()
	e := p.acquireError(ctx, max(now-since, 1)) // at least a moment: zero is for a caller that did not wait
	if errors.Is(e.Err, context.Canceled) {
		p.canceled.Add(1)
		return e
	}
	p.timeouts.Add(1)
	if dark := instant(p.darkSince.Load()); dark != never && now-max(since, dark) >= fairWait {
		e.Unanswered = now - max(since, dark)
	}
	return e
}

// acquireError describes the end of a wait and the present state of the pool.
func (p *Pool[C]) acquireError(ctx context.Context, waited time.Duration) *AcquireError {
	e := &AcquireError{
		Pool:    p.cfg().Name,
		Waited:  waited,
		Max:     int(p.max.Load()),
		Waiters: int(p.asking.Load()),
		Err:     ctx.Err(),
	}
	_, e.limited = errors.AsType[*core.TimeoutError](context.Cause(ctx))
	e.InUse, e.Idle = p.table.Load().usage()
	if last := p.lastDial.Load(); last != nil {
		e.LastDial = last
	}
	return e
}
