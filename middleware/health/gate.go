// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Stage returns the stage that is this monitor's gate.
func (m *Monitor) Stage() core.Stage { return core.Stage{Name: Name, Middleware: m.Middleware} }

// Middleware wraps next with the gate. It is a core.Middleware.
func (m *Monitor) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if m.down.Load() {
			if err := m.pass(); err != nil {
				call.Event(core.Event{Kind: core.EventReject, Source: m.cfg.Name, Err: err})
				return err
			}
		}
		mark := call.Mark()
		err := next(ctx, call)
		// Almost always the last probe was good, and nothing is to be done.
		if m.failing.Load() && call.Judged(mark) && call.Outcome(mark, err).Verdict == core.Success {
			m.attemptSucceeded(call)
		}
		return err
	}
}

// pass lets one attempt in each probe interval through the shut gate.
func (m *Monitor) pass() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if wait := m.cfg.Interval - time.Since(m.passedAt); wait > 0 && m.down.Load() {
		return fmt.Errorf("%w (%v)", ErrUnhealthy, m.last)
	}
	m.passedAt = time.Now()
	return nil
}

// attemptSucceeded says that the backend works, whatever the probes say.
func (m *Monitor) attemptSucceeded(call *core.Call) {
	m.mu.Lock()
	m.failures = 0
	m.failing.Store(false)
	opened := m.down.CompareAndSwap(true, false)
	m.mu.Unlock()
	if opened {
		call.Event(m.move(Up, nil))
	}
}
