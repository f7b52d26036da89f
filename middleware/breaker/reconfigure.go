// SPDX-License-Identifier: Apache-2.0

package breaker

import "github.com/penstock-go/penstock/internal/fault"

// Reconfigure puts cfg in force. The breaker keeps its state, its counters and its
// failures in a row: an open breaker stays open until the end of the RecoveryTimeout
// under which it opened. A window of another size keeps its newest outcomes; a window of
// another kind, or of another FailureWindowTime, begins empty. A recovery under way ends
// under the HalfOpenSuccesses under which it began. Operations under way count as their
// breaker counted when they began.
//
// The siblings of b have cfg, too: call Reconfigure of each for their windows. The Name
// cannot change. An error names everything that is wrong with cfg, and then nothing
// changes. Reconfigure is safe for concurrent use.
func (b *Breaker) Reconfigure(cfg Config) error {
	cfg, err := cfg.Effective()
	if err != nil {
		return err
	}
	var faults fault.List
	fault.Fixed(&faults, "Name", b.cfg().Name, cfg.Name)
	if err := faults.Err("breaker"); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings.Store(&cfg)
	if cfg.OnTransition != nil && b.listener.Load() == nil {
		b.listener.Store(&listener{name: b.name, shared: b.shared})
	}
	p := b.current.Load()
	if p.countsFailures() {
		p.refitFailures(&cfg)
	}
	if p.countsSlow() {
		p.refitSlow(&cfg)
	}
	return nil
}

// refitFailures gives the period the window of cfg. The caller holds mu of the breaker.
func (p *period) refitFailures(cfg *Config) {
	r := p.failures.Load()
	if r == nil || cfg.FailureRate == 0 {
		p.failures.Store(newFailureRate(p.breaker))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch old := r.window.(type) {
	case *ring:
		if cfg.FailureWindowTime == 0 {
			r.window = old.resized(cfg.FailureWindow)
			return
		}
	case *slices:
		if cfg.FailureWindowTime > 0 && old.step == cfg.FailureWindowTime/timeSlices {
			return
		}
	}
	r.window = newWindow(cfg)
}

// refitSlow is refitFailures for the window of slow attempts. Attempts in flight are
// watched on, and count as slow by the new threshold.
func (p *period) refitSlow(cfg *Config) {
	s := p.slow.Load()
	if s == nil || cfg.SlowCallRate == 0 {
		p.slow.Store(newSlowCalls(p.breaker))
		if s != nil {
			s.stop()
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.ended.resized(cfg.SlowCallWindow)
	if s.armed && !s.over {
		s.arm(0) // check sets the timer by the new threshold
	}
}

// resized returns a window of another size with the newest outcomes of r.
func (r *ring) resized(size int) *ring {
	if size == r.size {
		return r
	}
	next := newRing(size)
	for at := r.all - min(r.all, size); at < r.all; at++ {
		i := (r.next - r.all + at + r.size) % r.size
		next.add(0, r.bits[i/64]>>(i%64)&1 != 0)
	}
	return next
}
