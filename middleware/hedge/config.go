// SPDX-License-Identifier: Apache-2.0

package hedge

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// DefaultDelay is the delay before the second operation unless configured
// otherwise.
const DefaultDelay = 100 * time.Millisecond

// Config says when an operation gets a second. The zero value means the
// defaults.
type Config struct {
	// Delay is how long the first operation is given alone. With a Quantile it
	// is the least, and what is taken until enough latencies are known. Zero is
	// DefaultDelay.
	Delay time.Duration
	// Quantile, above zero and below one, makes the delay follow the recent
	// latencies: with 0.95, the slowest twentieth of the operations is hedged.
	// Zero keeps the delay fixed.
	Quantile float64
	// Budget is charged for each second operation; where it grants none, there
	// is none. It should be that of the client's retry stage, into which each
	// operation pays its share already. Nil is a core.DefaultBudget of this
	// hedger's own, into which each operation given to Do pays.
	Budget *core.Budget
	// PayIn makes each operation given to Do pay into Budget, where no retry
	// stage does.
	PayIn bool
}

// withDefaults returns the configuration that cfg stands for, or an error that
// names everything that is wrong with it.
func (cfg Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if cfg.Delay < 0 {
		fault("Delay is negative: %v", cfg.Delay)
	}
	if !(cfg.Quantile >= 0 && cfg.Quantile < 1) {
		fault("Quantile is %v, want above 0 and below 1, or 0 for a fixed delay", cfg.Quantile)
	}
	if cfg.Delay == 0 {
		cfg.Delay = DefaultDelay
	}
	if cfg.Budget == nil {
		cfg.Budget, cfg.PayIn = core.DefaultBudget(), true
	}
	if len(faults) > 0 {
		return cfg, fmt.Errorf("hedge: bad configuration: %w", errors.Join(faults...))
	}
	return cfg, nil
}
