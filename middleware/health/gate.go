// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"sync/atomic"
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
			m.learn(call, mark, err, nil)
		}
		return err
	}
}

// attend runs next if the gate lets the attempt pass. A monitor that waits for the
// first operation starts to probe.
func (m *Monitor) attend(ctx context.Context, call *core.Call, next core.Handler) error {
	m.wake()
	p, refusal := m.pass(ctx)
	if refusal != nil {
		e := core.Event{Kind: core.EventReject, Name: m.name, Err: refusal}
		refusal.Explain(&e)
		call.Event(e)
		return refusal
	}
	if p != nil {
		ctx = context.WithValue(ctx, passKey{m}, p)
		defer p.over.Store(true)
	}
	mark := call.Mark()
	err := core.ErrPanic // used if next panics or calls Goexit, which is not recovered
	defer func() {
		if m.failing.Load() {
			m.learn(call, mark, err, p)
		}
	}()
	err = next(ctx, call)
	return err
}

// learn uses the outcome of an attempt. p is its pass through the shut gate, nil if
// it has none.
func (m *Monitor) learn(call *core.Call, mark core.Mark, err error, p *pass) {
	o := call.Since(mark, err)
	switch {
	case o.Judged && o.Verdict == core.Success:
		m.attemptSucceeded(call)
	case p != nil && saysNothing(&o, call):
		m.giveBack(p)
	}
}

// fairRun is how long an attempt must have run on its connection before the end of
// the operation's deadline says something about the backend.
const fairRun = 100 * time.Millisecond

// saysNothing reports whether an attempt that did not succeed says nothing about the
// backend: it never reached the backend, or its caller did not wait for the answer.
func saysNothing(o *core.Outcome, call *core.Call) bool {
	return !o.Reached || !o.Judged ||
		o.Verdict == core.Neutral && call.Caller().Err() == context.Canceled ||
		o.OutOfTime && (o.Verdict == core.Neutral || o.Ran < fairRun)
}

// pass is an attempt that passes the shut gate. What runs within its work passes,
// too: otherwise an operation with other operations within it could not succeed.
type pass struct{ over atomic.Bool }

// passKey is the key of a monitor's own pass in the context of its attempt.
type passKey struct{ monitor *Monitor }

// pass lets one attempt in each probe interval through the shut gate, and returns its
// pass; nil if the attempt needs none. All other attempts get an error. So does a
// caller whose context has ended, because its attempt would say nothing about the
// backend.
func (m *Monitor) pass(ctx context.Context) (*pass, *DownError) {
	if !m.isDown() {
		return nil, nil
	}
	if outer, ok := ctx.Value(passKey{m}).(*pass); ok && !outer.over.Load() {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	switch {
	case !m.isDown():
		return nil, nil
	case now.Sub(m.passedAt) < m.cfg().Interval || ctx.Err() != nil:
		return nil, &DownError{
			Name: m.name, Cause: m.cause, Since: m.shutAt, Probe: m.ended, ProbedAt: m.endedAt, at: now,
		}
	}
	m.passedAt, m.passed = now, new(pass)
	return m.passed, nil
}

// giveBack lets another attempt pass in place of p, which said nothing about the
// backend, unless another one has passed already.
func (m *Monitor) giveBack(p *pass) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.passed == p {
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
	e := m.transition(Up, nil)
	m.mu.Unlock()
	if opened {
		call.Event(e)
	}
}
