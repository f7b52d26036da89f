// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"time"

	"github.com/penstock-go/penstock/internal/brief"
)

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

// Configuration is the effective configuration, see [Config.Effective].
type Configuration struct {
	FailureThreshold    int     `json:"failure_threshold"`
	RecoveryTimeout     float64 `json:"recovery_timeout"`
	HalfOpenSuccesses   int     `json:"half_open_success_threshold"`
	MaxHalfOpenRequests int     `json:"max_half_open_requests"`

	// The fields of a policy that is not in force are left out.
	FailureRate       float64 `json:"failure_rate,omitzero"`
	FailureWindow     int     `json:"failure_window,omitzero"`
	FailureWindowTime float64 `json:"failure_window_time,omitzero"`
	MinimumCalls      int     `json:"minimum_calls,omitzero"`
	SlowCallRate      float64 `json:"slow_call_rate,omitzero"`
	SlowCallThreshold float64 `json:"slow_call_threshold,omitzero"`
	SlowCallWindow    int     `json:"slow_call_window,omitzero"`
}

// Counters are what the breaker has counted: operations, or attempts with
// Config.CountAttempts.
type Counters struct {
	FailureCount      uint64 `json:"failure_count"` // failures in a row, now
	SuccessCount      uint64 `json:"success_count"` // probes that succeeded, in this half-open period
	TotalRequests     uint64 `json:"total_requests"`
	TotalSuccesses    uint64 `json:"total_successes"`
	TotalFailures     uint64 `json:"total_failures"`
	TotalNeutral      uint64 `json:"total_neutral"`
	TotalFastFailures uint64 `json:"total_fast_failures"` // refused
	StateChangeCount  uint64 `json:"state_change_count"`
	ListenerPanics    uint64 `json:"listener_panics,omitzero"` // panics and Goexits of Config.OnTransition
}

// Timing says when the breaker had its last transitions. A time is zero if there
// was none.
type Timing struct {
	LastStateChange time.Time `json:"last_state_change,omitzero"`
	OpenedAt        time.Time `json:"opened_at,omitzero"`
	OpenedBecause   string    `json:"opened_because,omitempty"` // text of the error, cut
	RetryAfter      float64   `json:"retry_after"`              // zero unless open
}

// Current says what the breaker does at the moment.
type Current struct {
	HalfOpenRequests   int64   `json:"half_open_requests"`
	SuccessRatePercent float64 `json:"success_rate_percent"` // 100 before the first outcome

	// The windows of the policies that are in force.
	WindowCalls    int `json:"window_calls,omitzero"`
	WindowFailures int `json:"window_failures,omitzero"`
	WindowAttempts int `json:"window_attempts,omitzero"` // of SlowCallRate
	WindowSlow     int `json:"window_slow,omitzero"`     // slow attempts, including those in flight
}

// Snapshot returns the present state and the totals. It changes nothing. While
// operations run, the counters may be of slightly different moments.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.current.Load()
	state := p.state()
	s := Snapshot{
		Name:          b.name,
		State:         state.String(),
		Configuration: b.cfg().shown(),
		Counters:      b.counters(p),
		Timing:        Timing{LastStateChange: b.transitionedAt, OpenedAt: b.openedAt},
		Current:       Current{HalfOpenRequests: int64(p.places.taken), SuccessRatePercent: 100},
	}
	if answered := s.Counters.TotalSuccesses + s.Counters.TotalFailures; answered > 0 {
		s.Current.SuccessRatePercent = 100 * float64(s.Counters.TotalSuccesses) / float64(answered)
	}
	if failures := p.failures.Load(); failures != nil {
		s.Current.WindowCalls, s.Current.WindowFailures = failures.sums()
	}
	if slow := p.slow.Load(); slow != nil {
		s.Current.WindowAttempts, s.Current.WindowSlow = slow.sums()
	}
	if b.cause != nil {
		s.Timing.OpenedBecause = brief.Text(b.cause)
	}
	if state == Open {
		s.Timing.RetryAfter = p.retryAfter(state, b.now()).Seconds()
	}
	return s
}

// counters returns what was counted so far; p is the current period. The caller
// holds mu.
func (b *Breaker) counters(p *period) Counters {
	c := Counters{
		FailureCount:      uint64(p.row.Load()),
		SuccessCount:      uint64(p.successes.Load()),
		TotalSuccesses:    b.succeeded.Load(),
		TotalFailures:     b.failed.Load(),
		TotalNeutral:      b.neutral.Load(),
		TotalFastFailures: b.rejected.Load(),
		StateChangeCount:  b.transitions,
	}
	if l := b.listener.Load(); l != nil {
		c.ListenerPanics = l.failures()
	}
	c.TotalRequests = c.TotalSuccesses + c.TotalFailures + c.TotalNeutral + c.TotalFastFailures
	return c
}

// shown returns what a snapshot shows of cfg, which is effective.
func (cfg *Config) shown() Configuration {
	return Configuration{
		FailureThreshold:    cfg.FailureThreshold,
		RecoveryTimeout:     cfg.RecoveryTimeout.Seconds(),
		HalfOpenSuccesses:   cfg.HalfOpenSuccesses,
		MaxHalfOpenRequests: cfg.MaxHalfOpenRequests,
		FailureRate:         cfg.FailureRate,
		FailureWindow:       cfg.FailureWindow,
		FailureWindowTime:   cfg.FailureWindowTime.Seconds(),
		MinimumCalls:        cfg.MinimumCalls,
		SlowCallRate:        cfg.SlowCallRate,
		SlowCallThreshold:   cfg.SlowCallThreshold.Seconds(),
		SlowCallWindow:      cfg.SlowCallWindow,
	}
}
