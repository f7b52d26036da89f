// SPDX-License-Identifier: Apache-2.0

package breaker

import "time"

// Snapshot is the state of a breaker at one moment, for people and for JSON.
// Durations are in seconds.
type Snapshot struct {
	Name          string        `json:"name"`
	Key           string        `json:"key,omitempty"` // in a Keyed
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

	// What is not switched on is left out.
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
	FailureCount      uint64 `json:"failure_count"` // in a row, now
	SuccessCount      uint64 `json:"success_count"` // of probes, in this half-open time
	TotalRequests     uint64 `json:"total_requests"`
	TotalSuccesses    uint64 `json:"total_successes"`
	TotalFailures     uint64 `json:"total_failures"`
	TotalNeutral      uint64 `json:"total_neutral"`
	TotalFastFailures uint64 `json:"total_fast_failures"` // refused
	StateChangeCount  uint64 `json:"state_change_count"`
	ListenerPanics    uint64 `json:"listener_panics,omitzero"` // of Config.OnMove
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

	// The windows, if there are any.
	WindowCalls    int `json:"window_calls,omitzero"`
	WindowFailures int `json:"window_failures,omitzero"`
	WindowAttempts int `json:"window_attempts,omitzero"` // of SlowCallRate
	WindowSlow     int `json:"window_slow,omitzero"`     // of these, those in flight included
}

// Snapshot returns the present state and the totals. It changes nothing. While
// operations run, the counters may be of slightly different moments.
func (b *Breaker) Snapshot() Snapshot {
	p := b.current.Load()
	state := p.state()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Snapshot{
		Name:          b.name,
		Key:           b.key,
		State:         state.String(),
		Configuration: b.cfg.shown(),
		Counters:      b.counters(),
		Timing:        Timing{LastStateChange: b.movedAt, OpenedAt: b.openedAt},
		Current:       Current{HalfOpenRequests: p.probes.Load(), SuccessRatePercent: 100},
	}
	if state == HalfOpen {
		s.Counters.SuccessCount = uint64(p.successes.Load())
	}
	if answered := s.Counters.TotalSuccesses + s.Counters.TotalFailures; answered > 0 {
		s.Current.SuccessRatePercent = 100 * float64(s.Counters.TotalSuccesses) / float64(answered)
	}
	if p.failures != nil {
		s.Current.WindowCalls, s.Current.WindowFailures = p.failures.sums()
	}
	if p.slow != nil {
		s.Current.WindowAttempts, s.Current.WindowSlow = p.slow.sums()
	}
	if b.cause != nil {
		s.Timing.OpenedBecause = b.cause.Error()
	}
	if state == Open {
		s.Timing.RetryAfter = max(b.cfg.RecoveryTimeout-time.Since(b.openedAt), 0).Seconds()
	}
	return s
}

// counters returns what was counted so far. The caller holds mu.
func (b *Breaker) counters() Counters {
	c := Counters{
		FailureCount:      uint64(b.consecutive.Load()),
		TotalSuccesses:    b.succeeded.Load(),
		TotalFailures:     b.failed.Load(),
		TotalNeutral:      b.neutral.Load(),
		TotalFastFailures: b.rejected.Load(),
		StateChangeCount:  b.moves,
		ListenerPanics:    b.panics,
	}
	c.TotalRequests = c.TotalSuccesses + c.TotalFailures + c.TotalNeutral + c.TotalFastFailures
	return c
}

// shown returns what a snapshot shows of cfg, which has its defaults.
func (cfg *Config) shown() Configuration {
	c := Configuration{
		FailureThreshold:    cfg.FailureThreshold,
		RecoveryTimeout:     cfg.RecoveryTimeout.Seconds(),
		HalfOpenSuccesses:   cfg.HalfOpenSuccesses,
		MaxHalfOpenRequests: cfg.MaxHalfOpenRequests,
	}
	if cfg.FailureRate > 0 {
		c.FailureRate, c.MinimumCalls = cfg.FailureRate, cfg.MinimumCalls
		c.FailureWindow, c.FailureWindowTime = cfg.FailureWindow, cfg.FailureWindowTime.Seconds()
	}
	if cfg.SlowCallRate > 0 {
		c.SlowCallRate, c.SlowCallThreshold = cfg.SlowCallRate, cfg.SlowCallThreshold.Seconds()
		c.SlowCallWindow = cfg.SlowCallWindow
	}
	return c
}

// KeyedSnapshot is the state of the breakers of a [Keyed] at one moment, for
// people and for JSON.
type KeyedSnapshot struct {
	Name       string     `json:"name"`
	MaxKeys    int        `json:"max_keys"`
	Forgotten  uint64     `json:"forgotten"`  // breakers, so far
	Overflowed uint64     `json:"overflowed"` // operations on the overflow breaker, so far
	Counters   Counters   `json:"counters"`   // of all breakers, forgotten ones included
	Overflow   Snapshot   `json:"overflow"`
	Keys       []Snapshot `json:"keys"` // from the one used last to the one not used for longest
}

// Snapshot returns the present state of every breaker. It changes nothing. While
// operations run, the breakers may be seen at slightly different moments.
func (k *Keyed) Snapshot() KeyedSnapshot {
	k.mu.Lock()
	all := k.breakers()
	s := KeyedSnapshot{Name: k.cfg.Name, MaxKeys: k.max, Forgotten: k.evicted, Overflowed: k.overflowed, Counters: k.past}
	k.mu.Unlock()
	s.Keys = make([]Snapshot, len(all))
	for i, b := range all {
		s.Keys[i] = b.Snapshot()
		s.Counters.add(s.Keys[i].Counters)
	}
	n := len(all) - 1
	s.Keys, s.Overflow = s.Keys[:n], s.Keys[n]
	return s
}

// add adds the totals of other to c. What holds for one breaker at the moment is
// added as well.
func (c *Counters) add(other Counters) {
	c.FailureCount += other.FailureCount
	c.SuccessCount += other.SuccessCount
	c.TotalRequests += other.TotalRequests
	c.TotalSuccesses += other.TotalSuccesses
	c.TotalFailures += other.TotalFailures
	c.TotalNeutral += other.TotalNeutral
	c.TotalFastFailures += other.TotalFastFailures
	c.StateChangeCount += other.StateChangeCount
	c.ListenerPanics += other.ListenerPanics
}
