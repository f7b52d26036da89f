// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/middleware/health"
)

func TestNewMonitorNamesAllThatIsWrong(t *testing.T) {
	cfg := health.Config{Interval: -1, Timeout: -1, DownThreshold: -1, UpThreshold: -1}
	m, err := health.NewMonitor(cfg)
	if _, same := cfg.Effective(); err == nil || m != nil || same == nil || same.Error() != err.Error() {
		t.Fatalf("NewMonitor = %v, Effective = %v; want the same error", err, same)
	}
	for _, want := range []string{"health: ", "Probe is nil", "Interval is -", "Timeout is -", "DownThreshold is -", "UpThreshold is -"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("NewMonitor = %q, want %q in it", err, want)
		}
	}
}

func TestANewMonitorIsUp(t *testing.T) {
	m, err := health.NewMonitor(health.Config{Probe: func(context.Context) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if !m.Up() || m.Last() != nil {
		t.Errorf("up %v, last probe %v; want up, and none", m.Up(), m.Last())
	}
}
