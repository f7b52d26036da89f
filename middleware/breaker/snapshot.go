// SPDX-License-Identifier: Apache-2.0

package breaker

import "time"

// Snapshot is the state of a breaker at one moment, for people and for JSON.
// Durations are in seconds.
type Snapshot struct {
	Name          string        `json:"name"`
	State         string        `json:"state"`
	Configuration Configuration `json:"configuration"`
	Counters      Counters      `json:"counters"`
	Timing        Timing        `json:"timing"`
	Current       Current       `json:"current_state"`
}

// Configuration is what the breaker was configured with, defaults included.
type Configuration struct {
	FailureThreshold    int     `json:"failure_threshold"`
	RecoveryTimeout     float64 `json:"recovery_timeout"`
	HalfOpenSuccesses   int     `json:"half_open_success_threshold"`
	MaxHalfOpenRequests int     `json:"max_half_open_requests"`
}

// Counters are what the breaker has counted: operations, or attempts with
// Config.CountAttempts.
type Counters struct {
	FailureCount      uint64 `json:"failure_count"` // in a row, now
	SuccessCount      uint64 `json:"success_count"` // of probes, in this half-open time
	TotalRequests     uint64 `json:"total_requests"`
	TotalSuccesses    uint64 `json:"total_successes"`
	TotalFailures     uint64 `json:"total_failures"`
	TotalNeutral      uint64 `json:"total_neutral"`
	TotalFastFailures uint64 `json:"total_fast_failures"` // refused
	StateChangeCount  uint64 `json:"state_change_count"`
}

// Timing says when the breaker last moved. The times are zero if it never did.
type Timing struct {
	LastStateChange time.Time `json:"last_state_change,omitzero"`
	OpenedAt        time.Time `json:"opened_at,omitzero"`
	OpenedBecause   string    `json:"opened_because,omitempty"`
	RetryAfter      float64   `json:"retry_after"` // zero unless open
}

// Current says what the breaker does at the moment.
type Current struct {
	HalfOpenRequests   int64   `json:"half_open_requests"`
	SuccessRatePercent float64 `json:"success_rate_percent"` // 100 before the first outcome
}

// Snapshot returns the present state and the totals. It changes nothing. While
// operations run, the counters may be of slightly different moments.
func (b *Breaker) Snapshot() Snapshot {
	p := b.current.Load()
	state := p.state()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Snapshot{
		Name:  b.cfg.Name,
		State: state.String(),
		Configuration: Configuration{
			FailureThreshold:    b.cfg.FailureThreshold,
			RecoveryTimeout:     b.cfg.RecoveryTimeout.Seconds(),
			HalfOpenSuccesses:   b.cfg.HalfOpenSuccesses,
			MaxHalfOpenRequests: b.cfg.MaxHalfOpenRequests,
		},
		Counters: Counters{
			FailureCount:      uint64(b.consecutive.Load()),
			TotalSuccesses:    b.succeeded.Load(),
			TotalFailures:     b.failed.Load(),
			TotalNeutral:      b.neutral.Load(),
			TotalFastFailures: b.rejected.Load(),
			StateChangeCount:  b.moves,
		},
		Timing:  Timing{LastStateChange: b.movedAt, OpenedAt: b.openedAt},
		Current: Current{HalfOpenRequests: p.probes.Load(), SuccessRatePercent: 100},
	}
	c := &s.Counters
	c.TotalRequests = c.TotalSuccesses + c.TotalFailures + c.TotalNeutral + c.TotalFastFailures
	if state == HalfOpen {
		c.SuccessCount = uint64(p.successes.Load())
	}
	if answered := c.TotalSuccesses + c.TotalFailures; answered > 0 {
		s.Current.SuccessRatePercent = 100 * float64(c.TotalSuccesses) / float64(answered)
	}
	if b.cause != nil {
		s.Timing.OpenedBecause = b.cause.Error()
	}
	if state == Open {
		s.Timing.RetryAfter = max(b.cfg.RecoveryTimeout-time.Since(b.openedAt), 0).Seconds()
	}
	return s
}
