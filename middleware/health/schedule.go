// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
)

// Waiter is something that waits until the backend works again, such as a circuit
// breaker. Its methods are called concurrently. A panic or runtime.Goexit in one of them is
// told to the observer as a core.EventPanic, and otherwise counts as nothing to wait for.
type Waiter interface {
	// Awaits reports whether the Waiter would use an answer of the backend, now or,
	// if wait is above zero, after that time.
	Awaits() (wait time.Duration, ok bool)
	// Answered says that a probe succeeded and the gate is open. back says that the
	// probe before had failed. Answered must not block.
	Answered(back bool)
}

// Serve makes the monitor probe at RecoveryInterval also while w waits, and tell w of
// each probe that succeeds. It returns a function that w calls when it begins to wait:
// the monitor does not ask Awaits all the time. A further Serve replaces w.
func (m *Monitor) Serve(w Waiter) (begins func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiter = w
	return m.look
}

// look makes the loop look whether the backend is awaited.
func (m *Monitor) look() {
	select {
	case m.woken <- struct{}{}:
	default: // the loop has not looked since the last time
	}
}

// awaited reports whether the backend is away, as far as the monitor or its Waiter
// knows. Then probes are made at RecoveryInterval, after the given wait.
func (m *Monitor) awaited() (wait time.Duration, ok bool) {
	if m.isDown() {
		return 0, true
	}
	m.mu.Lock()
	w := m.waiter
	m.mu.Unlock()
	if w != nil {
		contain.Apart("Awaits", m.panicked, func() { wait, ok = w.Awaits() })
	}
	return wait, ok
}

// panicked tells the observer of a panic or Goexit of the Waiter.
func (m *Monitor) panicked(p *contain.Panic) {
	if m.cfg().Observer != nil {
		m.cfg().Observer.Event(context.Background(), core.Event{Kind: core.EventPanic, Name: p.Func, Err: p})
	}
}

// schedule says when the probes in the background are made. All times are since the
// monitor was made.
type schedule struct {
	*Monitor
	share   share
	regular time.Duration // when the next probe is due anyway
	hurried time.Duration // when the next probe is due while the backend is awaited
	soonest time.Duration // the earliest moment for that
	hurries bool          // the backend was awaited at the last look
	under   *Config       // settings at the last look
}

// loop probes until ctx ends.
func (m *Monitor) loop(ctx context.Context) {
	s := schedule{Monitor: m, under: m.cfg(), share: newShare(m.cfg())}
	s.regular = later(s.now(), s.spread(s.under.Interval))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if cfg := m.cfg(); cfg != s.under {
			s.follow(cfg)
		}
		timer.Reset(s.next() - s.now())
		select {
		case <-timer.C:
			s.probeIfDue(ctx)
		case <-m.woken: // there may be a reason for an earlier probe, or another cfg
		case <-ctx.Done():
			return
		}
	}
}

// now returns the time since the monitor was made.
func (s *schedule) now() time.Duration { return time.Since(s.born) }

// spread returns a random time around interval.
func (s *schedule) spread(interval time.Duration) time.Duration {
	return spread(max(interval, shortestPause), s.random())
}

// next returns when a probe may be due.
func (s *schedule) next() time.Duration {
	now, at := s.now(), s.regular
	wait, ok := s.awaited()
	if ok && !s.hurries { // many processes may begin to wait at the same moment
		s.hurried = max(s.hurried, later(later(now, wait), time.Duration(s.random()*float64(s.cfg().RecoveryInterval))))
	}
	switch s.hurries = ok; {
	case ok && wait <= 0:
		at = min(s.hurried, max(s.regular, s.soonest)) // a probe that counts comes first
	case ok:
		at = min(at, max(s.hurried, later(now, wait)))
	}
	return s.share.next(max(at, now), s.random)
}

// probeIfDue makes a probe, unless the reason for an earlier one is gone.
func (s *schedule) probeIfDue(ctx context.Context) {
	begin := s.now()
	wait, awaited := s.awaited()
	awaited = awaited && wait <= 0
	k := kind{extra: begin < s.regular}
	switch {
	case k.extra && !awaited:
		return
	case awaited:
		k.limit = min(s.cfg().Timeout, max(s.cfg().pace(), time.Second))
	}
	s.share.take(begin)
	_ = s.check(ctx, true, k) // the monitor keeps the outcome
	s.hurried = later(begin, s.spread(s.cfg().RecoveryInterval))
	s.soonest = later(begin, spread(max(s.cfg().RecoveryInterval, shortestPause), 0))
	if !k.extra {
		s.regular = later(s.now(), s.spread(s.cfg().Interval))
	}
}
