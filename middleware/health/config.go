// SPDX-License-Identifier: Apache-2.0

package health

import (
	"cmp"
	"context"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
)

// Name is the name of the stage.
const Name = "health"

// Config says how a backend is probed. The zero value of each field but Probe
// means its default.
type Config struct {
	// Name names the monitor in telemetry and errors. Empty is "health".
	Name string
	// Probe asks the backend for a sign of life. Required; package penstock makes a
	// Probe of the factory's Ping. Probe runs on a goroutine of its own. It must not
	// pass the chain, because a shut gate would hide a recovery; [core.Client.Probe]
	// passes no chain, and gives back a connection as the backend's classifier says.
	//
	// A panic or runtime.Goexit in Probe, or in a method of its error, is a failed probe,
	// and is told to the observer as a core.EventPanic. A Probe that has not returned a second after its context
	// ended is given up, and counts as failed; while more than DownThreshold of these
	// have not returned, the pause before the next probe doubles with each, up to an
	// hour. Some errors count neither as a success nor
	// as a failure, because the backend was not asked: an error that wraps
	// core.ErrRejected, and a *core.Error with a neutral Outcome.
	Probe func(ctx context.Context) error
	// Interval is the time between two probes, up to 20 % more or less, and a
	// millisecond at least. Zero is 10 s.
	Interval time.Duration
	// RecoveryInterval takes the place of Interval while the gate is shut, or a circuit
	// breaker of the chain is open and would heed an answer, see [Waiter]. It is the time
	// between the begins of two probes. Zero is 1 s, or Interval if that is shorter.
	RecoveryInterval time.Duration
	// MaxRate is how many probes the backend gets in a second at most, from all replicas
	// of the program together, and Replicas is how many there are. Zero replicas are one,
	// and a MaxRate of zero is no limit. Replicas know nothing of each other, so each of
	// them keeps its own part, and probes less often than its intervals say if it must.
	//
	// With more replicas than MaxRate, each probes at random, and the expected rate is so
	// far below MaxRate that one second in a million exceeds it at most: 1.3 probes are
	// expected in a second with a MaxRate of 10, 22 with 50, 57 with 100, and 843 with
	// 1000. [Monitor.Check] is not limited.
	MaxRate, Replicas int
	// Timeout limits each probe. While probes are made at RecoveryInterval, the limit is
	// the time between two of them if that is shorter, but a second at least: a probe may
	// hang on a connection that the outage broke. Zero is 5 s, or Interval if that is
	// shorter.
	Timeout time.Duration
	// DownThreshold is how many probes in a row must fail to shut the gate. The failures
	// of probes that are made only because of RecoveryInterval do not count for it. Zero
	// is 3.
	DownThreshold int
	// UpThreshold is how many probes in a row must succeed to open the gate again.
	// Zero is 1.
	UpThreshold int
	// Observer is told of probes and of the transitions they cause. Nil disables
	// telemetry.
	Observer core.Observer
	// Disabled leaves the stage out, and probes nothing.
	Disabled bool
}

// Effective returns the configuration in force, which is cfg with its defaults.
// The error names everything that is wrong with cfg.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	if cfg.Probe == nil {
		faults.Add("Probe is nil, and the factory has no Ping to make a probe of: write either")
	}
	fault.Default(&faults, "Interval", &cfg.Interval, 10*time.Second)
	fault.Default(&faults, "RecoveryInterval", &cfg.RecoveryInterval, min(time.Second, cfg.Interval))
	if cfg.RecoveryInterval > cfg.Interval && cfg.Interval > 0 {
		faults.Add("RecoveryInterval %v is longer than Interval %v: set a shorter one, or leave it out", cfg.RecoveryInterval, cfg.Interval)
	}
	cfg.completeRate(&faults)
	fault.Default(&faults, "Timeout", &cfg.Timeout, min(5*time.Second, max(cfg.Interval, shortestPause)))
	fault.Default(&faults, "DownThreshold", &cfg.DownThreshold, 3)
	fault.Default(&faults, "UpThreshold", &cfg.UpThreshold, 1)
	cfg.Name = cmp.Or(cfg.Name, Name)
	return cfg, faults.Err("health")
}

// completeRate fills in how many replicas there are.
func (cfg *Config) completeRate(faults *fault.List) {
	if cfg.Replicas > 0 && cfg.MaxRate == 0 {
		faults.Add("Replicas is %d, but MaxRate is not set: set it, or leave Replicas out", cfg.Replicas)
	}
	fault.Default(faults, "MaxRate", &cfg.MaxRate, 0)
	fault.Default(faults, "Replicas", &cfg.Replicas, 0)
	if cfg.MaxRate > 0 {
		cfg.Replicas = max(cfg.Replicas, 1)
	}
}

// pace returns the expected time between two probes while the backend is away. cfg is
// effective.
func (cfg *Config) pace() time.Duration {
	s := newShare(cfg)
	return max(cfg.RecoveryInterval, s.pause, s.cell)
}
