// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of a Config.
const (
	DefaultFailureThreshold    = 5
	DefaultRecoveryTimeout     = 30 * time.Second
	DefaultHalfOpenSuccesses   = 3
	DefaultMaxHalfOpenRequests = 2
	DefaultFairRun             = 100 * time.Millisecond
	DefaultFailureWindow       = 100
	DefaultMinimumCalls        = 20
	DefaultSlowCallThreshold   = time.Second
	DefaultSlowCallWindow      = 20
)

// Config says when a breaker opens and how it closes. The zero value means the
// defaults.
type Config struct {
	// Name names the breaker in telemetry and errors. Empty is "breaker".
	Name string
	// FailureThreshold is how many failures in a row open the breaker. Zero is
	// DefaultFailureThreshold, or no number at all if FailureRate is set: with
	// both, either opens it.
	FailureThreshold int
	// FailureRate is the share of failures in the window, above zero and up to
	// one, that opens the breaker. Zero switches it off.
	FailureRate float64
	// FailureWindow is how many of the last operations (attempts, if they count)
	// the rate is taken over; neutral ones are left out. Zero is
	// DefaultFailureWindow, unless there is a FailureWindowTime.
	FailureWindow int
	// FailureWindowTime is the time that the rate is taken over, in place of a
	// number: it forgets in steps of a tenth.
	FailureWindowTime time.Duration
	// MinimumCalls is how many must be in the window for the rate to be judged.
	// Zero is DefaultMinimumCalls, or FailureWindow if that is less.
	MinimumCalls int
	// RecoveryTimeout is how long it stays open before it lets probes through.
	// Zero is DefaultRecoveryTimeout.
	RecoveryTimeout time.Duration
	// HalfOpenSuccesses is how many probes must succeed for it to close. Zero is
	// DefaultHalfOpenSuccesses.
	HalfOpenSuccesses int
	// MaxHalfOpenRequests is how many probes may be under way at once. Zero is
	// DefaultMaxHalfOpenRequests.
	MaxHalfOpenRequests int
	// FairRun is how long an attempt must have run on a connection for the end
	// of the operation's deadline to count as a failure of the backend. Zero is
	// DefaultFairRun.
	FairRun time.Duration
	// CountAttempts makes each attempt count. Otherwise an operation counts
	// once, by its last attempt that was not refused locally.
	CountAttempts bool
	// SlowCallRate is the share of slow attempts among the last SlowCallWindow,
	// above zero and up to one, that opens the breaker. Zero switches it off.
	SlowCallRate float64
	// SlowCallThreshold is how long an attempt may run on its connection before
	// it is slow, whether it has ended by then or not. Zero is
	// DefaultSlowCallThreshold.
	SlowCallThreshold time.Duration
	// SlowCallWindow is how many attempts the rate is taken over; it is judged
	// once there are as many. Zero is DefaultSlowCallWindow.
	SlowCallWindow int
	// OnMove is told of each move from one state to another, in order, one at a
	// time and outside of every lock, so it may call the breaker. If it blocks, it
	// holds up one call at most, that which made or first saw the move: moves that
	// come meanwhile are told after it, those that come later still by a goroutine
	// that ends with them. A panic in it is contained, and counted in the snapshot.
	// Nil is nobody.
	OnMove func(name string, from, to State)
	// Disabled leaves the stage out.
	Disabled bool
}

// withDefaults returns the configuration that cfg stands for, or an error that
// names everything that is wrong with it.
func (cfg Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	count := func(name string, value *int, def int) {
		if *value < 0 {
			fault("%s is negative: %d", name, *value)
		}
		if *value == 0 {
			*value = def
		}
	}
	period := func(name string, value *time.Duration, def time.Duration) {
		if *value < 0 {
			fault("%s is negative: %v", name, *value)
		}
		if *value == 0 {
			*value = def
		}
	}
	rate := func(name string, value float64) {
		if !(value >= 0 && value <= 1) {
			fault("%s is %v, want 0 to 1", name, value)
		}
	}
	threshold := DefaultFailureThreshold
	if cfg.FailureRate != 0 {
		threshold = 0
	}
	count("FailureThreshold", &cfg.FailureThreshold, threshold)
	period("RecoveryTimeout", &cfg.RecoveryTimeout, DefaultRecoveryTimeout)
	count("HalfOpenSuccesses", &cfg.HalfOpenSuccesses, DefaultHalfOpenSuccesses)
	count("MaxHalfOpenRequests", &cfg.MaxHalfOpenRequests, DefaultMaxHalfOpenRequests)
	period("FairRun", &cfg.FairRun, DefaultFairRun)
	rate("FailureRate", cfg.FailureRate)
	if cfg.FailureRate == 0 && (cfg.FailureWindow != 0 || cfg.FailureWindowTime != 0 || cfg.MinimumCalls != 0) {
		fault("FailureWindow, FailureWindowTime or MinimumCalls is set, but FailureRate is not")
	}
	if cfg.FailureWindow != 0 && cfg.FailureWindowTime != 0 {
		fault("FailureWindow and FailureWindowTime are both set")
	}
	if cfg.FailureWindowTime > 0 && cfg.FailureWindowTime < time.Millisecond {
		fault("FailureWindowTime is %v, want 1ms at least", cfg.FailureWindowTime)
	}
	window, minimum := 0, DefaultMinimumCalls
	if cfg.FailureWindowTime == 0 {
		window = DefaultFailureWindow
	}
	count("FailureWindow", &cfg.FailureWindow, window)
	if cfg.FailureWindow > 0 {
		minimum = min(minimum, cfg.FailureWindow)
		if cfg.MinimumCalls > cfg.FailureWindow {
			fault("MinimumCalls is %d, but FailureWindow holds %d", cfg.MinimumCalls, cfg.FailureWindow)
		}
	}
	period("FailureWindowTime", &cfg.FailureWindowTime, 0)
	count("MinimumCalls", &cfg.MinimumCalls, minimum)
	rate("SlowCallRate", cfg.SlowCallRate)
	if cfg.SlowCallRate == 0 && (cfg.SlowCallThreshold != 0 || cfg.SlowCallWindow != 0) {
		fault("SlowCallThreshold or SlowCallWindow is set, but SlowCallRate is not")
	}
	period("SlowCallThreshold", &cfg.SlowCallThreshold, DefaultSlowCallThreshold)
	count("SlowCallWindow", &cfg.SlowCallWindow, DefaultSlowCallWindow)
	if cfg.Name == "" {
		cfg.Name = "breaker"
	}
	if len(faults) > 0 {
		return cfg, fmt.Errorf("breaker: bad configuration: %w", errors.Join(faults...))
	}
	return cfg, nil
}
