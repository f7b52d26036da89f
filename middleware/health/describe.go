// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
)

// Describe returns the line of the stage in the description of a chain. cfg must
// be effective, see [Config.Effective].
func (cfg Config) Describe(stage.Around) string {
	share := ""
	if cfg.MaxRate > 0 {
		share = fmt.Sprintf(" (%s: one in %v at most)", stage.Count(cfg.Replicas, "replica"), cfg.apart())
	}
	return fmt.Sprintf("probes every %v, for %v at most; every %v while the backend is away%s; shut after %d failed in a row, open after %d",
		cfg.Interval, cfg.Timeout, cfg.RecoveryInterval, share, cfg.DownThreshold, cfg.UpThreshold)
}

// apart returns the time that MaxRate leaves between two probes of one replica, as it is
// printed.
func (cfg *Config) apart() time.Duration {
	s := newShare(cfg)
	return max(s.pause, s.cell).Round(time.Millisecond)
}

// Warnings returns what is doubtful about cfg in the chain around the stage. cfg
// must be effective.
func (cfg Config) Warnings(around stage.Around) []string {
	var w stage.Warnings
	w.Warn(around.Outside(Name, "retry"),
		"health stands outside of retry: further attempts are made also after the gate has shut")
	w.Warn(around.Outside(Name, "breaker"),
		"health stands outside of breaker: what passes the shut gate to test the backend may be refused by the breaker, and then tests nothing")
	w.Warn(around.Recovery > 0 && cfg.RecoveryInterval > around.Recovery,
		"Health.RecoveryInterval %v is longer than Breaker.RecoveryTimeout %v: after an outage the gate keeps out what the breaker lets through", cfg.RecoveryInterval, around.Recovery)
	w.Warn(around.Recovery > 0 && cfg.apart() > around.Recovery,
		"Health.MaxRate %d leaves each of %d replicas one probe in %v, and Breaker.RecoveryTimeout is %v: after an outage the gate keeps out what the breaker lets through",
		cfg.MaxRate, cfg.Replicas, cfg.apart(), around.Recovery)
	w.Warn(cfg.Timeout > cfg.Interval,
		"Health.Timeout %v is longer than Health.Interval %v: a probe that hangs delays those after it", cfg.Timeout, cfg.Interval)
	return w
}
