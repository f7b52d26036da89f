// SPDX-License-Identifier: Apache-2.0

// Package chaos makes attempts slow, fail, hang or panic, so that people can
// see in their own tests what their program does when the backend does.
//
// It belongs innermost. An injected error, hang or panic takes the place of the
// attempt: the function of the operation is not called and no connection is
// asked for, but all stages further out see what they would see of a real one.
// Latency alone is spent on the connection, before the function is called.
//
// Which attempts are struck depends on the seed and on their number, not on the
// clock or on chance: the n-th attempt that a fault may strike is always struck
// or always spared. A chaos that is off costs one atomic load.
package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "chaos"

// ErrInjected is matched by every error that a fault injects, beside the
// fault's own.
var ErrInjected = core.Sentinel("injected by chaos", "")

// Chaos injects faults. It is safe for concurrent use, and can be switched at
// run time.
type Chaos struct {
	seed    uint64
	running atomic.Pointer[show] // nil while off

	mu   sync.Mutex
	next *show // for On to run; guarded by mu, as is the writing of running
}

// show is a run of some faults.
type show struct {
	faults  []Fault
	errs    []error         // what each fault fails with
	offered []atomic.Uint64 // attempts that each might have struck
	struck  []atomic.Uint64
	began   time.Time
}

// New returns a chaos that is on if it has faults, unless cfg.Off.
func New(cfg Config) (*Chaos, error) {
	c := &Chaos{seed: cfg.Seed}
	if err := c.Set(cfg.Faults...); err != nil {
		return nil, err
	}
	if cfg.Off {
		c.Off()
	}
	return c, nil
}

// Set replaces the faults by others and switches on. Without any it switches
// off. If one of them is refused, nothing changes.
func (c *Chaos) Set(faults ...Fault) error {
	if err := check(faults); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = newShow(faults)
	c.start()
	return nil
}

// On switches on. Schedules, counters and the sequence of strikes begin anew.
func (c *Chaos) On() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = newShow(c.next.faults)
	c.start()
}

// Off switches off. Hangs and waits under way are not ended.
func (c *Chaos) Off() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running.Store(nil)
}

// start runs what is next. The caller holds mu.
func (c *Chaos) start() {
	if len(c.next.faults) == 0 {
		c.running.Store(nil)
		return
	}
	c.running.Store(c.next)
}

func newShow(faults []Fault) *show {
	s := &show{
		faults: slices.Clone(faults), errs: make([]error, len(faults)),
		offered: make([]atomic.Uint64, len(faults)), struck: make([]atomic.Uint64, len(faults)), began: time.Now(),
	}
	for i, f := range faults {
		s.errs[i] = f.injected()
	}
	return s
}

// Stats say what a chaos does.
type Stats struct {
	On     bool
	Struck []uint64 // attempts struck by each fault, in their order, since On or Set
}

// Stats returns what c has done. It changes nothing.
func (c *Chaos) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{On: c.running.Load() != nil}
	for i := range c.next.struck {
		s.Struck = append(s.Struck, c.next.struck[i].Load())
	}
	return s
}

// Stage returns the stage of this chaos.
func (c *Chaos) Stage() core.Stage { return core.Stage{Name: Name, Middleware: c.Middleware} }

// Middleware wraps next with this chaos. It is a core.Middleware.
func (c *Chaos) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		s := c.running.Load()
		if s == nil {
			return next(ctx, call)
		}
		i := s.strike(c.seed, call.Op.Name)
		if i < 0 {
			return next(ctx, call)
		}
		f := &s.faults[i]
		if f.late() {
			d := &delay{ctx: ctx, latency: f.Latency}
			defer func() { d.over = true }()
			call.Attach(d)
			return next(ctx, call)
		}
		return call.Simulate(ctx, func(ctx context.Context) error {
			pause(ctx, f.Latency)
			switch {
			case f.Hang:
				<-ctx.Done()
			case f.Panic != nil:
				panic(f.Panic)
			case ctx.Err() == nil:
				return s.errs[i]
			}
			return ctx.Err()
		})
	}
}

// strike returns the index of the fault that strikes an attempt of the
// operation, -1 if none does.
func (s *show) strike(seed uint64, op string) int {
	since := time.Since(s.began)
	for i := range s.faults {
		f := &s.faults[i]
		if since < f.From || (f.Until > 0 && since >= f.Until) || (len(f.Ops) > 0 && !slices.Contains(f.Ops, op)) {
			continue
		}
		// A source of its own for each attempt, so that attempts at the same
		// time draw the same, whichever is first.
		var source rand.PCG
		source.Seed(seed, uint64(i)<<48|s.offered[i].Add(1))
		if draw := float64(source.Uint64()>>11) / (1 << 53); draw < f.Share {
			s.struck[i].Add(1)
			return i
		}
	}
	return -1
}

// delay spends the latency of one attempt when that has its connection.
type delay struct {
	ctx     context.Context
	latency time.Duration
	over    bool
}

// Allow allows everything.
func (d *delay) Allow(*core.Call) error { return nil }

// Begin waits.
func (d *delay) Begin(*core.Call) error {
	if !d.over {
		pause(d.ctx, d.latency)
	}
	return nil
}

// Ended does nothing.
func (d *delay) Ended(*core.Call, time.Duration, core.Class) {}

// pause waits until d is over or ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
