// SPDX-License-Identifier: Apache-2.0

package bulkhead

import (
	"cmp"
	"time"

	"github.com/penstock-go/penstock/internal/fault"
)

// Name is the name of the stage.
const Name = "bulkhead"

// Config says how many operations may run and wait. MaxConcurrent is required.
type Config struct {
	// Name names the bulkhead in telemetry and errors. Empty is "bulkhead".
	Name string
	// MaxConcurrent is how many operations may run at once.
	MaxConcurrent int
	// MaxWaiting is how many operations may wait for a slot. Zero is none: beyond
	// MaxConcurrent, operations are refused at once.
	MaxWaiting int
	// MaxWait is the longest wait for a slot. Zero is no limit but the caller's
	// context.
	MaxWait time.Duration
	// Disabled leaves the stage out.
	Disabled bool
}

// Effective returns the configuration in force, which is cfg with its defaults.
// The error names everything that is wrong with cfg.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	if cfg.MaxConcurrent < 1 {
		faults.Add("MaxConcurrent is %d, want at least 1", cfg.MaxConcurrent)
	}
	fault.Default(&faults, "MaxWaiting", &cfg.MaxWaiting, 0)
	fault.Default(&faults, "MaxWait", &cfg.MaxWait, 0)
	if cfg.MaxWait > 0 && cfg.MaxWaiting == 0 {
		faults.Add("MaxWait is %v, but MaxWaiting lets no operation wait: set MaxWaiting, or leave MaxWait out", cfg.MaxWait)
	}
	cfg.Name = cmp.Or(cfg.Name, Name)
	return cfg, faults.Err("bulkhead")
}
