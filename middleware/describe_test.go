// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// simulate runs op once through a chain of cfg, on a backend whose attempts fail
// after so long, or at the end of their context; the last of takes holds for all
// that follow. It returns what that cost.
func simulate(t *testing.T, cfg middleware.Config, op core.Op, takes []time.Duration) middleware.WorstCase {
	t.Helper()
	client, _ := newClient(t, cfg, core.ClientConfig[int]{Source: &coretest.Source[int]{}})
	var cost middleware.WorstCase
	start := time.Now()
	_, err := core.Do(t.Context(), client, op, func(ctx context.Context, _ int) (int, error) {
		cost.Attempts++
		select {
		case <-time.After(takes[min(cost.Attempts, len(takes))-1]):
			return 0, errors.New("down")
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	if err == nil {
		t.Error("the operation succeeded")
	}
	cost.Duration = time.Since(start)
	return cost
}

func TestTheWorstCaseIsNeverExceededAndReached(t *testing.T) {
	const hangs = 1000 * time.Hour
	exact := func(retries int, interval, limit time.Duration, jitter retry.Jitter) retry.Config {
		return retry.Config{MaxRetries: retries, Interval: interval, MaxInterval: limit, Jitter: jitter}
	}
	half := exact(3, time.Second, 20*time.Second, retry.EqualJitter)
	steady := exact(3, time.Second, 20*time.Second, retry.NoJitter)
	for _, row := range []struct {
		name  string
		cfg   middleware.Config
		op    core.Op
		want  middleware.WorstCase
		takes []time.Duration // by the attempts of a backend that is worse than one that hangs
		luck  bool            // the waits are random, so that the duration is not reached
	}{
		{name: "the defaults", want: middleware.WorstCase{Attempts: 4, Duration: 47 * time.Second}, luck: true},
		{name: "no jitter", cfg: middleware.Config{Retry: steady}, want: middleware.WorstCase{Attempts: 4, Duration: 47 * time.Second}},
		{name: "equal jitter", cfg: middleware.Config{Retry: half}, want: middleware.WorstCase{Attempts: 4, Duration: 47 * time.Second}, luck: true},
		{name: "capped waits", cfg: middleware.Config{Retry: exact(6, time.Second, 3*time.Second, retry.NoJitter), Timeout: timeout.Config{Attempt: time.Second}},
			want: middleware.WorstCase{Attempts: 7, Duration: 7*time.Second + 15*time.Second}},
		{name: "an Op with its own limit", cfg: middleware.Config{Retry: steady}, op: core.Op{Timeout: time.Minute},
			want: middleware.WorstCase{Attempts: 4, Duration: 4*time.Minute + 7*time.Second}},
		{name: "no retries", cfg: middleware.Config{Retry: retry.Config{MaxRetries: retry.None}},
			want: middleware.WorstCase{Attempts: 1, Duration: 10 * time.Second}},
		{name: "without retry", cfg: leaveOut(middleware.Config{}, "retry"),
			want: middleware.WorstCase{Attempts: 1, Duration: 10 * time.Second}},
		{name: "the operation's limit", cfg: middleware.Config{Retry: steady, OperationTimeout: 30 * time.Second},
			want: middleware.WorstCase{Attempts: 4, Duration: 30 * time.Second}},
		{name: "the operation's limit, too tight for all waits", cfg: middleware.Config{Retry: steady, OperationTimeout: 3 * time.Second, Timeout: timeout.Config{Attempt: time.Second}},
			want: middleware.WorstCase{Attempts: 2, Duration: 3 * time.Second}},
		{name: "the operation's limit, just wide enough", cfg: middleware.Config{Retry: steady, OperationTimeout: 3*time.Second + 1, Timeout: timeout.Config{Attempt: time.Second}},
			want: middleware.WorstCase{Attempts: 3, Duration: 3*time.Second + 1}, takes: []time.Duration{0, 0, hangs}},
		{name: "the operation's limit, and luck", cfg: middleware.Config{OperationTimeout: 5 * time.Second, Timeout: timeout.Config{Attempt: time.Second}},
			want: middleware.WorstCase{Attempts: 4, Duration: 5 * time.Second}, luck: true},
		{name: "only the operation's limit", cfg: leaveOut(middleware.Config{Retry: steady, OperationTimeout: 8 * time.Second}, "timeout"),
			want: middleware.WorstCase{Attempts: 4, Duration: 8 * time.Second}},
		{name: "timeout outside", cfg: middleware.Config{Retry: steady, Order: []string{"trace", "breaker", "timeout", "retry"}},
			want: middleware.WorstCase{Attempts: 4, Duration: 10 * time.Second}},
		{name: "many retries", cfg: middleware.Config{
			Retry:   retry.Config{MaxRetries: 200, Interval: time.Second, MaxInterval: time.Second, Jitter: retry.NoJitter, Budget: unlimited()},
			Breaker: breaker.Config{Disabled: true}, OperationTimeout: 150 * time.Second, Timeout: timeout.Config{Attempt: time.Second},
		}, want: middleware.WorstCase{Attempts: 150, Duration: 150 * time.Second}, takes: append(make([]time.Duration, 149), hangs)},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.op.Name, row.op.Safety = "Search", core.ReadOnly
			row.cfg.Ops = []core.Op{row.op}
			chain, err := middleware.Build(row.cfg)
			if err != nil {
				t.Fatal(err)
			}
			says := chain.WorstCase(row.op)
			if says != row.want {
				t.Errorf("the worst case is said to be %+v, want %+v", says, row.want)
			}
			if text := fmt.Sprintf("at most %d attempt", says.Attempts); !strings.Contains(chain.Describe(), text) ||
				!strings.Contains(chain.Describe(), ", "+says.Duration.String()+"\n") {
				t.Errorf("Describe does not say %s, %v:\n%s", text, says.Duration, chain.Describe())
			}
			var worst middleware.WorstCase
			synctest.Test(t, func(t *testing.T) {
				for _, takes := range [][]time.Duration{row.takes, {0}, {hangs}, {900 * time.Millisecond}} {
					if takes == nil {
						continue
					}
					for range 20 {
						cost := simulate(t, row.cfg, row.op, takes)
						worst.Attempts, worst.Duration = max(worst.Attempts, cost.Attempts), max(worst.Duration, cost.Duration)
					}
				}
			})
			switch {
			case worst.Attempts > says.Attempts, worst.Duration > says.Duration:
				t.Errorf("it cost %+v, more than the %+v that is said", worst, says)
			case worst.Attempts < says.Attempts, worst.Duration < says.Duration && !row.luck:
				t.Errorf("it cost %+v at most, less than the %+v that is said", worst, says)
			}
		})
	}
}

func TestWithoutAnyLimitTheWorstCaseHasNone(t *testing.T) {
	chain, err := middleware.Build(leaveOut(middleware.Config{}, "timeout"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := chain.WorstCase(core.Op{}), (middleware.WorstCase{Attempts: 4}); got != want {
		t.Errorf("the worst case is %+v, want %+v", got, want)
	}
	if text := chain.Describe(); !strings.Contains(text, "at most 4 attempts, for as long as its caller's context\n") {
		t.Errorf("Describe says\n%s", text)
	}
}

func TestAStageOfTheUsersUnderOurNameIsNotTakenForOurs(t *testing.T) {
	cfg := middleware.Config{
		Order:  []string{"breaker", "trace", "retry", "timeout"},
		Retry:  retry.Config{Disabled: true, Jitter: retry.NoJitter},
		Stages: []middleware.Stage{{Name: "retry", Middleware: passOn}, {Name: "breaker", Middleware: passOn}},
	}
	cfg.Breaker.Disabled, cfg.Breaker.RecoveryTimeout = true, time.Second
	chain, err := middleware.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := chain.WorstCase(core.Op{}), (middleware.WorstCase{Attempts: 1, Duration: 10 * time.Second}); got != want {
		t.Errorf("the worst case is %+v, want %+v", got, want)
	}
	if len(chain.Warnings) != 1 || !strings.Contains(chain.Warnings[0], "trace stands inside") {
		t.Errorf("warnings %q, want one, about the order", chain.Warnings)
	}
	if got := strings.Count(chain.Describe(), "a stage of your own"); got != 2 {
		t.Errorf("Describe says\n%s", chain.Describe())
	}
}

func TestTheWorstCaseDoesNotOverflow(t *testing.T) {
	const ever = time.Duration(math.MaxInt64)
	for _, cfg := range []middleware.Config{
		{Retry: retry.Config{MaxRetries: math.MaxInt - 1, Interval: 1, MaxInterval: 1}},
		{Retry: retry.Config{MaxRetries: math.MaxInt - 1, Interval: 1, MaxInterval: ever}},
		{Retry: retry.Config{MaxRetries: 3}, Timeout: timeout.Config{Attempt: ever}},
	} {
		chain, err := middleware.Build(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := chain.WorstCase(core.Op{}); got.Duration != ever || got.Attempts != cfg.Retry.MaxRetries+1 {
			t.Errorf("the worst case is %+v", got)
		}
	}
	chain, err := middleware.Build(middleware.Config{
		Retry:            retry.Config{MaxRetries: math.MaxInt - 1, Interval: 1, MaxInterval: 1, Jitter: retry.NoJitter},
		OperationTimeout: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := chain.WorstCase(core.Op{}); got.Attempts != int(time.Hour) || got.Duration != time.Hour {
		t.Errorf("the worst case is %+v", got)
	}
}

func TestAStageOfTheUsersDescribesItself(t *testing.T) {
	own := func(name, description string) middleware.Stage {
		return middleware.Stage{Name: name, Middleware: pass, Before: "retry", Description: description}
	}
	chain, err := middleware.Build(middleware.Config{Stages: []middleware.Stage{
		own("audit", "logs each attempt that failed"), own("lines", " two\n\tlines "), own("silent", ""),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"audit    logs each attempt that failed\n", "lines    two lines\n", "silent   a stage of your own\n"} {
		if text := chain.Describe(); !strings.Contains(text, line) {
			t.Errorf("Describe has no %q:\n%s", line, text)
		}
	}
}

func ExampleChain_Describe() {
	chain, err := middleware.Build(middleware.Config{
		Health: &health.Config{Probe: func(context.Context) error { return nil }},
		Retry:  retry.Config{MaxRetries: 2, Budget: unlimited()},
		Stages: []middleware.Stage{{Name: "audit", Middleware: func(next core.Handler) core.Handler { return next }, After: "retry"}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Print(chain.Describe())
	// Output:
	// trace    one scope for each operation
	// breaker  opens after 5 failed operations in a row; probes after 30s, 2 at once; closes after 3 good ones
	// retry    2 further attempts; waits of up to 1s, doubled up to 2s, full jitter; budget unlimited
	// audit    a stage of your own
	// timeout  10s for each attempt
	// health   probes every 10s, for 5s at most; every 1s while the backend is away; shut after 3 failed in a row, open after 1
	// one operation: at most 3 attempts, 33s
	// warning: the retry budget is unlimited: in an outage the backend gets up to 3 times the load
}
