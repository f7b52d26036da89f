// SPDX-License-Identifier: Apache-2.0

package chaos

import "github.com/penstock-go/penstock/internal/stage"

// Describe returns the line of the stage in the description of a chain.
func (cfg Config) Describe(stage.Around) string {
	if cfg.StartOff {
		return stage.Count(len(cfg.Faults), "fault") + ", off until switched on"
	}
	return stage.Count(len(cfg.Faults), "fault")
}

// Warnings returns what is doubtful about cfg in the chain around the stage.
func (cfg Config) Warnings(around stage.Around) []string {
	var w stage.Warnings
	w.Warn(len(cfg.Faults) > 0, "chaos is in the chain: it makes attempts fail that would not; it is for tests")
	for _, name := range []string{"breaker", "retry", "timeout", "health"} {
		w.Warn(around.Outside(Name, name), "chaos stands outside of %s, which never sees what it does", name)
	}
	return w
}
