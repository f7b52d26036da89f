// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"math"
	"strings"
	"testing"
	"time"

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
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	for _, row := range []struct {
		cfg  breaker.Config
		want []string
	}{
		{breaker.Config{
			FailureThreshold: -1, RecoveryTimeout: -1, HalfOpenSuccesses: -1, MaxHalfOpenRequests: -1, FairRun: -1,
			FailureRate: -1, FailureWindow: -1, FailureWindowTime: -1, MinimumCalls: -1,
			SlowCallRate: -1, SlowCallThreshold: -1, SlowCallWindow: -1,
		}, []string{
			"FailureThreshold", "RecoveryTimeout", "HalfOpenSuccesses", "MaxHalfOpenRequests", "FairRun",
			"FailureRate is -1", "FailureWindow is -", "FailureWindowTime is -", "MinimumCalls is -",
			"FailureWindow and FailureWindowTime", "SlowCallRate", "SlowCallThreshold", "SlowCallWindow",
		}},
		{breaker.Config{FailureRate: 1.1}, []string{"FailureRate is 1.1"}},
		{breaker.Config{FailureRate: math.NaN()}, []string{"FailureRate is NaN"}},
		{breaker.Config{FailureWindow: 1}, []string{"FailureRate is not"}},
		{breaker.Config{FailureWindowTime: time.Second}, []string{"FailureRate is not"}},
		{breaker.Config{MinimumCalls: 1}, []string{"FailureRate is not"}},
		{breaker.Config{FailureRate: 1, FailureWindow: 5, FailureWindowTime: time.Second}, []string{"both set"}},
		{breaker.Config{FailureRate: 1, FailureWindow: 5, MinimumCalls: 6}, []string{"MinimumCalls is 6", "holds 5"}},
		{breaker.Config{FailureRate: 1, MinimumCalls: 101}, []string{"MinimumCalls is 101", "holds 100"}},
		{breaker.Config{FailureRate: 1, FailureWindowTime: time.Microsecond}, []string{"FailureWindowTime is 1µs"}},
		{breaker.Config{FailureRate: 1, FailureWindow: math.MaxInt}, []string{"FailureWindow 9223372036854775807 exceeds 1048576"}},
		{breaker.Config{SlowCallRate: 1, SlowCallWindow: 1<<20 + 1}, []string{"SlowCallWindow 1048577 exceeds 1048576"}},
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

func TestNewTakesWhatGoesTogether(t *testing.T) {
	slow := breaker.Config{SlowCallRate: 0.5}
	byCount := breaker.Config{FailureRate: 0.5, FailureWindow: 10}
	byTime := breaker.Config{FailureRate: 0.5, FailureWindowTime: time.Minute, MinimumCalls: 1000, FailureThreshold: 50}
	of := func(c breaker.Configuration) breaker.Configuration {
		c.RecoveryTimeout, c.HalfOpenSuccesses, c.MaxHalfOpenRequests = 30, 3, 2
		return c
	}
	for _, row := range []struct {
		cfg  breaker.Config
		want breaker.Configuration
	}{
		{slow, of(breaker.Configuration{FailureThreshold: 5, SlowCallRate: 0.5, SlowCallThreshold: 1, SlowCallWindow: 20})},
		{byCount, of(breaker.Configuration{FailureRate: 0.5, FailureWindow: 10, MinimumCalls: 10})},
		{byTime, of(breaker.Configuration{FailureThreshold: 50, FailureRate: 0.5, FailureWindowTime: 60, MinimumCalls: 1000})},
		{breaker.Config{FailureRate: 1, FailureWindow: 1 << 20}, of(breaker.Configuration{FailureRate: 1, FailureWindow: 1 << 20, MinimumCalls: 20})},
		{breaker.Config{FailureRate: 1}, of(breaker.Configuration{FailureRate: 1, FailureWindow: 100, MinimumCalls: 20})},
	} {
		b, err := breaker.New(row.cfg)
		if err != nil {
			t.Errorf("New(%+v) = %v", row.cfg, err)
			continue
		}
		if got := b.Snapshot().Configuration; got != row.want {
			t.Errorf("New(%+v) has %+v, want %+v", row.cfg, got, row.want)
		}
	}
}

func TestStatesHaveNames(t *testing.T) {
	for state, want := range map[breaker.State]string{
		breaker.Closed: "closed", breaker.Open: "open", breaker.HalfOpen: "half_open",
		breaker.ForcedOpen: "forced_open", breaker.ForcedClosed: "forced_closed", breaker.Disabled: "disabled",
	} {
		if got := state.String(); got != want {
			t.Errorf("State(%d) = %q, want %q", state, got, want)
		}
	}
}
