// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"fmt"

	"github.com/penstock-go/penstock/internal/stage"
)

// Describe returns the line of the stage in the description of a chain. cfg must
// be effective, see [Config.Effective].
func (cfg Config) Describe(stage.Around) string {
	s := fmt.Sprintf("%g operations per second, %d at once; ", cfg.Rate, cfg.Burst)
	if cfg.MaxWait == 0 {
		return s + "the rest are refused"
	}
	return s + fmt.Sprintf("the rest wait, for %v at most", cfg.MaxWait)
}

// Warnings returns what is doubtful about cfg in the chain around the stage. cfg
// must be effective.
func (cfg Config) Warnings(around stage.Around) []string {
	var w stage.Warnings
	w.Warn(around.Outside("retry", Name), stage.InsideOfRetry, Name)
	return w
}

// Cost returns what the stage adds to the worst that one operation can cost. cfg
// must be effective.
func (cfg Config) Cost() stage.Cost { return stage.Cost{Wait: cfg.MaxWait} }
