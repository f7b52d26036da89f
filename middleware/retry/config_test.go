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
		{retry.Config{MaxRetries: -2, Interval: -1, Cap: -1, Jitter: 7},
			[]string{"MaxRetries is negative: -2", "retry.None", "Interval is negative", "Cap is negative", "Jitter is unknown: 7"}},
		{retry.Config{Interval: time.Minute}, []string{"Interval 1m0s is above Cap 20s"}},
		{retry.Config{Interval: time.Second, Cap: time.Millisecond}, []string{"Interval 1s is above Cap 1ms"}},
	} {
		stage, err := retry.New(row.cfg)
		if err == nil || stage != nil {
			t.Errorf("New(%+v) = %v, want an error", row.cfg, err)
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
	if retry.DefaultMaxRetries != 3 || retry.DefaultInterval != time.Second || retry.DefaultCap != 20*time.Second {
		t.Error("the defaults are not those that are documented")
	}
	if _, err := retry.New(retry.Config{}); err != nil {
		t.Errorf("New = %v", err)
	}
}
