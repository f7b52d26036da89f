// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"cmp"
	"time"

	"github.com/penstock-go/penstock/internal/fault"
)

// Config says when a breaker opens and how it closes. The zero value means the
// defaults.
type Config struct {
	// Name names the breaker in telemetry and errors. Empty is "breaker".
	Name string
	// FailureThreshold is how many failures in a row open the breaker. Zero is 5,
	// or no number at all if FailureRate is set. If both are set, either opens it.
	FailureThreshold int
	// FailureRate is the share of failures in the window, above zero and up to
	// one, that opens the breaker. Zero disables the rate.
	FailureRate float64
	// FailureWindow is how many of the last operations (attempts, with
	// CountAttempts) the rate is taken over. Neutral outcomes are not in the
	// window. It is 1,048,576 at most. Zero is 100, unless FailureWindowTime is set.
	FailureWindow int
	// FailureWindowTime makes the window a stretch of time in place of a number.
	// The window moves in steps of a tenth. Zero is a window of a number.
	FailureWindowTime time.Duration
	// MinimumCalls is how many operations the window must hold before the rate is
	// judged. Zero is 20, or FailureWindow if that is less.
	MinimumCalls int
	// RecoveryTimeout is how long the breaker stays open before it lets probes
	// through, unless it is told earlier that the backend answers: see
	// [Breaker.Answered]. Zero is 30 seconds.
	RecoveryTimeout time.Duration
	// HalfOpenSuccesses is how many probes must succeed to close the breaker. Zero
	// is 3.
	HalfOpenSuccesses int
	// MaxHalfOpenRequests is how many probes may run at once. Zero is 2.
	MaxHalfOpenRequests int
	// FairRun is how long an attempt must have run on a connection before the end
	// of the operation's deadline counts as a failure of the backend. Zero is 100
	// milliseconds.
	FairRun time.Duration
	// CountAttempts makes the breaker count every attempt. Otherwise an operation
	// counts once, by its last attempt that was not refused locally.
	CountAttempts bool
	// SlowCallRate is the share of slow attempts among the last SlowCallWindow,
	// above zero and up to one, that opens the breaker. Zero disables the rate.
	SlowCallRate float64
	// SlowCallThreshold is how long an attempt may run on its connection before it
	// is slow, whether it has ended by then or not. Zero is 1 second.
	SlowCallThreshold time.Duration
	// SlowCallWindow is how many attempts the rate is taken over. The rate is not
	// judged before there were as many. It is 1,048,576 at most. Zero is 20.
	SlowCallWindow int
	// OnTransition is called with the breaker's name for each transition, in order
	// and one at a time, on a goroutine of its own. No lock is held, so OnTransition may
	// call the breaker. If OnTransition blocks, it delays at most one call: the call
	// that made or first saw the transition. Transitions that come while it blocks are
	// delivered when it returns. A panic or runtime.Goexit in OnTransition ends that call of it alone; it
	// is counted in the snapshot, and told to the observer as a core.EventPanic. Nil
	// disables OnTransition.
	OnTransition func(name string, from, to State)
	// Disabled leaves the stage out of a chain that is built of a configuration.
	Disabled bool
}

// Effective returns the configuration that is in force: cfg with its defaults.
// The fields of a policy that is not in force stay zero. The error, if not nil,
// names everything that is wrong with cfg.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	threshold := 5
	if cfg.FailureRate != 0 {
		threshold = 0
	}
	cfg.Name = cmp.Or(cfg.Name, Name)
	fault.Default(&faults, "FailureThreshold", &cfg.FailureThreshold, threshold)
	fault.Default(&faults, "RecoveryTimeout", &cfg.RecoveryTimeout, 30*time.Second)
	fault.Default(&faults, "HalfOpenSuccesses", &cfg.HalfOpenSuccesses, 3)
	fault.Default(&faults, "MaxHalfOpenRequests", &cfg.MaxHalfOpenRequests, 2)
	fault.Default(&faults, "FairRun", &cfg.FairRun, 100*time.Millisecond)
	cfg.completeRate(&faults)
	cfg.completeSlow(&faults)
	if err := faults.Err("breaker"); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// completeRate fills in the defaults of the failure rate.
func (cfg *Config) completeRate(faults *fault.List) {
	if cfg.FailureRate == 0 {
		if cfg.FailureWindow != 0 || cfg.FailureWindowTime != 0 || cfg.MinimumCalls != 0 {
			faults.Add("FailureWindow, FailureWindowTime or MinimumCalls is set, but FailureRate is not: set FailureRate, or leave them out")
		}
		return
	}
	checkRate(faults, "FailureRate", cfg.FailureRate)
	if cfg.FailureWindow != 0 && cfg.FailureWindowTime != 0 {
		faults.Add("FailureWindow and FailureWindowTime are both set: leave one of the two out")
	}
	if cfg.FailureWindowTime > 0 && cfg.FailureWindowTime < time.Millisecond {
		faults.Add("FailureWindowTime is %v, want 1ms at least", cfg.FailureWindowTime)
	}
	window, minimum := 0, 20
	if cfg.FailureWindowTime == 0 {
		window = 100
	}
	fault.Default(faults, "FailureWindow", &cfg.FailureWindow, window)
	checkWindow(faults, "FailureWindow", cfg.FailureWindow)
	fault.Default(faults, "FailureWindowTime", &cfg.FailureWindowTime, 0)
	if cfg.FailureWindow > 0 {
		minimum = min(minimum, cfg.FailureWindow)
		if cfg.MinimumCalls > cfg.FailureWindow {
			faults.Add("MinimumCalls is %d, but FailureWindow holds %d: set a lower MinimumCalls, or a longer FailureWindow", cfg.MinimumCalls, cfg.FailureWindow)
		}
	}
	fault.Default(faults, "MinimumCalls", &cfg.MinimumCalls, minimum)
}

// completeSlow fills in the defaults of the slow-call rate.
func (cfg *Config) completeSlow(faults *fault.List) {
	if cfg.SlowCallRate == 0 {
		if cfg.SlowCallThreshold != 0 || cfg.SlowCallWindow != 0 {
			faults.Add("SlowCallThreshold or SlowCallWindow is set, but SlowCallRate is not: set SlowCallRate, or leave them out")
		}
		return
	}
	checkRate(faults, "SlowCallRate", cfg.SlowCallRate)
	fault.Default(faults, "SlowCallThreshold", &cfg.SlowCallThreshold, time.Second)
	fault.Default(faults, "SlowCallWindow", &cfg.SlowCallWindow, 20)
	checkWindow(faults, "SlowCallWindow", cfg.SlowCallWindow)
}

// longestWindow is how many outcomes a window holds at most. Each takes a bit of memory,
// in each breaker, from the begin.
const longestWindow = 1 << 20

func checkWindow(faults *fault.List, name string, size int) {
	if size > longestWindow {
		faults.Add("%s %d exceeds %d: set a lower one, or leave it out", name, size, longestWindow)
	}
}

func checkRate(faults *fault.List, name string, rate float64) {
	if !(rate >= 0 && rate <= 1) { // also if it is no number
		faults.Add("%s is %v, want 0 to 1", name, rate)
	}
}
