// SPDX-License-Identifier: Apache-2.0

package pool

import "sync/atomic"

// CloseReason says why a connection was closed.
type CloseReason string

const (
	// CloseDiscarded: the connection was returned as broken, or to an exclusive
	// pool as suspect; or its dial took too long and was dropped.
	CloseDiscarded CloseReason = "discarded"
	// CloseUnclean: work on the connection was cut short. Exclusive pools only.
	CloseUnclean CloseReason = "unclean"
	// CloseDead: the [Checker] said that the connection is not alive. Exclusive
	// pools only.
	CloseDead CloseReason = "dead"
	// CloseIdle: the connection had no caller for Config.IdleTimeout; or the load of
	// a shared pool was so low that one connection less would do; or the connection
	// was dialed to replace one that has recovered meanwhile.
	CloseIdle CloseReason = "idle"
	// CloseLifetime: the connection had reached Config.MaxLifetime, less its jitter.
	CloseLifetime CloseReason = "lifetime"
	// CloseUnhealthy: the [Pinger] of an exclusive pool returned an error, or the
	// connection was older than one that came back broken, and nothing could tell whether
	// it was well; or the connection of a shared pool was suspect, see Config.ReplaceAfter.
	CloseUnhealthy CloseReason = "unhealthy"
	// CloseReset: Reset was called.
	CloseReset CloseReason = "reset"
	// CloseResize: Resize left no room for the connection.
	CloseResize CloseReason = "resize"
	// CloseShutdown: the pool was closed.
	CloseShutdown CloseReason = "shutdown"
)

// closeReasons lists every CloseReason.
var closeReasons = [...]CloseReason{
	CloseDiscarded, CloseUnclean, CloseDead, CloseIdle, CloseLifetime, CloseUnhealthy, CloseReset, CloseResize, CloseShutdown,
}

// counters are the counters of Stats.
type counters struct {
	doubleReturns atomic.Uint64
	timeouts      atomic.Uint64
	canceled      atomic.Uint64
	panics        atomic.Uint64

	// Guarded by Pool.mu.
	begun, dialErrors, leaks, resets uint64
	lastReset                        string
	closed                           map[CloseReason]uint64
}

// Stats describes a pool at one moment.
type Stats struct {
	// Max is Config.MaxSize, or the size of the last Resize. Min is
	// Config.MinSize.
	Max, Min int
	// Idle and InUse count the connections without and with a caller; a ping is a
	// caller. Removed connections do not count, also while callers still have them:
	// see Leaving.
	Idle, InUse int
	// Dialing counts the dials under way.
	Dialing int
	// Replacing counts the dials under way that replace a connection, at most one;
	// the old connection is lent until then. Shared pools only.
	Replacing int
	// Leaving counts the removed connections that are not being closed yet, because
	// callers, Range or a ping still have them, and the dropped dials that have not
	// returned.
	Leaving int
	// Closing counts the connections that the factory is closing.
	//
	// Idle+InUse+Dialing+Leaving+Closing never exceeds Max. In a shared pool
	// Idle+InUse+Dialing never exceeds Max, and with Replacing, Leaving and Closing
	// the sum never exceeds Max+1. After Resize to a smaller size the sum may be
	// greater, and does not grow.
	Closing int
	// Stuck counts the calls of the factory that have not returned although their
	// context ended a moment ago. Their connections do not count above. From 64 stuck
	// calls on the pool dials only while no other dial and no closing is under way,
	// and not within a minute after a further call got stuck.
	Stuck int
	// InFlight counts the leases that are out. Places is how many there may be: Max, in a
	// shared pool times Config.MaxSharing.
	InFlight, Places int
	// Waiters counts the callers that wait now.
	Waiters int
	// Timeouts counts the waits that Config.AcquireTimeout or a deadline ended, Canceled
	// the waits that a caller canceled.
	Timeouts, Canceled uint64
	// Dials counts the dials that have begun, DialErrors the dials that failed.
	Dials, DialErrors uint64
	// DoubleReturns counts returns of a lease that had been returned before.
	DoubleReturns uint64
	// Panics counts panics and calls of runtime.Goexit in functions of the user: those
	// of the factory, and Config.OnLeak and OnUse. The pool goes on; the observer is told
	// of each.
	Panics uint64
	// Failures counts the leases that came back as broken or suspect, or after a failure
	// of the backend on a connection that is kept: at index i the leases of the connections
	// with the number i+1. A connection has the lowest number that was
	// free when it was dialed, and another one gets the number when it is closed. The
	// slice belongs to the caller.
	Failures []uint64
	// Validations counts the pings, and the calls of Alive for connections that were
	// suspect, had been idle for Config.CheckIdleAfter, or turned out to be dead. Invalid
	// counts those that failed, by the error's type; "dead" is for Alive. The map belongs
	// to the caller.
	Validations uint64
	Invalid     map[string]uint64
	// Leaks counts leases that were not returned within Config.LeakAfter.
	Leaks uint64
	// Resets counts calls of Reset. LastReset is the reason of the last one.
	Resets    uint64
	LastReset string
	// Closed counts the connections that the factory was told to close, by reason,
	// with an entry for each reason.
	// The map belongs to the caller.
	Closed map[CloseReason]uint64
	// Transport is what the factory counted below the pool, see [TransportCounter]. Nil
	// if it does not count. It belongs to the caller.
	Transport *TransportStats
}

// Stats describes the pool now.
func (p *Pool[C]) Stats() Stats {
	transport := p.transport()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{
		Max:           int(p.max.Load()),
		Min:           p.cfg().MinSize,
		Dialing:       p.dialing,
		Replacing:     p.replacing,
		Leaving:       p.outgoing(),
		Closing:       p.closing,
		Stuck:         p.stuck,
		InFlight:      p.inFlight(),
		Places:        int(p.max.Load()) * p.cfg().MaxSharing,
		Failures:      p.failedBy(),
		Waiters:       int(p.asking.Load()),
		Timeouts:      p.timeouts.Load(),
		Canceled:      p.canceled.Load(),
		Dials:         p.begun,
		DialErrors:    p.dialErrors,
		DoubleReturns: p.doubleReturns.Load(),
		Panics:        p.panics.Load(),
		Leaks:         p.leaks,
		Resets:        p.resets,
		LastReset:     p.lastReset,
		Transport:     transport,
		Closed:        make(map[CloseReason]uint64, len(closeReasons)),
	}
	s.Validations, s.Invalid = p.validations()
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
	return max(n, 0) // a ping may outlive the closing of the pool
}
