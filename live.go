// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"cmp"
	"context"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
)

// live is the settings of a client, which change while it runs.
type live struct {
	now     atomic.Pointer[inForce] // written with mu held
	refused refusals

	// Set by New.
	name  string // of the chain
	first Change // what New was given

	mu      sync.Mutex            // held while settings change; guards the fields below
	start   func(*health.Monitor) // how the client was started; nil if it was not
	monitor *health.Monitor       // the one that a chain has or had; nil if none
	closed  bool
}

// inForce is the settings in force. It does not change.
type inForce struct {
	chain      *middleware.Chain
	given      Change
	generation Generation
	changes    history // its last one made the generation; empty after New
}

// limit returns the limit of an operation, zero if there is none.
func (f *inForce) limit() time.Duration { return f.given.Config.Chain.OperationTimeout }

// begin puts the settings of New in force.
func (l *live) begin(chain *middleware.Chain, given Change) {
	l.monitor = chain.Monitor
	l.now.Store(&inForce{chain: chain, given: given, generation: Generation{Number: 1, At: time.Now()}})
}

// replace puts now in force. A monitor whose stage is new in the chain begins to probe, and
// one whose stage is gone pauses. The caller holds mu.
func (l *live) replace(old, now *inForce) {
	l.now.Store(now)
	was, is := old.chain.Monitor, now.chain.Monitor
	if is != nil {
		l.monitor = is
	}
	switch {
	case was == nil && is != nil && l.start != nil:
		l.start(is)
	case was != nil && is == nil:
		was.Suspend()
	}
}

// probe starts the monitor, if there is one, and one that a later change adds.
func (l *live) probe(start func(*health.Monitor)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = start
	if monitor := l.now.Load().chain.Monitor; monitor != nil {
		start(monitor)
	}
}

// end ends changes, and closes the monitor.
func (l *live) end(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	monitor := l.monitor
	l.mu.Unlock()
	if monitor == nil {
		return nil
	}
	return monitor.Close(ctx)
}

// fixes returns an error that names what change would change and no change can. pool is
// the name of the client's pool.
func (l *live) fixes(pool string, change Change) error {
	var faults fault.List
	was, cfg := l.first.Config, change.Config
	fault.Fixed(&faults, "Pool.Name", pool, cmp.Or(change.Pool.Name, pool))
	fault.Fixed(&faults, "Chain.Name", l.name, cmp.Or(cfg.Chain.Name, l.name))
	for _, f := range []struct {
		name     string
		was, now any
	}{
		{"Pool.Observer", l.first.Pool.Observer, change.Pool.Observer},
		{"Chain.Health.Observer", observerOf(was.Chain.Health), observerOf(cfg.Chain.Health)},
		{"TracerProvider", was.TracerProvider, cfg.TracerProvider},
		{"MeterProvider", was.MeterProvider, cfg.MeterProvider},
		{"Observer", was.Observer, cfg.Observer},
		{"Logger", orNil(was.Logger), orNil(cfg.Logger)},
	} {
		if f.now != nil && !same(f.was, f.now) {
			faults.Add("%s cannot become another one while the program runs: restart the program with it, or leave it out of the change", f.name)
		}
	}
	for _, f := range []struct {
		name     string
		was, now int
	}{{"Telemetry", len(was.Telemetry), len(cfg.Telemetry)}, {"Watchers", len(was.Watchers), len(cfg.Watchers)}} {
		if f.now > 0 && f.now != f.was {
			faults.Add("%s cannot change while the program runs: restart the program with the new ones, or leave them out of the change", f.name)
		}
	}
	if was.Observer != nil && cfg.UseTime {
		faults.Add("UseTime is set, and the Observer of the client takes the place of what measures it: leave UseTime out")
	}
	return faults.Err("penstock")
}

// observerOf returns the observer that cfg has of its own, if any.
func observerOf(cfg *health.Config) any {
	if cfg == nil || cfg.Observer == nil {
		return nil
	}
	return cfg.Observer
}

// orNil returns logger, or an interface that is nil.
func orNil(logger *slog.Logger) any {
	if logger == nil {
		return nil
	}
	return logger
}

// same reports whether two values are one object. Values that cannot be compared are
// taken for one if they have one type.
func same(a, b any) bool {
	if a == nil || reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	return !reflect.ValueOf(a).Comparable() || a == b
}

// warn logs what is doubtful about the chain.
func (c *Client[C]) warn(ctx context.Context, warnings []string) {
	for _, w := range warnings {
		c.logger.WarnContext(ctx, "penstock: settings of the chain work against each other", "pool", c.name, "warning", w)
	}
}

// logRefused logs a change that was refused.
func (c *Client[C]) logRefused(ctx context.Context, by string, err error) {
	c.logger.WarnContext(ctx, "penstock: change of settings refused", "pool", c.name, "by", by, "error", err)
}

// logChange logs a change that was applied: who made it, and each setting that differs.
func (c *Client[C]) logChange(ctx context.Context, old, now *inForce) {
	var changed []string
	for _, s := range now.changes[len(now.changes)-1].Changed {
		changed = append(changed, s.String())
	}
	c.logger.InfoContext(ctx, "penstock: settings changed", "pool", c.name, "generation", now.generation.Number,
		"by", now.generation.By, "changed", strings.Join(changed, ", "))
	c.warn(ctx, slices.DeleteFunc(slices.Clone(now.chain.Warnings), func(w string) bool { return slices.Contains(old.chain.Warnings, w) }))
}
