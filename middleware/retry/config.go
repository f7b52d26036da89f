// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "retry"

// Defaults of a Config.
const (
	DefaultMaxRetries = 3
	DefaultInterval   = time.Second
	DefaultCap        = 20 * time.Second
)

// None as Config.MaxRetries means that no operation is attempted again.
const None = -1

// Config says when and how often an operation is attempted again. The zero
// value means the defaults.
type Config struct {
	// MaxRetries is how many attempts may follow the first. Zero is
	// DefaultMaxRetries, None is none.
	MaxRetries int
	// Interval is the longest wait before the second attempt; it doubles before
	// each further one. Zero is DefaultInterval, or Cap if that is less.
	Interval time.Duration
	// Cap is the longest wait before any attempt. An operation that the backend
	// asks to wait for longer is not attempted again. Zero is DefaultCap.
	Cap time.Duration
	// Jitter spreads the waits. Zero is FullJitter.
	Jitter Jitter
	// Budget bounds the further attempts of everybody who shares it. Nil is a
	// core.DefaultBudget of this stage's own.
	Budget *core.Budget
	// Disabled leaves the stage out.
	Disabled bool
}

// withDefaults returns the configuration that cfg stands for, or an error that
// names everything that is wrong with it.
func (cfg Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if cfg.MaxRetries < None {
		fault("MaxRetries is negative: %d (retry.None is none)", cfg.MaxRetries)
	}
	if cfg.Interval < 0 {
		fault("Interval is negative: %v", cfg.Interval)
	}
	if cfg.Cap < 0 {
		fault("Cap is negative: %v", cfg.Cap)
	}
	if cfg.Jitter > NoJitter {
		fault("Jitter is unknown: %d", cfg.Jitter)
	}
	if cfg.MaxRetries == 0 {
		cfg.MaxRetries = DefaultMaxRetries
	}
	if cfg.Cap == 0 {
		cfg.Cap = DefaultCap
	}
	if cfg.Interval == 0 {
		cfg.Interval = min(DefaultInterval, cfg.Cap)
	}
	if cfg.Interval > cfg.Cap {
		fault("Interval %v is above Cap %v", cfg.Interval, cfg.Cap)
	}
	if cfg.Budget == nil {
		cfg.Budget = core.DefaultBudget()
	}
	if len(faults) > 0 {
		return cfg, fmt.Errorf("retry: bad configuration: %w", errors.Join(faults...))
	}
	return cfg, nil
}
