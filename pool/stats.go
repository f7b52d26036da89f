// SPDX-License-Identifier: Apache-2.0

package pool

import "sync/atomic"

// CloseReason says why a connection was closed.
type CloseReason string

const (
	// CloseDiscarded: it was given back as broken, or as suspect to an
	// exclusive pool; or it was made so late that its dial had been given up.
	CloseDiscarded CloseReason = "discarded"
	// CloseUnclean: work on it was cut short. Exclusive pools only.
	CloseUnclean CloseReason = "unclean"
	// CloseDead: the [Checker] said that it is not alive. Exclusive pools only.
	CloseDead CloseReason = "dead"
	// CloseIdle: nobody had used it for Config.IdleTimeout, or the load was so
	// low that one connection less would do.
	CloseIdle CloseReason = "idle"
	// CloseLifetime: it had reached its share of Config.MaxLifetime.
	CloseLifetime CloseReason = "lifetime"
	// CloseUnhealthy: the [Pinger] said so in an exclusive pool, or it had stayed
	// suspect for Config.ReplaceAfter in a shared one.
	CloseUnhealthy CloseReason = "unhealthy"
	// CloseReset: Reset was called.
	CloseReset CloseReason = "reset"
	// CloseResize: Resize left no room for it.
	CloseResize CloseReason = "resize"
	// CloseShutdown: the pool was closed.
	CloseShutdown CloseReason = "shutdown"
)

// closeReasons are all there are.
var closeReasons = [...]CloseReason{
	CloseDiscarded, CloseUnclean, CloseDead, CloseIdle, CloseLifetime, CloseUnhealthy, CloseReset, CloseResize, CloseShutdown,
}

// counters count what Stats tells.
type counters struct {
	doubleReturns atomic.Uint64
	timeouts      atomic.Uint64

	// Guarded by Pool.mu.
	begun, dialErrors, leaks, resets uint64
	lastReset                        string
	closed                           map[CloseReason]uint64
}

// Stats is what a pool looks like at one moment.
type Stats struct {
	// Max is Config.MaxSize, or what Resize made of it. Min is Config.MinSize.
	Max, Min int
	// Idle and InUse count the connections without and with a caller; one that
	// is being checked has one. A connection that is not lent any more does not
	// count, even while callers still have it.
	Idle, InUse int
	// Dialing counts the dials under way. Idle+InUse+Dialing never exceeds Max.
	Dialing int
	// Replacing counts the dials under way, at most one, whose connection takes
	// the place of another one, which is lent until then. Shared pools only.
	Replacing int
	// InFlight counts the leases that are out.
	InFlight int
	// Waiters counts the callers that wait now.
	Waiters int
	// Timeouts counts the waits that ended with ErrExhausted.
	Timeouts uint64
	// Dials counts the dials that were begun, DialErrors those that failed.
	Dials, DialErrors uint64
	// DoubleReturns counts leases that were given back again.
	DoubleReturns uint64
	// Leaks counts leases that were not given back within Config.LeakAfter.
	Leaks uint64
	// Resets counts calls of Reset. LastReset is the reason of the last one.
	Resets    uint64
	LastReset string
	// Closed counts closed connections by reason, with an entry for each
	// reason. It is the caller's own.
	Closed map[CloseReason]uint64
}

// Stats returns what the pool looks like now.
func (p *Pool[C]) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{
		Max:           int(p.max.Load()),
		Min:           p.cfg.MinSize,
		Dialing:       p.dialing,
		Replacing:     p.replacing,
		InFlight:      p.inFlight(),
		Waiters:       int(p.asking.Load()),
		Timeouts:      p.timeouts.Load(),
		Dials:         p.begun,
		DialErrors:    p.dialErrors,
		DoubleReturns: p.doubleReturns.Load(),
		Leaks:         p.leaks,
		Resets:        p.resets,
		LastReset:     p.lastReset,
		Closed:        make(map[CloseReason]uint64, len(closeReasons)),
	}
	s.InUse, s.Idle = p.table.Load().usage()
	for _, reason := range closeReasons {
		s.Closed[reason] = p.closed[reason]
	}
	return s
}

// usage counts the connections with a caller and without.
func (t *table[C]) usage() (inUse, idle int) {
	for _, e := range t.conns {
		if e.callers() > 0 {
			inUse++
		} else {
			idle++
		}
	}
	return inUse, idle
}

// inFlight counts the leases that are out. p.mu is held.
func (p *Pool[C]) inFlight() int {
	n := -p.checking
	for _, e := range p.conns {
		n += e.callers()
	}
	for e := range p.leaving {
		n += e.callers()
	}
	return n
}
