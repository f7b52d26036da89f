// SPDX-License-Identifier: Apache-2.0

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

// Chaos injects faults. It is safe for concurrent use, and can be switched on and
// off at run time.
type Chaos struct {
	running atomic.Pointer[show] // nil while off; written under mu

	mu   sync.Mutex
	seed uint64 // of the next show; guarded by mu
	next *show  // what On switches on; guarded by mu
}

// show is one run of some faults, from the moment they are switched on.
type show struct {
	seed    uint64
	faults  []Fault
	errs    []error         // the injected error of each fault
	offered []atomic.Uint64 // how many attempts each fault might have struck
	struck  []atomic.Uint64 // how many attempts each fault has struck
	began   time.Time
}

// New returns a chaos. It is on if it has faults and cfg.StartOff is not set.
func New(cfg Config) (*Chaos, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	c := &Chaos{seed: cfg.Seed}
	if err := c.Set(cfg.Faults...); err != nil {
		return nil, err
	}
	if cfg.StartOff {
		c.Off()
	}
	return c, nil
}

// Set replaces the faults and switches on. Without faults it switches off. If one
// of the faults is refused, nothing changes.
func (c *Chaos) Set(faults ...Fault) error {
	if err := check(faults); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = newShow(c.seed, faults)
	c.start()
	return nil
}

// On switches on. Schedules, counters and the choice of attempts begin anew.
func (c *Chaos) On() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = newShow(c.seed, c.next.faults)
	c.start()
}

// Off switches off. Attempts that hang or wait already go on doing so.
func (c *Chaos) Off() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running.Store(nil)
}

// start switches next on, if it has faults. The caller holds mu.
func (c *Chaos) start() {
	if len(c.next.faults) == 0 {
		c.running.Store(nil)
		return
	}
	c.running.Store(c.next)
}

func newShow(seed uint64, faults []Fault) *show {
	s := &show{
		seed: seed, faults: slices.Clone(faults), errs: make([]error, len(faults)),
		offered: make([]atomic.Uint64, len(faults)), struck: make([]atomic.Uint64, len(faults)), began: time.Now(),
	}
	for i, f := range faults {
		s.errs[i] = f.injected()
	}
	return s
}

// Stats are the counters of a chaos at one moment.
type Stats struct {
	On     bool
	Struck []uint64 // attempts that each fault has struck since On or Set, in the order of the faults
}

// Stats returns the counters. It changes nothing.
func (c *Chaos) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{On: c.running.Load() != nil}
	for i := range c.next.struck {
		s.Struck = append(s.Struck, c.next.struck[i].Load())
	}
	return s
}

// Middleware wraps next with this chaos. It is a core.Middleware.
func (c *Chaos) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		s := c.running.Load()
		if s == nil {
			return next(ctx, call)
		}
		i := s.strike(call.Op.Name)
		if i < 0 {
			return next(ctx, call)
		}
		f := &s.faults[i]
		if f.late() {
			d := &delay{ctx: ctx, latency: f.Latency}
			call.Attach(d)
			defer call.Detach(d)
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
func (s *show) strike(op string) int {
	since := time.Since(s.began)
	for i := range s.faults {
		f := &s.faults[i]
		if since < f.From || (f.Until > 0 && since >= f.Until) || (len(f.Ops) > 0 && !slices.Contains(f.Ops, op)) {
			continue
		}
		// The number of the attempt seeds a source of its own, so the n-th attempt
		// draws the same number in every run.
		var source rand.PCG
		source.Seed(s.seed, uint64(i)<<48|s.offered[i].Add(1))
		if draw := float64(source.Uint64()>>11) / (1 << 53); draw < f.Share {
			s.struck[i].Add(1)
			return i
		}
	}
	return -1
}

// delay is a guard that spends the latency of one attempt on its connection.
type delay struct {
	core.NopGuard
	ctx     context.Context // of the attempt
	latency time.Duration
}

// BeforeWork waits. Other guards must not block: this one stands for a slow
// backend.
func (d *delay) BeforeWork(*core.Call) error {
	pause(d.ctx, d.latency)
	return nil
}

// pause waits for d, or until ctx ends.
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
