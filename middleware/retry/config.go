// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
)

// Name is the name of the stage.
const Name = "retry"

// None as Config.MaxRetries means that no operation is attempted again.
const None = -1

// maxRetries is the default of Config.MaxRetries.
const maxRetries = 3

// Config says when and how often an operation is attempted again. The zero value
// means the defaults.
type Config struct {
	// MaxRetries is how many attempts may follow the first. Zero is 3, None is none:
	// operations still pay into Budget, which a hedge may share.
	MaxRetries int
	// Interval is the longest wait before the second attempt. It doubles before each
	// further attempt. Zero is 1 s, or MaxInterval if that is shorter.
	Interval time.Duration
	// MaxInterval is the longest wait before any attempt. An operation that the
	// backend asks to wait for longer is not attempted again. Zero is 20 s.
	MaxInterval time.Duration
	// Jitter spreads the waits. Zero is FullJitter.
	Jitter Jitter
	// Budget bounds the further attempts of all stages that share it. Each operation
	// pays its share in after its first attempt, unless that is refused locally. The
	// second run of a hedged operation pays nothing in. Nil is a budget of the stage's own, with 10 % + 10/s.
	Budget *core.Budget
	// Disabled leaves the stage out.
	Disabled bool
}

// Effective returns the configuration in force, which is cfg with its defaults.
// The error names everything that is wrong with cfg. Each call makes a new default
// Budget.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	if cfg.MaxRetries < None {
		faults.Add("MaxRetries is %d, want 0 (the default, %d) or more, or retry.None", cfg.MaxRetries, maxRetries)
	}
	if cfg.Jitter > NoJitter {
		faults.Add("Jitter is %v, want full, equal or none", cfg.Jitter)
	}
	if cfg.MaxRetries == 0 {
		cfg.MaxRetries = maxRetries
	}
	fault.Default(&faults, "MaxInterval", &cfg.MaxInterval, 20*time.Second)
	fault.Default(&faults, "Interval", &cfg.Interval, min(time.Second, cfg.MaxInterval))
	if cfg.Interval > cfg.MaxInterval && cfg.MaxInterval > 0 {
		faults.Add("Interval %v is above MaxInterval %v: set a lower Interval, or a higher MaxInterval", cfg.Interval, cfg.MaxInterval)
	}
	if cfg.Budget == nil {
		budget, err := core.NewBudget(0.1, 10)
		if err != nil {
			faults = append(faults, err)
		}
		cfg.Budget = budget
	}
	return cfg, faults.Err("retry")
}
