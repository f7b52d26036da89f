// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/health"
)

// random returns a valid configuration.
func random(r *rand.Rand) health.Config {
	cfg := health.Config{
		Probe:         func(context.Context) error { return nil },
		Name:          []string{"", "docs"}[r.IntN(2)],
		Interval:      stagetest.Duration(r),
		Timeout:       stagetest.Duration(r),
		DownThreshold: r.IntN(5),
		UpThreshold:   r.IntN(5),
	}
	if cfg.Interval > 0 && r.IntN(2) == 0 {
		cfg.RecoveryInterval = 1 + cfg.Interval/time.Duration(2+r.IntN(5))
	}
	if r.IntN(2) == 0 {
		cfg.MaxRate = 1 + r.IntN(100)
		cfg.Replicas = r.IntN(20) * r.IntN(100)
	}
	return cfg
}

func TestEffectiveKeepsWhatIsSet(t *testing.T) { stagetest.Effective(t, random) }

func TestTheZeroConfigMeansTheDefaults(t *testing.T) {
	probe := func(context.Context) error { return nil }
	cfg, err := health.Config{Probe: probe}.Effective()
	if cfg.Name != "health" || cfg.Interval != 10*time.Second || cfg.RecoveryInterval != time.Second || cfg.MaxRate != 0 || cfg.Timeout != 5*time.Second || cfg.DownThreshold != 3 || cfg.UpThreshold != 1 || err != nil {
		t.Errorf("Effective = %+v, %v, not what is documented", cfg, err)
	}
	if cfg, err := (health.Config{Probe: probe, Interval: time.Second / 2}).Effective(); cfg.Timeout != time.Second/2 || cfg.RecoveryInterval != time.Second/2 || err != nil {
		t.Errorf("Effective = %+v, %v, want nothing longer than the interval", cfg, err)
	}
}

func TestDescribeAndWarningsSayWhatHolds(t *testing.T) {
	stagetest.Stage[health.Config]{
		Name:   health.Name,
		Random: random,
		Numbers: func(cfg health.Config, _ stage.Around) []string {
			all := []string{cfg.Interval.String(), cfg.Timeout.String(), cfg.RecoveryInterval.String()}
			if cfg.MaxRate > 0 {
				all = append(all, health.Apart(cfg).String())
			}
			return append(all, strconv.Itoa(cfg.DownThreshold), strconv.Itoa(cfg.UpThreshold))
		},
		Rules: func(cfg health.Config, around stage.Around) map[string]bool {
			return map[string]bool{
				"health stands outside of retry":         around.Outside("health", "retry"),
				"health stands outside of breaker":       around.Outside("health", "breaker"),
				"is longer than Breaker.RecoveryTimeout": around.Recovery > 0 && cfg.RecoveryInterval > around.Recovery,
				"and Breaker.RecoveryTimeout is":         around.Recovery > 0 && cfg.MaxRate > 0 && health.Apart(cfg) > around.Recovery,
				"is longer than Health.Interval":         cfg.Timeout > cfg.Interval,
			}
		},
	}.Test(t)
}
