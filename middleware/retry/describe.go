// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"fmt"

	"github.com/penstock-go/penstock/internal/stage"
)

// Describe returns the line of the stage in the description of a chain. cfg must
// be effective, see [Config.Effective].
func (cfg Config) Describe(stage.Around) string {
	if cfg.MaxRetries == None {
		return "never"
	}
	_, first := cfg.bounds(1)
	waits := fmt.Sprintf("waits of up to %v", first)
	if _, last := cfg.bounds(cfg.MaxRetries); last > first {
		waits += fmt.Sprintf(", doubled up to %v", last)
	}
	jitter := [...]string{FullJitter: "full", EqualJitter: "equal", NoJitter: "no"}[cfg.Jitter]
	return fmt.Sprintf("%s; %s, %s jitter; budget %v", stage.Count(cfg.MaxRetries, "further attempt"), waits, jitter, cfg.Budget)
}

// Warnings returns what is doubtful about cfg in the chain around the stage. cfg
// must be effective.
func (cfg Config) Warnings(around stage.Around) []string {
	var w stage.Warnings
	if cfg.MaxRetries == None {
		return nil
	}
	w.Warn(cfg.Budget.Unlimited(),
		"the retry budget is unlimited: in an outage the backend gets up to %d times the load", cfg.MaxRetries+1)
	w.Warn(cfg.Jitter == NoJitter,
		"retries wait without jitter: clients that failed together come back together")
	w.Warn(around.Operation > 0 && cfg.Interval >= around.Operation,
		"Retry.Interval %v is not below the operation timeout %v: most waits do not fit, and then nothing is repeated", cfg.Interval, around.Operation)
	return w
}

// Cost returns what the stage adds to the worst that one operation can cost. cfg
// must be effective.
func (cfg Config) Cost() stage.Cost {
	return stage.Cost{Retries: max(cfg.MaxRetries, 0), Backoff: cfg.bounds}
}
