// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

func probeOK(context.Context) error { return nil }

func passOn(next core.Handler) core.Handler { return next }

func TestGoodConfigurationsHaveNoWarnings(t *testing.T) {
	for name, cfg := range map[string]middleware.Config{
		"the defaults":            {},
		"the defaults and a gate": {Health: &health.Config{Probe: probeOK}},
		"nothing but a limit":     leaveOut(middleware.Config{}, "trace", "breaker", "retry"),
		"nothing at all, but an operation timeout": leaveOut(middleware.Config{
			Order: []string{}, OperationTimeout: time.Second,
		}, middleware.DefaultOrder()...),
		"strict latency": {
			OperationTimeout: 500 * time.Millisecond,
			Timeout:          timeout.Config{Attempt: 200 * time.Millisecond},
			Retry:            retry.Config{MaxRetries: 1, Interval: 20 * time.Millisecond, MaxInterval: 20 * time.Millisecond},
		},
		"a batch job": {
			OperationTimeout: 10 * time.Minute,
			Timeout:          timeout.Config{Attempt: time.Minute},
			Breaker:          breaker.Config{RecoveryTimeout: time.Minute},
			Retry:            retry.Config{MaxRetries: 5, Interval: 2 * time.Second, MaxInterval: 30 * time.Second},
		},
		"attempts count, more than one operation has": {Breaker: breaker.Config{CountAttempts: true, FailureThreshold: 8}},
		"retry outside, attempts count": {
			Order:   []string{"trace", "retry", "breaker", "timeout"},
			Breaker: breaker.Config{CountAttempts: true, FailureThreshold: 8},
		},
		"no retries, so their settings do not matter": {
			Retry: retry.Config{MaxRetries: retry.None, Jitter: retry.NoJitter, Budget: unlimited()},
		},
		// What an attempt's own limit ends is a failure, however short it ran.
		"attempts shorter than a fair run": {Timeout: timeout.Config{Attempt: 50 * time.Millisecond}},
		"slow calls":                       {Breaker: breaker.Config{SlowCallRate: 0.5}},
		"an operation with a limit of its own": {
			OperationTimeout: time.Minute,
			Ops:              []core.Op{{Name: "Search", Timeout: time.Second}, {Name: "Load", Timeout: 20 * time.Second}},
		},
		"a stage of one's own": {Stages: []middleware.Stage{{Name: "audit", Middleware: passOn, After: "trace"}}},
	} {
		chain, err := middleware.Build(cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if len(chain.Warnings) > 0 {
			t.Errorf("%s: warnings %q", name, chain.Warnings)
		}
	}
}

// Each row has one fault of its own, and only that is named.
func TestSettingsThatWorkAgainstEachOtherAreNamed(t *testing.T) {
	gate := &health.Config{Probe: probeOK}
	for _, row := range []struct {
		name    string
		cfg     middleware.Config
		refused bool
		want    string
	}{
		{"operation timeout negative", middleware.Config{OperationTimeout: -1}, true, "OperationTimeout is -1ns, want 0"},
		{"attempt not below the operation", middleware.Config{
			OperationTimeout: 2 * time.Second, Timeout: timeout.Config{Attempt: 2 * time.Second},
		}, true, "Timeout.Attempt 2s is not below OperationTimeout 2s: an attempt would never end by it"},
		{"default attempt not below the operation", middleware.Config{OperationTimeout: 5 * time.Second}, false,
			"the attempt timeout 10s (the default) is not below the operation timeout 5s: an attempt that hangs is never repeated; set Timeout.Attempt"},
		{"timeout of an Op negative", middleware.Config{Ops: []core.Op{{Name: "Search", Timeout: -time.Second}}}, true,
			`Timeout of operation "Search" is -1s, want 0`},
		{"timeout of an Op not below the operation", middleware.Config{
			OperationTimeout: time.Minute, Ops: []core.Op{{Name: "Search", Timeout: time.Hour}},
		}, true, `Timeout 1h0m0s of operation "Search" is not below OperationTimeout 1m0s`},
		{"timeout of an Op that nobody heeds", leaveOut(middleware.Config{
			OperationTimeout: time.Minute, Ops: []core.Op{{Name: "Search", Timeout: time.Second}},
		}, "timeout"), false, `operation "Search" has a Timeout of 1s, but the chain has no timeout stage to heed it`},
		{"timeout of an Op longer than recovery", middleware.Config{Ops: []core.Op{{Name: "Load", Timeout: time.Minute}}}, false,
			`operation "Load" has a Timeout of 1m0s, longer than Breaker.RecoveryTimeout 30s`},
		{"recovery shorter than the attempt", middleware.Config{Breaker: breaker.Config{RecoveryTimeout: time.Second}}, false,
			"Breaker.RecoveryTimeout 1s is shorter than the attempt timeout 10s"},
		{"no budget", middleware.Config{Retry: retry.Config{Budget: unlimited()}}, false,
			"the retry budget is unlimited: in an outage the backend gets up to 4 times the load"},
		{"no jitter", middleware.Config{Retry: retry.Config{Jitter: retry.NoJitter}}, false,
			"retries wait without jitter"},
		{"trace inside", middleware.Config{Order: []string{"breaker", "trace", "retry", "timeout"}}, false,
			`trace stands inside of "breaker": no span shows their work`},
		{"retry outside the breaker", middleware.Config{Order: []string{"trace", "retry", "breaker", "timeout"}}, false,
			"retry stands outside of breaker, which counts operations"},
		{"timeout outside retry", middleware.Config{Order: []string{"trace", "breaker", "timeout", "retry"}}, false,
			"timeout stands outside of retry: 10s limits all attempts"},
		{"health outside retry", middleware.Config{Order: []string{"trace", "breaker", "health", "retry", "timeout"}, Health: gate}, false,
			"health stands outside of retry"},
		{"health outside the breaker", leaveOut(middleware.Config{
			Order: []string{"trace", "health", "breaker", "timeout"}, Health: gate,
		}, "retry"), false, "health stands outside of breaker"},
		{"health outside trace", leaveOut(middleware.Config{
			Order: []string{"health", "trace", "timeout"}, Health: gate,
		}, "retry", "breaker"), false, `trace stands inside of "health"`},
		{"a probe interval longer than recovery", middleware.Config{Health: &health.Config{Probe: probeOK, Interval: time.Minute, RecoveryInterval: time.Minute}}, false,
			"Health.RecoveryInterval 1m0s is longer than Breaker.RecoveryTimeout 30s"},
		{"too many replicas for their rate", middleware.Config{Health: &health.Config{Probe: probeOK, MaxRate: 10, Replicas: 1000}}, false,
			"Health.MaxRate 10 leaves each of 1000 replicas one probe in"},
		{"a probe longer than its interval", middleware.Config{Health: &health.Config{Probe: probeOK, Interval: time.Second, Timeout: 2 * time.Second}}, false,
			"Health.Timeout 2s is longer than Health.Interval 1s"},
		{"attempts longer than the operation", middleware.Config{
			OperationTimeout: 8 * time.Second, Timeout: timeout.Config{Attempt: 3 * time.Second},
		}, false, "the attempts may take 19s together, longer than the operation timeout 8s"},
		{"a wait that does not fit", middleware.Config{
			OperationTimeout: time.Second, Timeout: timeout.Config{Attempt: time.Second / 10}, Retry: retry.Config{MaxRetries: 1},
		}, false, "Retry.Interval 1s is not below the operation timeout 1s"},
		{"no limit at all", leaveOut(middleware.Config{}, "timeout"), false, "nothing limits an operation"},
		{"one operation opens the breaker", middleware.Config{Breaker: breaker.Config{CountAttempts: true, FailureThreshold: 3}}, false,
			"Breaker.FailureThreshold 3 counts attempts, of which one operation makes up to 4"},
		{"no fair run possible", leaveOut(middleware.Config{
			OperationTimeout: 50 * time.Millisecond, Retry: retry.Config{MaxRetries: retry.None},
		}, "timeout"), false, "Breaker.FairRun 100ms is not below the operation timeout 50ms: a backend that hangs never opens the breaker"},
		{"no attempt is ever slow", middleware.Config{Breaker: breaker.Config{SlowCallRate: 0.5, SlowCallThreshold: 11 * time.Second}}, false,
			"Breaker.SlowCallThreshold 11s is above the limit 10s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			chain, err := middleware.Build(row.cfg)
			if row.refused {
				if err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("Build = %v, want %q in it", err, row.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, w := range chain.Warnings {
				if strings.Contains(w, row.want) {
					found++
				} else if !implied[row.name] {
					t.Errorf("it also warns: %s", w)
				}
			}
			if found != 1 {
				t.Errorf("warnings %q, want %q once", chain.Warnings, row.want)
			}
			if !strings.Contains(chain.Describe(), "warning: "+row.want) {
				t.Errorf("Describe does not say it:\n%s", chain.Describe())
			}
		})
	}
}

// implied are the faults that bring another one with them.
var implied = map[string]bool{
	"a wait that does not fit": true, // nor do all attempts
}

func TestAllContradictionsAreNamedAtOnce(t *testing.T) {
	_, err := middleware.Build(middleware.Config{
		OperationTimeout: time.Second,
		Timeout:          timeout.Config{Attempt: time.Minute},
		Ops:              []core.Op{{Name: "A", Timeout: -1}, {Name: "B", Timeout: time.Second}},
		Retry:            retry.Config{Interval: -1},
	})
	for _, want := range []string{"Timeout.Attempt", `"A"`, `"B"`, "Interval is -"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Build = %v, want %q in it", err, want)
		}
	}
}
