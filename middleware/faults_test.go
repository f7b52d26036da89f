// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

const badConfiguration = "middleware: bad configuration: "

// Each fault has a line of its own, with its place and what to do.
func TestBuildNamesAllThatIsWrong(t *testing.T) {
	const defaults = "trace > breaker > keyed_breaker > bulkhead > ratelimit > retry > timeout > health > chaos"
	log := middleware.Stage{Name: "log", Middleware: pass}
	for _, row := range []struct {
		name string
		cfg  middleware.Config
		want []string
	}{
		{"several stages", middleware.Config{
			OperationTimeout: time.Second,
			Ops:              []core.Op{{Name: "A", Timeout: -1}, {Name: "B", Timeout: time.Second}},
			Breaker:          breaker.Config{FailureThreshold: -1, HalfOpenSuccesses: -1},
			KeyedBreaker:     &keyed.Config{Max: -1, Each: breaker.Config{FailureThreshold: -2, FairRun: -1}},
			Bulkhead:         &bulkhead.Config{MaxWaiting: -1},
			RateLimit:        &ratelimit.Config{Burst: -1},
			Retry:            retry.Config{MaxRetries: -7},
			Timeout:          timeout.Config{Attempt: time.Second},
			Health:           &health.Config{Interval: -1},
			Chaos:            &chaos.Config{Faults: []chaos.Fault{{Share: 2, Hang: true}, {Share: 1}}},
			Stages:           []middleware.Stage{log},
		}, []string{
			"Timeout.Attempt 1s is not below OperationTimeout 1s: an attempt would never end by it; set a lower one, or leave it out",
			`Timeout of operation "A" is -1ns, want 0 (the limit of the timeout stage) or more`,
			`Timeout 1s of operation "B" is not below OperationTimeout 1s: an attempt would never end by it; set a lower one, or leave it out`,
			"breaker: FailureThreshold is -1, want 0 (the default, 5) or more",
			"breaker: HalfOpenSuccesses is -1, want 0 (the default, 3) or more",
			"keyed: Max is -1, want 0 (the default, 1000) or more",
			"keyed: Each: FailureThreshold is -2, want 0 (the default, 5) or more",
			"keyed: Each: FairRun is -1ns, want 0 (the default, 100ms) or more",
			"bulkhead: MaxConcurrent is 0, want at least 1",
			"bulkhead: MaxWaiting is -1, want 0 or more",
			"ratelimit: Rate is 0, want above 0 and up to 1e+09",
			"ratelimit: Burst is -1, want 0 or more",
			"retry: MaxRetries is -7, want 0 (the default, 3) or more, or retry.None",
			"health: Probe is nil, and the factory has no Ping to make a probe of: write either",
			"health: Interval is -1ns, want 0 (the default, 10s) or more",
			"chaos: Faults[0]: Share is 2, want above 0 and up to 1",
			"chaos: Faults[1]: nothing happens, because none of Latency, Err, Hang and Panic is set: set one",
			`stage "log" has no place, for the order is ` + defaults + ": name the stage there, or set its Before or After",
		}},
		{"a limit below zero", middleware.Config{OperationTimeout: -1}, []string{"OperationTimeout is -1ns, want 0 (no limit) or more"}},
		{"a limit of attempts below zero", middleware.Config{Timeout: timeout.Config{Attempt: -1}}, []string{"timeout: Attempt is -1ns, want 0 (the default, 10s) or more"}},
		{"unknown in the order", middleware.Config{Order: []string{"trace", "breaker", "retries", "timeout"}}, []string{
			`the order names stage "retries", and there is no such stage: name "retry" instead, which has no place, or add the stage to Stages, or leave the name out`,
		}},
		{"unknown in the order, beside stages next to the one that is meant", middleware.Config{
			Order: []string{"trace", "breaker", "retries", "timeout"},
			Stages: []middleware.Stage{
				{Name: "a", Middleware: pass, Before: "retry"}, {Name: "b", Middleware: pass, After: "retry"}, {Name: "c", Middleware: pass, After: "b"},
			},
		}, []string{
			`the order names stage "retries", and there is no such stage: name "retry" instead, which has no place, or add the stage to Stages, or leave the name out`,
		}},
		{"a stage of the user's that is misspelt in the order", middleware.Config{
			Order: []string{"trace", "lgo", "breaker", "retry", "timeout"}, Stages: []middleware.Stage{log},
		}, []string{
			`the order names stage "lgo", and there is no such stage: name "log" instead, which has no place, or add the stage to Stages, or leave the name out`,
		}},
		{"two unknown in the order", middleware.Config{Order: []string{"tracing", "breaker", "retries", "timeout"}}, []string{
			`the order names stage "tracing", and there is no such stage: name one of "retry", "trace" instead, which have no place, or add the stage to Stages, or leave the name out`,
			`the order names stage "retries", and there is no such stage: name one of "retry", "trace" instead, which have no place, or add the stage to Stages, or leave the name out`,
		}},
		{"unknown in the order, which has all stages", middleware.Config{Order: []string{"trace", "breaker", "retries", "retry", "timeout"}}, []string{
			`the order names stage "retries", and there is no such stage: correct the name, add the stage to Stages, or leave the name out`,
		}},
		{"twice in the order", middleware.Config{Order: []string{"trace", "breaker", "retry", "retry", "timeout"}},
			[]string{`the order names stage "retry" twice: leave one of the two out`}},
		{"an empty order", leaveOut(middleware.Config{Order: []string{}}, "trace", "breaker", "retry"),
			[]string{`stage "timeout" has no place, for the order is empty: name the stage there, or set Disabled in its configuration`}},
		{"a name that is taken", middleware.Config{Stages: []middleware.Stage{{Name: "retry", Middleware: pass}}}, []string{
			`stage "retry" of Stages has the name of a stage of Penstock's that is in the chain: ` +
				"give yours another name, or set Disabled in the configuration of Penstock's",
		}},
		{"a name that is taken by a stage with a bad configuration", middleware.Config{
			Breaker: breaker.Config{FailureThreshold: -1}, Stages: []middleware.Stage{{Name: "breaker", Middleware: pass}},
		}, []string{
			"breaker: FailureThreshold is -1, want 0 (the default, 5) or more",
			`stage "breaker" of Stages has the name of a stage of Penstock's that is in the chain: ` +
				"give yours another name, or set Disabled in the configuration of Penstock's",
		}},
		{"keyed breakers without breakers", middleware.Config{KeyedBreaker: &keyed.Config{Each: breaker.Config{Disabled: true}}},
			[]string{"keyed: Each.Disabled is set: set Disabled beside Each to leave the stage out"}},
		{"a name of the user's twice", middleware.Config{Stages: []middleware.Stage{log, {Name: "log", Middleware: pass, After: "retry"}}},
			[]string{`two stages are named "log": give one of them another name, or leave it out`}},
		{"a cycle", middleware.Config{Stages: []middleware.Stage{{Name: "a", Middleware: pass, After: "b"}, {Name: "b", Middleware: pass, After: "a"}}}, []string{
			`stage "a" is placed next to "b", whose own place depends on "a": place one of them next to a stage of the order, ` + defaults,
			`stage "b" is placed next to "a", whose own place depends on "b": place one of them next to a stage of the order, ` + defaults,
		}},
		{"a neighbour that is misspelt", middleware.Config{Stages: []middleware.Stage{{Name: "log", Middleware: pass, After: "retries"}}},
			[]string{`stage "log" is placed next to "retries", which is not in the chain: place it next to a stage of the order, ` + defaults}},
		{"no middleware", middleware.Config{Stages: []middleware.Stage{{Name: "log", After: "trace"}}},
			[]string{`stage "log" has no middleware: set Middleware of Stages[0]`}},
		{"a bad stage with a place after another", middleware.Config{
			KeyedBreaker: &keyed.Config{Max: -1}, Order: []string{"trace", "breaker", "retry", "timeout"},
		}, []string{"keyed: Max is -1, want 0 (the default, 1000) or more"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			chain, err := middleware.Build(row.cfg)
			if err == nil || chain != nil {
				t.Fatalf("Build = %v, %v, want an error", chain, err)
			}
			if want := badConfiguration + strings.Join(row.want, "\n"+badConfiguration); err.Error() != want {
				t.Errorf("Build = %s\nwant %s", err, want)
			}
		})
	}
}

