// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"strings"

	"github.com/penstock-go/penstock/internal/stage"
)

// Describe says in one line when the breaker opens and how it closes. cfg is
// effective, see [Config.Effective].
func (cfg Config) Describe(stage.Around) string {
	what := "operation"
	if cfg.CountAttempts {
		what = "attempt"
	}
	var opens []string
	if cfg.FailureThreshold > 0 {
		opens = append(opens, "after "+stage.Count(cfg.FailureThreshold, "failed "+what)+" in a row")
	}
	if cfg.FailureRate > 0 {
		window := "the last " + stage.Count(cfg.FailureWindow, what)
		if cfg.FailureWindowTime > 0 {
			window = fmt.Sprintf("the %ss of the last %v", what, cfg.FailureWindowTime)
		}
		opens = append(opens, fmt.Sprintf("at %s failures of %s (at least %d)", percent(cfg.FailureRate), window, cfg.MinimumCalls))
	}
	if cfg.SlowCallRate > 0 {
		opens = append(opens, fmt.Sprintf("when %s of %s take %v", percent(cfg.SlowCallRate), stage.Count(cfg.SlowCallWindow, "attempt"), cfg.SlowCallThreshold))
	}
	return fmt.Sprintf("opens %s; probes after %v, %d at once; closes after %s",
		strings.Join(opens, ", or "), cfg.RecoveryTimeout, cfg.MaxHalfOpenRequests, stage.Count(cfg.HalfOpenSuccesses, "good one"))
}

// percent prints a rate, without the digits that it has only because it is no
// exact float.
func percent(rate float64) string { return fmt.Sprintf("%.9g %%", 100*rate) }

// Cost says what the stage adds to the worst that one operation can cost.
func (cfg Config) Cost() stage.Cost { return stage.Cost{Recovery: cfg.RecoveryTimeout} }

// Stages that the breaker has to get along with.
const (
	retryStage   = "retry"
	timeoutStage = "timeout"
)

// Warnings says which settings are doubtful in a chain that has this stage. cfg
// is effective, see [Config.Effective].
func (cfg Config) Warnings(around stage.Around) []string {
	var w stage.Warnings
	cfg.warnOfRetries(&w, around)
	cfg.warnOfLimits(&w, around)
	for _, op := range around.Ops {
		w.Warn(around.Has(timeoutStage) && op.Timeout > cfg.RecoveryTimeout,
			"operation %q has a Timeout of %v, longer than Breaker.RecoveryTimeout %v: the breaker tries the backend again before its attempts that hang have ended",
			op.Name, op.Timeout, cfg.RecoveryTimeout)
	}
	return w
}

func (cfg *Config) warnOfRetries(w *stage.Warnings, around stage.Around) {
	retries := 0
	if around.Has(retryStage) {
		retries = around.Retries
	}
	if cfg.CountAttempts {
		w.Warn(cfg.FailureThreshold > 0 && cfg.FailureThreshold <= retries,
			"Breaker.FailureThreshold %d counts attempts, of which one operation makes up to %d: a single operation opens the breaker, and has its last attempts forbidden",
			cfg.FailureThreshold, retries+1)
		return
	}
	alone := ""
	if cfg.FailureThreshold > 0 && cfg.FailureThreshold <= retries+1 {
		alone = ", so a single operation can open it"
	}
	w.Warn(retries > 0 && around.Outside(retryStage, Name),
		"retry stands outside of breaker, which counts operations: it counts each attempt as an operation%s; set Breaker.CountAttempts or the default order", alone)
}

func (cfg *Config) warnOfLimits(w *stage.Warnings, around stage.Around) {
	w.Warn(cfg.RecoveryTimeout < around.Attempt,
		"Breaker.RecoveryTimeout %v is shorter than the attempt timeout %v: the breaker tries the backend again before the attempts that hang have ended",
		cfg.RecoveryTimeout, around.Attempt)
	// An attempt that its own timeout ends is a failure however short it ran.
	limit := around.Shortest()
	w.Warn(limit > 0 && limit == around.Operation && cfg.FairRun >= limit,
		"Breaker.FairRun %v is not below the operation timeout %v: a backend that hangs never opens the breaker", cfg.FairRun, limit)
	w.Warn(cfg.SlowCallRate > 0 && limit > 0 && cfg.SlowCallThreshold > limit,
		"Breaker.SlowCallThreshold %v is above the limit %v of an attempt: no attempt is ever slow", cfg.SlowCallThreshold, limit)
}
