// SPDX-License-Identifier: Apache-2.0

package pool

// CloseReason says why a connection was closed.
type CloseReason string

const (
	// CloseDiscarded: it was given back as broken, or as suspect to an
	// exclusive pool.
	CloseDiscarded CloseReason = "discarded"
	// CloseUnclean: work on it was cut short. Exclusive pools only.
	CloseUnclean CloseReason = "unclean"
	// CloseDead: the [Checker] said that it is not alive. Exclusive pools only.
	CloseDead CloseReason = "dead"
	// CloseShutdown: the pool was closed.
	CloseShutdown CloseReason = "shutdown"
)

// closeReasons are all there are.
var closeReasons = [...]CloseReason{CloseDiscarded, CloseUnclean, CloseDead, CloseShutdown}

// Stats is what a pool looks like at one moment.
type Stats struct {
	// Max and Min are Config.MaxSize and Config.MinSize.
	Max, Min int
	// Idle and InUse count the connections without and with a caller. A broken
	// connection does not count, even while callers still have it.
	Idle, InUse int
	// Dialing counts the dials under way. Idle+InUse+Dialing never exceeds Max.
	Dialing int
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
	// Closed counts closed connections by reason, with an entry for each
	// reason. It is the caller's own.
	Closed map[CloseReason]uint64
}

// Stats returns what the pool looks like now.
func (p *Pool[C]) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{
		Max:           p.cfg.MaxSize,
		Min:           p.cfg.MinSize,
		Dialing:       p.dialing,
		InFlight:      p.inFlight,
		Waiters:       p.waiters.len,
		Timeouts:      p.timeouts,
		Dials:         p.dials,
		DialErrors:    p.dialErrors,
		DoubleReturns: p.doubleReturns,
		Closed:        make(map[CloseReason]uint64, len(closeReasons)),
	}
	s.InUse, s.Idle = p.usage()
	for _, reason := range closeReasons {
		s.Closed[reason] = p.closed[reason]
	}
	return s
}

// usage counts the connections with a caller and without. p.mu is held.
func (p *Pool[C]) usage() (inUse, idle int) {
	for _, e := range p.conns {
		if e.callers > 0 {
			inUse++
		} else {
			idle++
		}
	}
	return inUse, idle
}