func TestWithoutNamesWhatNoStageIsCalled(t *testing.T) {
	known := `"trace", "breaker", "keyed_breaker", "bulkhead", "ratelimit", "retry", "timeout", "health", "chaos"`
	own := middleware.Config{Stages: []middleware.Stage{{Name: "log", Middleware: pass, Before: "retry"}}}
	for _, row := range []struct {
		name    string
		cfg     middleware.Config
		without []string
		want    []string
		chain   string // of what is returned beside the error
	}{
		{"one", middleware.Config{}, []string{"firewall"}, []string{`no stage "firewall" to leave out: name one of ` + known}, "trace > breaker > retry > timeout"},
		{"several, and one that there is", own, []string{"retry", "Retry", ""}, []string{
			`no stage "Retry" to leave out: name one of ` + known + `, "log"`, `no stage "" to leave out: name one of ` + known + `, "log"`,
		}, "trace > breaker > log > timeout"},
	} {
		cfg, err := row.cfg.Without(row.without...)
		if want := badConfiguration + strings.Join(row.want, "\n"+badConfiguration); err == nil || err.Error() != want {
			t.Errorf("%s: Without = %v\nwant %s", row.name, err, want)
		}
		if chain, err := middleware.Build(cfg); err != nil || chain.String() != row.chain {
			t.Errorf("%s: Build = %v, %v, want %s", row.name, chain, err, row.chain)
		}
	}
}

