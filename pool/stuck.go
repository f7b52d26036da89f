// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// A call of the factory is stuck when it has not returned although its context
// ended a moment ago. The pool cannot end it: its goroutine stays until the
// factory returns. What a stuck call works on does not count for Config.MaxSize any
// more, so that other connections get its room.

// Limits for a factory that does not keep its contract.
const (
	// callGrace is how long a call of the factory may run on after its context has
	// ended.
	callGrace = 100 * time.Millisecond
	// maxStuck is how many calls may be stuck before the pool holds back. From then
	// on a dial begins only while no other dial and no closing is under way.
	maxStuck = 64
	// stuckPause is how long no dial begins after a call got stuck, once maxStuck
	// calls are stuck. So the number of goroutines grows by one in a pause, and a
	// network that works again is found after a pause.
	stuckPause = time.Minute
)

// stuckState is what a pool knows of its stuck calls. Guarded by Pool.mu.
type stuckState struct {
	stuck   int     // calls that are stuck
	trialAt instant // while maxStuck calls are stuck: no dial begins before
}

// gotStuck counts a call that is stuck from now on. p.mu is held.
func (p *Pool[C]) gotStuck() {
	p.stuck++
	p.trialAt = later(p.now(), stuckPause)
}

// dialAt returns the instant before which no dial begins. p.mu is held.
func (p *Pool[C]) dialAt() instant {
	if p.stuck >= maxStuck {
		return max(p.retryAt, p.trialAt)
	}
	return p.retryAt
}

// trials returns how many dials may begin as far as the stuck calls go. p.mu is held.
func (p *Pool[C]) trials() int {
	switch {
	case p.stuck < maxStuck:
		return maxStuck - p.stuck
	case len(p.dials)+p.dropped+p.closing > 0:
		return 0
	default:
		return 1
	}
}
