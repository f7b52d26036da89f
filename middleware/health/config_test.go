// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/middleware/health"
)

func TestNewMonitorNamesAllThatIsWrong(t *testing.T) {
	m, err := health.NewMonitor(health.Config{Interval: -1, Timeout: -1, DownThreshold: -1, UpThreshold: -1})
	if err == nil || m != nil {
		t.Fatalf("NewMonitor = %v, want an error", err)
	}
	for _, want := range []string{"health: ", "Probe is nil", "Interval is negative", "Timeout is negative", "DownThreshold is negative", "UpThreshold is negative"} {
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