func TestWithoutLeavesAStageOut(t *testing.T) {
	log := middleware.Stage{Name: "log", Middleware: pass, Before: "retry"}
	mine := middleware.Stage{Name: "retry", Middleware: pass}
	off := retry.Config{Disabled: true}
	for _, row := range []struct {
		name    string
		cfg     middleware.Config
		without []string
		want    string
	}{
		{"nothing", middleware.Config{}, nil, "trace > breaker > retry > timeout"},
		{"one of Penstock's", middleware.Config{}, []string{"trace"}, "breaker > retry > timeout"},
		{"twice", middleware.Config{Stages: []middleware.Stage{log}}, []string{"retry", "log", "retry", "log"}, "trace > breaker > timeout"},
		{"one that is not in the chain", middleware.Config{}, []string{"health", "chaos"}, "trace > breaker > retry > timeout"},
		{"one of the user's, which the order names", middleware.Config{
			Stages: []middleware.Stage{log}, Order: []string{"trace", "log", "breaker", "retry", "timeout"},
		}, []string{"log"}, "trace > breaker > retry > timeout"},
		{"one of the user's in the place of Penstock's", middleware.Config{Retry: off, Stages: []middleware.Stage{mine, log}}, []string{"retry"},
			"trace > breaker > log > timeout"},
		{"both of one name", middleware.Config{Stages: []middleware.Stage{mine}}, []string{"retry"}, "trace > breaker > timeout"},
	} {
		cfg, err := row.cfg.Without(row.without...)
		if err != nil {
			t.Errorf("%s: Without = %v", row.name, err)
		}
		if chain, err := middleware.Build(cfg); err != nil || chain.String() != row.want {
			t.Errorf("%s: Build = %v, %v, want %s", row.name, chain, err, row.want)
		}
	}
	// What was left out may be replaced.
	cfg, _ := middleware.Config{Stages: []middleware.Stage{log}}.Without("retry", "log")
	cfg.Stages = append(cfg.Stages, mine, log)
	if chain, err := middleware.Build(cfg); err != nil || chain.String() != "trace > breaker > log > retry > timeout" {
		t.Errorf("Build = %v, %v, want the user's own stages", chain, err)
	}
}
