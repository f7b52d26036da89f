// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// slowCalls judges by the share of slow attempts: of those that ended it keeps
// the last ones, and of those in flight it knows which are slow already. There
// is one timer for all of them.
type slowCalls struct {
	breaker *Breaker
	mu      sync.Mutex // guards all below
	moved   sync.Cond  // a ticket is not pinned any more
	ended   *ring
	// In flight and not slow yet, in the order of their start: the first is the
	// next to become slow.
	first, last *ticket
	late        int // in flight and slow
	timer       *time.Timer
	armed       bool // it is running
	over        bool // the period is
}

// newSlowCalls returns nil if slow calls do not count.
func newSlowCalls(b *Breaker) *slowCalls {
	if b.cfg.SlowCallRate == 0 {
		return nil
	}
	s := &slowCalls{breaker: b, ended: newRing(b.cfg.SlowCallWindow)}
	s.moved.L = &s.mu
	return s
}

// begin watches the attempt of call.
func (s *slowCalls) begin(t *ticket, call *core.Call) {
	now := s.breaker.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.call, t.start = call, now
	if t.prev = s.last; t.prev != nil {
		t.prev.next = t
	} else {
		s.first = t
	}
	s.last = t
	// The timer is left running when the last attempt ends: at many attempts a
	// second it goes off once in a while, and is not set for each of them.
	if !s.armed && !s.over {
		s.arm(s.breaker.cfg.SlowCallThreshold)
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

// end ends the watch of t, which counts if told, and reports whether too many
// are slow now. It does nothing if t is not watched.
func (s *slowCalls) end(t *ticket, told, slow bool) (tooSlow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t.pinned {
		s.moved.Wait()
	}
	if t.call == nil {
		return false
	}
	switch {
	case !t.slow:
		s.unlink(t)
	case !t.probe:
		s.late--
	}
	t.call, t.slow = nil, false
	switch {
	case !told:
		return false
	case t.probe:
		return slow
	}
	s.ended.add(0, slow)
	return s.tooMany()
}

// unlink takes t out of those that are not slow yet. The caller holds mu.
func (s *slowCalls) unlink(t *ticket) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		s.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		s.last = t.prev
	}
	t.prev, t.next = nil, nil
}

// tooMany reports whether too many attempts are slow. Those in flight are
// newer than those that ended, and push the oldest of these out of the window.
// The caller holds mu.
func (s *slowCalls) tooMany() bool {
	size := s.ended.size
	all := s.ended.all + s.late
	if all < size {
		return false
	}
	slow := size
	if s.late < size {
		slow = s.late + s.ended.without(all-size)
	}
	return float64(slow)/float64(size) >= s.breaker.cfg.SlowCallRate
}

// mostGrain bounds how much later than it should an attempt counts as slow.
const mostGrain = 50 * time.Millisecond

// check finds those in flight that have become slow, and opens the breaker if
// they are too many. It runs on the timer's goroutine.
func (s *slowCalls) check() {
	threshold := s.breaker.cfg.SlowCallThreshold
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	now := s.breaker.now()
	var probe, normal *ticket // to blame
	for t := s.first; t != nil && now-t.start >= threshold; t = s.first {
		s.unlink(t)
		t.slow = true
		if t.probe {
			probe = t
			continue
		}
		s.late++
		if normal == nil {
			normal = t
		}
	}
	if normal != nil && !s.tooMany() {
		normal = nil
	}
	for _, t := range [...]*ticket{probe, normal} {
		if t != nil {
			t.pinned = true
		}
	}
	if s.armed = s.first != nil; s.armed {
		s.arm(max(s.first.start+threshold-now, min(threshold/20, mostGrain)))
	}
	s.mu.Unlock()
	for _, t := range [...]*ticket{probe, normal} {
		if t != nil {
			s.blame(t)
		}
	}
}

// blame opens the breaker because of t, which is pinned: its call is still in
// flight, and waits if it ends meanwhile, so that the observer can be told of
// it. The listener is told when it may go on.
func (s *slowCalls) blame(t *ticket) {
	b := s.breaker
	m := func() move {
		defer s.unpin(t)
		m := b.openSlow(t.permit, t.call)
		b.observe(m, t.call, errTooSlow)
		return m
	}()
	if m.from != m.to && b.cfg.OnMove != nil {
		b.listen()
	}
}

func (s *slowCalls) unpin(t *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.pinned = false
	s.moved.Broadcast()
}

// stop ends the watch of all. What is in flight still ends it for itself.
func (s *slowCalls) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// sums returns how many attempts the window holds, and how many of them are
// slow, those in flight included.
func (s *slowCalls) sums() (all, slow int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := s.ended.size
	all = s.ended.all + s.late
	return min(all, size), min(s.late+s.ended.without(max(all-size, 0)), size)
}

// clean reports whether no attempt in the window was slow, or is.
func (s *slowCalls) clean() bool {
	_, slow := s.sums()
	return slow == 0
}

// openSlow opens the breaker because too many attempts are slow.
func (b *Breaker) openSlow(p *permit, call *core.Call) (m move) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stale(p) {
		m = b.open(p.period, call, errTooSlow)
	}
	return m
}

// tooSlow does so, and tells.
func (b *Breaker) tooSlow(p *permit, call *core.Call) {
	b.tell(b.openSlow(p, call), call, errTooSlow)
}

var errTooSlow = core.Sentinel("too many slow attempts", "")
