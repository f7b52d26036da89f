// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"cmp"
	"math"
	"time"

	"github.com/penstock-go/penstock/internal/fault"
)

// Name is the name of the stage.
const Name = "ratelimit"

// Config says how many operations may start. Rate is required.
type Config struct {
	// Name names the limiter in telemetry and errors. Empty is "ratelimit".
	Name string
	// Rate is how many operations may start in a second, in the long run.
	Rate float64
	// Burst is how many operations may start at once after a pause, which is also
	// how many more than Rate may start in one second. Zero is Rate, rounded up.
	Burst int
	// MaxWait is the longest wait for a token. Zero is no wait: an operation
	// without a token is refused at once.
	MaxWait time.Duration
	// Disabled leaves the stage out.
	Disabled bool
}

// maxRate is one operation in a nanosecond, the shortest time that the clock tells.
const maxRate = 1e9

// Effective returns the configuration in force, which is cfg with its defaults.
// The error names everything that is wrong with cfg.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	burst := 0
	if !(cfg.Rate > 0 && cfg.Rate <= maxRate) {
		faults.Add("Rate is %v, want above 0 and up to %g", cfg.Rate, maxRate)
	} else {
		burst = int(math.Ceil(cfg.Rate))
	}
	fault.Default(&faults, "Burst", &cfg.Burst, burst)
	fault.Default(&faults, "MaxWait", &cfg.MaxWait, 0)
	cfg.Name = cmp.Or(cfg.Name, Name)
	return cfg, faults.Err("ratelimit")
}
