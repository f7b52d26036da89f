// SPDX-License-Identifier: Apache-2.0

package hedge

import (
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
)

// Config says when an operation is run a second time. The zero value means the
// defaults.
type Config struct {
	// Delay is how long the first run goes on alone. With a Quantile, it is the
	// shortest delay, and the delay until enough latencies are known. Zero is
	// 100 ms.
	Delay time.Duration
	// Quantile makes the delay follow the recent latencies: with 0.95, the slowest
	// twentieth of the operations is hedged. It is below one. Zero keeps the delay
	// fixed.
	Quantile float64
	// Budget is charged for each second run, and gets the charge back if no attempt of
	// that run reached the end of the chain. There is no second run if it grants none.
	// Set the Budget of the client's retry stage, so that one budget bounds
	// retries and hedges. Nil is a budget of the hedger's own, with 10 % + 10/s and
	// PayIn.
	Budget *core.Budget
	// PayIn makes each operation given to Do pay its share into Budget, unless its first
	// run is refused locally before the delay. It is for a Budget into which no retry
	// stage pays.
	PayIn bool
}

// Effective returns the configuration in force, which is cfg with its defaults.
// The error names everything that is wrong with cfg. Each call makes a new default
// Budget.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	if !(cfg.Quantile >= 0 && cfg.Quantile < 1) {
		faults.Add("Quantile is %v, want above 0 and below 1, or 0 for a fixed delay", cfg.Quantile)
	}
	fault.Default(&faults, "Delay", &cfg.Delay, 100*time.Millisecond)
	if cfg.Budget == nil {
		budget, err := core.NewBudget(0.1, 10)
		if err != nil {
			faults = append(faults, err)
		}
		cfg.Budget, cfg.PayIn = budget, true
	}
	return cfg, faults.Err("hedge")
}
