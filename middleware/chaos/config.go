// SPDX-License-Identifier: Apache-2.0

package chaos

// Name is the name of the stage.
const Name = "chaos"

// Config says which faults are injected.
type Config struct {
	// Faults are tried in order. At most one of them strikes an attempt.
	Faults []Fault
	// Seed decides which attempts the faults strike. Zero is a seed like any other.
	Seed uint64
	// StartOff keeps the stage off until [Chaos.On] or [Chaos.Set] is called. The
	// stage stays in the chain.
	StartOff bool
	// Disabled leaves the stage out.
	Disabled bool
}

// Effective returns the configuration in force, which is cfg. The error names
// everything that is wrong with cfg.
func (cfg Config) Effective() (Config, error) { return cfg, check(cfg.Faults) }
