// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/middleware/retry"
)

func TestNewNamesAllThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		cfg  retry.Config
		want []string
	}{
		{retry.Config{MaxRetries: -2, Interval: -1, MaxInterval: -1, Jitter: 7},
			[]string{"MaxRetries is -2, want 0", "retry.None", "Interval is -", "MaxInterval is -", "Jitter is jitter(7), want full, equal or none"}},
		{retry.Config{Interval: time.Minute}, []string{"Interval 1m0s is above MaxInterval 20s"}},
		{retry.Config{Interval: time.Second, MaxInterval: time.Millisecond}, []string{"Interval 1s is above MaxInterval 1ms"}},
	} {
		stage, err := retry.New(row.cfg)
		if _, same := row.cfg.Effective(); err == nil || stage != nil || same == nil || same.Error() != err.Error() {
			t.Errorf("New(%+v) = %v, Effective = %v; want the same error", row.cfg, err, same)
			continue
		}
		for _, want := range append(row.want, "retry: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("New(%+v) = %q, want %q in it", row.cfg, err, want)
			}
		}
	}
}

func TestTheZeroConfigMeansTheDefaults(t *testing.T) {
	cfg, err := retry.Config{}.Effective()
	if cfg.MaxRetries != 3 || cfg.Interval != time.Second || cfg.MaxInterval != 20*time.Second || cfg.Jitter != retry.FullJitter ||
		cfg.Budget.String() != "10 % + 10/s" || err != nil {
		t.Errorf("Effective = %+v, %v, not what is documented", cfg, err)
	}
	if _, err := retry.New(retry.Config{}); err != nil {
		t.Errorf("New = %v", err)
	}
}
