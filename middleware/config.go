// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"fmt"
	"slices"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
)

// Config says which stages a chain has, and in which order. The zero value is
// trace, breaker, retry and timeout with their defaults, in the default order.
//
// A stage whose configuration is a pointer is in the chain if the pointer is set.
// Every stage is out of the chain if Disabled is set in its own configuration; see
// also [Config.Without].
type Config struct {
	// Name names the backend. In telemetry and errors it is the name of each stage
	// that refuses operations, unless the stage has its own; the keyed breakers are
	// called Name.keyed. Empty leaves each stage its default.
	Name string
	// Order names the stages, outermost first. Nil is DefaultOrder. A stage of
	// Penstock's that is not in the chain may be named: its place stays empty.
	Order []string
	// Stages are the user's own stages. If Order names a stage, the stage stands
	// there, and else where its own Before or After says. A stage may have the name
	// of a stage of Penstock's that is not in the chain, and then takes its place.
	Stages []Stage
	// OperationTimeout limits each operation with all its attempts, in addition to
	// the caller's own deadline. Zero is no limit. The chain only checks it; the
	// client enforces it, see core.ClientConfig.
	OperationTimeout time.Duration
	// Ops are operations whose settings are checked and described, too. Optional.
	Ops []core.Op

	Trace   trace.Config
	Breaker breaker.Config
	Retry   retry.Config
	Timeout timeout.Config
	// Health probes the backend, and refuses attempts while the probes fail. Nil is
	// no such stage. Package penstock sets it for a backend whose factory has a
	// Ping.
	Health *health.Config
	// KeyedBreaker adds a breaker for each key, such as a collection, just inside of
	// the backend's, unless Order has another place for it. Nil is no such stage.
	KeyedBreaker *keyed.Config
	// Bulkhead bounds how many operations run at once. Nil is no such stage.
	Bulkhead *bulkhead.Config
	// RateLimit bounds how many operations start in a second. Nil is no such stage.
	RateLimit *ratelimit.Config
	// Chaos injects faults, for tests. Nil is no such stage.
	Chaos *chaos.Config
}

// detached returns cfg with copies of its own of everything that it points at and
// that this package changes.
func (cfg Config) detached() Config {
	cfg.Order = slices.Clone(cfg.Order)
	cfg.Stages = slices.Clone(cfg.Stages)
	for _, r := range stages {
		r.detach(&cfg)
	}
	return cfg
}

// labelled returns a detached cfg whose stages have the backend's name, unless
// they have their own.
func (cfg Config) labelled() Config {
	cfg = cfg.detached()
	for _, r := range stages {
		r.labelled(&cfg)
	}
	return cfg
}

// Without returns a copy of cfg in which the named stages are out of the chain: a
// stage of Penstock's is disabled in its configuration and its place stays empty,
// a stage of the user's is taken out of Stages and Order.
//
// The error lists each name that no stage has. The copy is valid beside an error,
// too: the stages with the other names are out of it.
func (cfg Config) Without(names ...string) (Config, error) {
	known := append(DefaultOrder(), namesOf(cfg.Stages)...)
	cfg = cfg.detached()
	var faults fault.List
	for _, name := range names {
		if !slices.Contains(known, name) {
			faults.Add("no stage %q to leave out: name one of %s", name, stage.Quoted(known))
			continue
		}
		cfg.Stages = slices.DeleteFunc(cfg.Stages, func(s Stage) bool { return s.Name == name })
		if r := find(name); r != nil {
			r.leaveOut(&cfg)
		} else {
			cfg.Order = slices.DeleteFunc(cfg.Order, func(s string) bool { return s == name })
		}
	}
	return cfg, faults.Err("middleware")
}

// contradictions adds the faults that no stage can see: one of two values makes
// the other useless.
func (cfg Config) contradictions(faults *fault.List) {
	operation := cfg.OperationTimeout
	fault.Negative(faults, "OperationTimeout", operation, "no limit")
	if a := cfg.Timeout.Attempt; operation > 0 && a >= operation && !cfg.Timeout.Disabled {
		faults.Add("Timeout.Attempt %v is not below OperationTimeout %v: an attempt would never end by it; set a lower one, or leave it out", a, operation)
	}
	for _, op := range cfg.Ops {
		fault.Negative(faults, fmt.Sprintf("Timeout of operation %q", op.Name), op.Timeout, "the limit of the timeout stage")
		if operation > 0 && op.Timeout >= operation {
			faults.Add("Timeout %v of operation %q is not below OperationTimeout %v: an attempt would never end by it; set a lower one, or leave it out", op.Timeout, op.Name, operation)
		}
	}
}
