// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/list"
)

// slowCalls is the policy that opens a breaker at a rate of slow attempts. It
// keeps a window of the attempts that ended, and knows which attempts in flight
// are slow already. One timer serves all attempts.
type slowCalls struct {
	breaker  *Breaker   // for its configuration and its clock
	mu       sync.Mutex // guards all below
	unpinned sync.Cond  // a ticket is not pinned any more
	ended    *ring
	// flight is the attempts in flight that are not slow yet, in the order of
	// their start: the first is the next to become slow.
	flight list.List[*ticket]
	late   int // attempts in flight that are slow, without probes
	timer  *time.Timer
	armed  bool // the timer runs
	over   bool // the period is over
}

// newSlowCalls returns nil if slow attempts do not count.
func newSlowCalls(b *Breaker) *slowCalls {
	if b.cfg().SlowCallRate == 0 {
		return nil
	}
	s := &slowCalls{breaker: b, ended: newRing(b.cfg().SlowCallWindow)}
	s.unpinned.L = &s.mu
	return s
}

// begin watches the attempt of call.
func (s *slowCalls) begin(t *ticket, call *core.Call) {
	now := s.breaker.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.call, t.start = call, now
	s.flight.PushBack(&t.place, t)
	// The timer goes on when the last attempt ends. With many attempts a second
	// it fires once in a while, and is not set for each of them.
	if !s.armed && !s.over {
		s.arm(s.breaker.cfg().SlowCallThreshold)
	}
}

// arm sets the timer. The caller holds mu.
func (s *slowCalls) arm(d time.Duration) {
	s.armed = true
	if s.timer == nil {
		s.timer = time.AfterFunc(d, s.check)
	} else {
		s.timer.Reset(d)
	}
}

// end ends the watch of t, and reports whether too many attempts are slow now.
// counts says whether the attempt is to be in the window. If t is not watched, end
// does nothing.
func (s *slowCalls) end(t *ticket, counts, slow bool) (tooMany bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t.pinned {
		s.unpinned.Wait()
	}
	if t.call == nil {
		return false
	}
	if t.late && !t.probing() {
		s.late--
	}
	s.flight.Remove(&t.place)
	t.call, t.late = nil, false
	switch {
	case !counts, s.over:
		return false
	case t.probing():
		return slow
	}
	if slow {
		t.trouble()
	}
	s.ended.add(0, slow)
	return s.tooMany()
}

// tooMany reports whether too many attempts are slow. The attempts in flight
// that are slow are newer than the ones in the window, so they push the oldest out
// of it. The caller holds mu.
func (s *slowCalls) tooMany() bool {
	all, slow := s.count()
	rate := s.breaker.cfg().SlowCallRate // zero if it was just switched off
	return rate > 0 && all == s.ended.size && float64(slow)/float64(all) >= rate
}

// sums returns how many attempts the window holds, and how many of them are
// slow, including those in flight.
func (s *slowCalls) sums() (all, slow int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count()
}

// count is sums for a caller that holds mu.
func (s *slowCalls) count() (all, slow int) {
	size := s.ended.size
	all = s.ended.all + s.late
	if s.late >= size {
		return size, size
	}
	return min(all, size), s.late + s.ended.without(max(all-size, 0))
}

// maxGrain bounds how much later than it should an attempt counts as slow.
const maxGrain = 50 * time.Millisecond

// check finds the attempts in flight that have become slow, and opens the
// breaker if there are too many. It runs on the goroutine of the timer.
func (s *slowCalls) check() {
	s.mu.Lock()
	t := s.sweep()
	if t != nil {
		t.pinned = true
	}
	s.mu.Unlock()
	if t != nil {
		s.openFor(t)
	}
}

// sweep marks the attempts in flight that have become slow, and sets the timer
// for the next. It returns the first of them if there are too many now, else nil.
// A single slow probe is too many. The caller holds mu.
func (s *slowCalls) sweep() (culprit *ticket) {
	if s.over {
		return nil
	}
	now, threshold := s.breaker.now(), s.breaker.cfg().SlowCallThreshold
	for t := s.flight.First(); t != nil && now-t.start >= threshold; t = s.flight.First() {
		s.flight.Remove(&t.place)
		t.late = true
		if !t.probing() {
			s.late++
		}
		if culprit == nil {
			culprit = t
		}
	}
	next := s.flight.First()
	if s.armed = next != nil; s.armed {
		s.arm(max(next.start+threshold-now, min(threshold/20, maxGrain)))
	}
	if culprit != nil && !culprit.probing() && !s.tooMany() {
		return nil
	}
	return culprit
}

// openFor opens the breaker because of t, which is pinned. Its call is still in
// flight, and waits if it ends meanwhile, so that the observer can be told of it.
// The call goes on before the listener is told, which may block.
func (s *slowCalls) openFor(t *ticket) {
	b := s.breaker
	var opened transition
	defer func() { b.hear(opened) }() // also if the observer calls Goexit
	defer s.unpin(t)
	opened = b.open(t.period, t.call, errTooSlow)
	b.observe(opened, t.call, errTooSlow)
}

// unpin lets the call of t go on.
func (s *slowCalls) unpin(t *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.pinned = false
	s.unpinned.Broadcast()
}

// stop ends the timer. Attempts in flight still end their watch by themselves.
func (s *slowCalls) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

var errTooSlow = core.Sentinel("too many slow attempts", causeSlow)
