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
	// A panic or runtime.Goexit in Probe is a failed probe, and is told to the observer
	// as a core.EventPanic. A Probe that has not returned a second after its context
	// ended is given up, and counts as failed; while more than DownThreshold of these
	// have not returned, the pause before the next probe doubles with each, up to an
	// hour. Some errors count neither as a success nor
	// as a failure, because the backend was not asked: an error that wraps
	// core.ErrRejected, and a *core.Error with a neutral Outcome.
	Probe func(ctx context.Context) error
	// Interval is the time between two probes, up to 20 % more or less, and a
	// millisecond at least. Zero is 10 s.
	Interval time.Duration
	// Timeout limits each probe. Zero is 5 s, or Interval if that is shorter.
	Timeout time.Duration
	// DownThreshold is how many probes in a row must fail to shut the gate. Zero is
	// 3.
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
	fault.Default(&faults, "Timeout", &cfg.Timeout, min(5*time.Second, max(cfg.Interval, shortestPause)))
	fault.Default(&faults, "DownThreshold", &cfg.DownThreshold, 3)
	fault.Default(&faults, "UpThreshold", &cfg.UpThreshold, 1)
	cfg.Name = cmp.Or(cfg.Name, Name)
	return cfg, faults.Err("health")
}
