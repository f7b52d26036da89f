// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-go/penstock/core"
)

// probing is a probe under way. Callers of Check wait for it.
type probing struct {
	over chan struct{} // closed when the probe is over
	err  error         // outcome of the probe; read after it is over
	cut  bool          // the caller that made the probe gave up, so err says nothing; read after it is over
}

// Check probes now. The outcome counts as if the probe were made in the background,
// and is returned. While a probe is under way, Check waits for it and returns its
// outcome, so that many callers at once make one probe. A panic or Goexit in Probe
// goes on to the caller of the Check that made the probe, which counts as failed.
func (m *Monitor) Check(ctx context.Context) error {
	for {
		m.mu.Lock()
		p := m.probing
		if p == nil {
			p = &probing{over: make(chan struct{}), err: core.ErrPanic} // used if the probe panics or calls Goexit
			m.probing = p
			m.mu.Unlock()
			return m.lead(ctx, p)
		}
		m.mu.Unlock()
		select {
		case <-p.over:
			if !p.cut {
				return p.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lead makes the probe p, and wakes the callers that wait for it.
func (m *Monitor) lead(ctx context.Context, p *probing) error {
	defer func() {
		p.cut = p.err != nil && ctx.Err() != nil
		m.mu.Lock()
		m.probing = nil
		m.mu.Unlock()
		close(p.over)
	}()
	if err := ctx.Err(); err != nil {
		p.err = err
		return err
	}
	probe, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	scope := core.Scope{Kind: core.ScopeProbe, Start: time.Now(), Name: m.cfg.Name}
	if m.cfg.Observer != nil {
		probe = m.cfg.Observer.Begin(probe, scope)
	}
	defer func() {
		if m.cfg.Observer != nil {
			m.cfg.Observer.End(probe, scope, p.err)
		}
	}()
	defer func() {
		if ctx.Err() == nil && !unasked(p.err) {
			m.probed(probe, p.err)
		}
	}()
	p.err = m.cfg.Probe(probe)
	return p.err
}

// unasked reports whether err says that the probe did not ask the backend.
func unasked(err error) bool {
	e, ok := errors.AsType[*core.Error](err)
	return ok && e.Outcome.Verdict == core.Neutral || errors.Is(err, core.ErrRejected)
}

// probed counts the outcome of a probe.
func (m *Monitor) probed(ctx context.Context, err error) {
	m.mu.Lock()
	m.last = err
	var to string
	if err == nil {
		m.failures = 0
		m.passes++
		if m.isDown() && m.passes >= m.cfg.UpThreshold {
			m.setDown(false)
			to = Up
		}
		m.failing.Store(m.isDown()) // the success of an attempt opens a gate that is still shut
	} else {
		m.passes = 0
		m.failures++
		m.failing.Store(true)
		if !m.isDown() && m.failures >= m.cfg.DownThreshold {
			m.setDown(true)
			m.passedAt = time.Now()
			to = Down
		}
	}
	m.mu.Unlock()
	if to != "" && m.cfg.Observer != nil {
		m.cfg.Observer.Event(ctx, m.transition(to, err))
	}
}

// transition returns the event of a transition, caused by err.
func (m *Monitor) transition(to string, err error) core.Event {
	from := Up
	if to == Up {
		from = Down
	}
	return core.Event{Kind: core.EventHealth, Name: m.cfg.Name, From: from, To: to, Err: err}
}
