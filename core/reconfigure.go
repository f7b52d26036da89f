// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"fmt"

	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/fault"
)

// Reconfigure puts Middleware, OperationTimeout, MaxAsync, WaitsTold and Traced of cfg in
// force, as NewClient would. Operations that begin from now on have the new settings.
// Operations under way end under the settings under which they began. With a lower
// MaxAsync, the operations beyond it go on, and no other begins before they have ended.
//
// Source, Observer, Classifier and Closers stay as they are, and must be empty in cfg.
// An error names everything that is wrong with cfg, and then nothing changes. A panic or
// runtime.Goexit in Middleware is such an error. Reconfigure is safe for concurrent use.
func (c *Client[C]) Reconfigure(cfg ClientConfig[C]) error {
	var faults fault.List
	cfg.check(&faults)
	for _, fixed := range []struct {
		name string
		set  bool
	}{
		{"Source", cfg.Source != nil}, {"Observer", cfg.Observer != nil},
		{"Classifier", cfg.Classifier != nil}, {"Closers", len(cfg.Closers) > 0},
	} {
		if fixed.set {
			faults.Add("%s cannot change in a client that runs: leave it out", fixed.name)
		}
	}
	if err := faults.Err("core"); err != nil {
		return err
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	old := c.inForce.Load()
	b := &base{
		observer: old.observer, classifier: old.classifier, namesHolders: old.namesHolders,
		closing: old.closing, fallbacks: old.fallbacks,
	}
	var panicked error
	contain.Apart("Middleware", func(p *contain.Panic) { panicked = p }, func() { cfg.settle(b) })
	if panicked != nil {
		return fmt.Errorf("core: cannot compose the chain: %w", panicked)
	}
	c.flights.resize(cmp.Or(cfg.MaxAsync, maxAsync))
	c.inForce.Store(b)
	return nil
}

// resize changes how many operations may be under way.
func (fs *flights) resize(limit int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.limit = limit
}

// Adopt puts the terms in force with which other was made: its share of an operation and
// its minimum, or that it grants everything. What b has saved stays, up to the most that
// the new terms let a budget save. b may be used meanwhile. other does not change. If other
// is b, its first terms are in force again.
func (b *Budget) Adopt(other *Budget) {
	t := other.made
	if b.terms.Load() == t {
		return
	}
	b.refill() // the time so far counts by the old terms
	b.filled.Store(int64(now()))
	b.terms.Store(t)
	for have := b.balance.Load(); have > t.max && !t.unlimited; have = b.balance.Load() {
		b.balance.CompareAndSwap(have, t.max)
	}
}
