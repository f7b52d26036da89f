// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Middleware wraps next with the gate. It is a core.Middleware.
func (m *Monitor) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if m.attention.Load() != 0 {
			return m.attend(ctx, call, next)
		}
		mark := call.Mark()
		err := next(ctx, call)
		if m.failing.Load() {
			m.learn(call, mark, err, time.Time{})
		}
		return err
	}
}

// attend runs next if the gate lets the attempt pass. A monitor that waits for the
// first operation starts to probe.
func (m *Monitor) attend(ctx context.Context, call *core.Call, next core.Handler) error {
	m.wake()
	var passedAt time.Time
	if m.isDown() {
		var err error
		if passedAt, err = m.pass(ctx); err != nil {
			call.Event(core.Event{Kind: core.EventReject, Name: m.cfg.Name, Err: err})
			return err
		}
	}
	mark := call.Mark()
	err := next(ctx, call)
	if m.failing.Load() {
		m.learn(call, mark, err, passedAt)
	}
	return err
}

// learn uses the outcome of an attempt, which passed the shut gate at the given
// time if that is not zero.
func (m *Monitor) learn(call *core.Call, mark core.Mark, err error, passedAt time.Time) {
	switch o := call.Since(mark, err); {
	case o.Judged && o.Verdict == core.Success:
		m.attemptSucceeded(call)
	case !passedAt.IsZero() && o.Verdict == core.Neutral && call.Caller().Err() == context.Canceled:
		m.giveBack(passedAt)
	}
}

// pass lets one attempt in each probe interval through the shut gate, and returns
// the time at which the attempt passed. All other attempts get an error. So does a
// caller whose context has ended, because its attempt would say nothing about the
// backend.
func (m *Monitor) pass(ctx context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.isDown() && (now.Sub(m.passedAt) < m.cfg.Interval || ctx.Err() != nil) {
		return time.Time{}, fmt.Errorf("%w (%v)", ErrUnhealthy, m.last)
	}
	m.passedAt = now
	return now, nil
}

// giveBack lets another attempt pass in place of the one that passed at the given
// time, whose caller canceled it.
func (m *Monitor) giveBack(passedAt time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.passedAt.Equal(passedAt) {
		m.passedAt = time.Time{}
	}
}

// attemptSucceeded opens the gate, and forgets the failed probes: the backend works.
func (m *Monitor) attemptSucceeded(call *core.Call) {
	m.mu.Lock()
	m.failures = 0
	m.failing.Store(false)
	opened := m.isDown()
	m.setDown(false)
	m.mu.Unlock()
	if opened {
		call.Event(m.transition(Up, nil))
	}
}
