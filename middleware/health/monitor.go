// SPDX-License-Identifier: Apache-2.0

// Package health probes a backend in the background and refuses attempts while
// it is down.
//
// A [Monitor] does both. Its gate shuts only when enough probes in a row have
// failed and no attempt has succeeded meanwhile, and while it is shut one
// attempt in each probe interval may pass, whose success opens it: a probe that
// is wrong cannot shut a backend that works.
package health

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "health"

// ErrUnhealthy says that the gate is shut. It is a core.ErrRejected and a
// core.ErrUnavailable.
var ErrUnhealthy = core.Sentinel("backend is down, by its health probes", core.TypeUnhealthy, core.ErrRejected, core.ErrUnavailable)

// Monitor probes one backend. A new one takes the backend to be up; [Start]
// begins the probing. It is safe for concurrent use.
type Monitor struct {
	cfg Config

	down    atomic.Bool // the gate is shut
	failing atomic.Bool // the last probe failed, or the gate is shut

	mu       sync.Mutex
	probing  *probing  // the probe under way, nil if there is none; guarded by mu, as are all below
	failures int       // probes failed in a row
	passes   int       // probes succeeded in a row
	last     error     // of the last probe that counted
	passedAt time.Time // when an attempt last passed the shut gate
	stop     context.CancelFunc
	stopped  chan struct{}
	closed   bool
}

// NewMonitor returns a Monitor that does not probe yet.
func NewMonitor(cfg Config) (*Monitor, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Monitor{cfg: cfg}, nil
}

// probing is a probe under way, for those who wait for it.
type probing struct {
	over chan struct{} // closed when it is over
	err  error         // set before that
	cut  bool          // its caller gave it up: it says nothing to the others
}

// Start begins to probe in the background, the first time after one interval.
// It does nothing if it was called before, or after Close.
func (m *Monitor) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil || m.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop, m.stopped = cancel, make(chan struct{})
	go func() {
		defer close(m.stopped)
		m.loop(ctx)
	}()
}

// Close ends the probing and waits for the probe under way, no longer than ctx
// lasts. The gate stays as it is. It is idempotent.
func (m *Monitor) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	stop, stopped := m.stop, m.stopped
	m.mu.Unlock()
	if stop == nil {
		return nil
	}
	stop()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("health: a probe is still under way: %w", ctx.Err())
	}
}

func (m *Monitor) loop(ctx context.Context) {
	for {
		// Spread, so that the clients of one backend do not probe in step.
		spread := 0.8 + 0.4*rand.Float64()
		timer := time.NewTimer(time.Duration(float64(m.cfg.Interval) * spread))
		select {
		case <-timer.C:
			_ = m.Check(ctx) // its outcome is in the state
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// Check probes now, lets the outcome count, and returns it. While a probe is
// under way it waits for that one and returns its outcome: however many ask, the
// backend is asked once.
func (m *Monitor) Check(ctx context.Context) error {
	for {
		m.mu.Lock()
		p := m.probing
		if p == nil {
			p = &probing{over: make(chan struct{}), err: core.ErrPanic} // stands if the probe does not return
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

// lead makes the probe p.
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
	scope := core.Scope{Kind: core.KindProbe, Start: time.Now(), Source: m.cfg.Name}
	if m.cfg.Observer != nil {
		probe = m.cfg.Observer.Begin(probe, scope)
	}
	defer func() {
		if m.cfg.Observer != nil {
			m.cfg.Observer.End(probe, scope, p.err)
		}
	}()
	p.err = m.cfg.Probe(probe)
	if ctx.Err() == nil && !unasked(p.err) {
		m.probed(probe, p.err)
	}
	return p.err
}

// unasked reports whether err says that the backend was not asked.
func unasked(err error) bool {
	if errors.Is(err, core.ErrRejected) {
		return true
	}
	known, ok := errors.AsType[interface {
		error
		Class() core.Class
	}](err)
	return ok && known.Class().Verdict == core.Neutral
}

// probed lets the outcome of a probe count.
func (m *Monitor) probed(ctx context.Context, err error) {
	m.mu.Lock()
	m.last = err
	var to string
	if err == nil {
		m.failures = 0
		m.passes++
		if m.down.Load() && m.passes >= m.cfg.UpThreshold {
			m.down.Store(false)
			to = Up
		}
		m.failing.Store(m.down.Load()) // while shut, an attempt's success is still of use
	} else {
		m.passes = 0
		m.failures++
		m.failing.Store(true)
		if !m.down.Load() && m.failures >= m.cfg.DownThreshold {
			m.down.Store(true)
			m.passedAt = time.Now()
			to = Down
		}
	}
	m.mu.Unlock()
	if to != "" && m.cfg.Observer != nil {
		m.cfg.Observer.Event(ctx, m.move(to, err))
	}
}

func (m *Monitor) move(to string, err error) core.Event {
	from := Up
	if to == Up {
		from = Down
	}
	return core.Event{Kind: core.EventHealth, Source: m.cfg.Name, From: from, To: to, Err: err}
}

// The states of a backend.
const (
	Up   = "up"
	Down = "down"
)

// Up reports whether the gate is open. A backend that was never probed is up.
func (m *Monitor) Up() bool { return !m.down.Load() }

// Last returns the outcome of the last probe that counted, nil before the
// first.
func (m *Monitor) Last() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}
