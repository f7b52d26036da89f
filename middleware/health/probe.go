// SPDX-License-Identifier: Apache-2.0

package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
)

// probing is a probe under way. Callers of Check wait for it.
type probing struct {
	kind
	over    chan struct{} // closed when the probe is over
	err     error         // outcome of the probe; read after it is over
	unasked bool          // err says that the probe did not ask the backend
	cut     bool          // the caller that made the probe gave up, so err says nothing; read after it is over
}

// kind is what kind of probe a probe is. The zero value is a probe that is due.
type kind struct {
	extra bool          // it is made only because the backend is away, so its failure does not count for the gate
	limit time.Duration // zero is Config.Timeout
}

// probingKey is the key of a monitor's own probe in the context of that probe.
type probingKey struct{ monitor *Monitor }

// errWithin is the error of a Check that would wait for the probe that calls it.
var errWithin = errors.New("health: Check was called within Probe, and would wait for itself: ask the backend in Probe")

// Check probes now. The outcome counts as if the probe were made in the background,
// and is returned. While a probe is under way, Check waits for it and returns its
// outcome, so that many callers at once make one probe. Check returns when ctx ends,
// at the latest.
//
// A panic or runtime.Goexit in Probe is a failed probe, as in the background: Check
// returns an error that wraps core.ErrPanic. Within Probe, Check returns an error at
// once.
func (m *Monitor) Check(ctx context.Context) error { return m.check(ctx, false, kind{}) }

// check is Check, with a probe of the kind k. With toTheEnd, it waits for the end of a
// probe of its own, also if ctx ends earlier.
func (m *Monitor) check(ctx context.Context, toTheEnd bool, k kind) error {
	if ctx.Value(probingKey{m}) != nil {
		return errWithin
	}
	for ctx.Err() == nil {
		p, own, err := m.join(ctx, k)
		if err != nil {
			return err
		}
		ended := ctx.Done()
		if own && toTheEnd {
			ended = nil
		}
		select {
		case <-p.over:
			if own || !p.cut {
				return p.err
			}
		case <-ended:
		}
	}
	return ctx.Err()
}

// join returns the probe under way. Without one, join begins a probe of the kind k with
// ctx, or returns the error of the last probe if too many probes have not returned.
func (m *Monitor) join(ctx context.Context, k kind) (p *probing, own bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.probing != nil {
		return m.probing, false, nil
	}
	if err := m.hung.pausing(); err != nil {
		return nil, false, err
	}
	m.probing = &probing{kind: k, over: make(chan struct{}), err: core.ErrPanic} // used if the observer calls Goexit
	go m.run(ctx, m.probing)
	return m.probing, true, nil
}

// run makes the probe p, and wakes the callers that wait for it.
func (m *Monitor) run(ctx context.Context, p *probing) {
	defer func() {
		p.cut = p.err != nil && ctx.Err() != nil
		m.mu.Lock()
		m.probing = nil
		m.mu.Unlock()
		close(p.over)
	}()
	probe, cancel := context.WithTimeout(context.WithValue(ctx, probingKey{m}, p), cmp.Or(p.limit, m.cfg().Timeout))
	defer cancel()
	scope := core.Scope{Kind: core.ScopeProbe, Start: time.Now(), Name: m.name}
	if m.cfg().Observer != nil {
		probe = m.cfg().Observer.Begin(probe, scope)
	}
	defer func() {
		if m.cfg().Observer != nil {
			m.cfg().Observer.End(probe, scope, p.err)
		}
	}()
	defer func() {
		if ctx.Err() == nil {
			m.probed(probe, p)
		}
	}()
	p.err, p.unasked = m.ask(probe)
}

// ask calls Probe, on a goroutine of its own: it may panic, or never return. It reports
// whether the error says that the probe did not ask the backend.
func (m *Monitor) ask(ctx context.Context) (error, bool) {
	var (
		err     error
		without bool
	)
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		contain.Call("Probe", func(p *contain.Panic) {
			err, without = fmt.Errorf("%w (%v)", core.ErrPanic, p), false
			if m.cfg().Observer != nil {
				m.cfg().Observer.Event(ctx, core.Event{Kind: core.EventPanic, Name: p.Func, Err: p})
			}
		}, func() {
			given := m.cfg().Probe(ctx)
			tryOut(given)
			err, without = given, unasked(given)
		})
	}()
	if awaited(ctx, returned) {
		return err, without
	}
	late := fmt.Errorf("the probe has not returned %v after the end of its context: it must heed the context: %w", grace, ctx.Err())
	m.hung.giveUp(&m.mu, returned, m.cfg().Interval, m.cfg().DownThreshold, late)
	return late, false
}

// tryOut calls the methods of an error that a function of the user returned. They may
// panic, as those of a nil pointer do, and are called again later with a lock held or on a
// goroutine of the monitor's own. So the caller contains tryOut.
func tryOut(err error) {
	if err != nil {
		_, _ = err.Error(), core.ErrorType(err)
	}
}

// unasked reports whether err says that the probe did not ask the backend.
func unasked(err error) bool {
	e, ok := errors.AsType[*core.Error](err)
	return ok && e.Outcome.Verdict == core.Neutral || errors.Is(err, core.ErrRejected)
}

// probed counts the outcome of the probe p, unless p did not ask the backend, and tells
// the Waiter of an answer.
func (m *Monitor) probed(ctx context.Context, p *probing) {
	err := p.err
	m.mu.Lock()
	m.ended, m.endedAt = err, time.Now()
	if p.unasked {
		m.mu.Unlock()
		return
	}
	back := m.last != nil
	m.last = err
	var to string
	if err == nil {
		m.failures = 0
		m.passes++
		if m.isDown() && m.passes >= m.cfg().UpThreshold {
			m.setDown(false)
			to = Up
		}
		m.failing.Store(m.isDown()) // the success of an attempt opens a gate that is still shut
	} else {
		m.passes = 0
		if !p.extra {
			m.failures++
		}
		m.failing.Store(true)
		if !m.isDown() && m.failures >= m.cfg().DownThreshold {
			m.setDown(true)
			m.cause, m.shutAt = err, m.endedAt
			m.passedAt, m.passed = m.endedAt, nil
			to = Down
		}
	}
	e := m.transition(to, err)
	w, answered := m.waiter, err == nil && !m.isDown()
	m.mu.Unlock()
	if w != nil && answered {
		contain.Apart("Answered", m.panicked, func() { w.Answered(back) })
	}
	if to == Down {
		m.look()
	}
	if to != "" && m.cfg().Observer != nil {
		m.cfg().Observer.Event(ctx, e)
	}
}

// transition returns the event of a transition, caused by err. The caller holds mu.
func (m *Monitor) transition(to string, err error) core.Event {
	from := Up
	if to == Up {
		from = Down
	}
	return core.Event{
		Kind: core.EventHealth, Name: m.name, From: from, To: to, Err: err,
		Cause: m.cause, CausedAt: m.shutAt, Probe: m.ended, ProbedAt: m.endedAt,
	}
}
