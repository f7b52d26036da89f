// SPDX-License-Identifier: Apache-2.0

package timeout

import (
	"fmt"

	"github.com/penstock-go/penstock/internal/stage"
)

// Describe returns the line of the stage in the description of the chain around
// it. cfg must be effective, see [Config.Effective].
func (cfg Config) Describe(around stage.Around) string {
	if around.Outside(Name, "retry") {
		return fmt.Sprintf("%v for all attempts together", cfg.Attempt)
	}
	return fmt.Sprintf("%v for each attempt", cfg.Attempt)
}

// Warnings returns what is doubtful about cfg in the chain around the stage. cfg
// must be effective.
func (cfg Config) Warnings(around stage.Around) []string {
	var w stage.Warnings
	w.Warn(around.Outside(Name, "retry"),
		"timeout stands outside of retry: %v limits all attempts and waits together, so an attempt that hangs is never repeated", cfg.Attempt)
	w.Warn(around.Operation > 0 && cfg.Attempt >= around.Operation,
		"the attempt timeout %v (the default) is not below the operation timeout %v: an attempt that hangs is never repeated; set Timeout.Attempt", cfg.Attempt, around.Operation)
	return w
}

// Cost returns what the stage adds to the worst that one operation can cost. cfg
// must be effective.
func (cfg Config) Cost() stage.Cost { return stage.Cost{Attempt: cfg.Attempt} }
