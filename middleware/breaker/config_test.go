// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"math"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/middleware/breaker"
)

func TestTheZeroConfigMeansTheDefaults(t *testing.T) {
	b, err := breaker.New(breaker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	want := breaker.Configuration{FailureThreshold: 5, RecoveryTimeout: 30, HalfOpenSuccesses: 3, MaxHalfOpenRequests: 2}
	if got := b.Snapshot().Configuration; got != want {
		t.Errorf("configuration %+v, want %+v", got, want)
	}
	if stage := b.Stage(); stage.Name != "breaker" || stage.Middleware == nil {
		t.Errorf("Stage = %+v", stage)
	}
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		cfg  breaker.Config
		want []string
	}{
		{breaker.Config{
			FailureThreshold: -1, RecoveryTimeout: -1, HalfOpenSuccesses: -1, MaxHalfOpenRequests: -1, FairRun: -1,
			SlowCallRate: -1, SlowCallThreshold: -1, SlowCallWindow: -1,
		}, []string{
			"FailureThreshold", "RecoveryTimeout", "HalfOpenSuccesses", "MaxHalfOpenRequests", "FairRun",
			"SlowCallRate", "SlowCallThreshold", "SlowCallWindow",
		}},
		{breaker.Config{SlowCallRate: 1.1}, []string{"SlowCallRate is 1.1"}},
		{breaker.Config{SlowCallRate: math.NaN()}, []string{"SlowCallRate is NaN"}},
		{breaker.Config{SlowCallThreshold: 1}, []string{"SlowCallRate is not"}},
		{breaker.Config{SlowCallWindow: 1}, []string{"SlowCallRate is not"}},
	} {
		b, err := breaker.New(row.cfg)
		if err == nil || b != nil {
			t.Errorf("New(%+v) = %v, %v, want an error", row.cfg, b, err)
			continue
		}
		for _, want := range append(row.want, "breaker: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("New(%+v) = %q, want %q in it", row.cfg, err, want)
			}
		}
	}
}

func TestStatesHaveNames(t *testing.T) {
	for state, want := range map[breaker.State]string{breaker.Closed: "closed", breaker.Open: "open", breaker.HalfOpen: "half_open"} {
		if got := state.String(); got != want {
			t.Errorf("State(%d) = %q, want %q", state, got, want)
		}
	}
}
