// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Defaults of a Config.
const (
	DefaultInterval      = 10 * time.Second
	DefaultTimeout       = 5 * time.Second
	DefaultDownThreshold = 3
	DefaultUpThreshold   = 1
)

// Config says how a backend is probed. The zero value means the defaults, and
// no probes, since there is no Probe.
type Config struct {
	// Name names the monitor in telemetry and errors. Empty is "health".
	Name string
	// Probe asks the backend for a sign of life. It must heed its context, and
	// must not go through the chain, or it could never see a recovery. An error
	// that wraps core.ErrRejected, or has a neutral class, says that the backend
	// was not asked: it counts neither way. Nil switches the stage off.
	Probe func(ctx context.Context) error
	// Interval is the time between two probes, spread by 20 % either way. Zero
	// is DefaultInterval.
	Interval time.Duration
	// Timeout limits each probe. Zero is DefaultTimeout, or Interval if that is
	// shorter.
	Timeout time.Duration
	// DownThreshold is how many probes in a row must fail to shut the gate. Zero
	// is DefaultDownThreshold.
	DownThreshold int
	// UpThreshold is how many must succeed to open it again. Zero is
	// DefaultUpThreshold.
	UpThreshold int
	// Observer is told of probes and of moves that they cause. Nil is nobody.
	Observer core.Observer
	// Disabled leaves the stage out, and probes nothing.
	Disabled bool
}

// withDefaults returns the configuration that cfg stands for, or an error that
// names everything that is wrong with it.
func (cfg Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if cfg.Probe == nil {
		fault("Probe is nil")
	}
	if cfg.Interval < 0 {
		fault("Interval is negative: %v", cfg.Interval)
	}
	if cfg.Timeout < 0 {
		fault("Timeout is negative: %v", cfg.Timeout)
	}
	if cfg.DownThreshold < 0 {
		fault("DownThreshold is negative: %d", cfg.DownThreshold)
	}
	if cfg.UpThreshold < 0 {
		fault("UpThreshold is negative: %d", cfg.UpThreshold)
	}
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = min(DefaultTimeout, cfg.Interval)
	}
	if cfg.DownThreshold == 0 {
		cfg.DownThreshold = DefaultDownThreshold
	}
	if cfg.UpThreshold == 0 {
		cfg.UpThreshold = DefaultUpThreshold
	}
	if cfg.Name == "" {
		cfg.Name = "health"
	}
	if len(faults) > 0 {
		return cfg, fmt.Errorf("health: bad configuration: %w", errors.Join(faults...))
	}
	return cfg, nil
}
