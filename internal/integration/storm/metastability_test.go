// SPDX-License-Identifier: Apache-2.0

package storm_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// The storm: a backend with a capacity of 100 requests a second gets 80, and its
// capacity is halved for ten seconds. The backend works on every request in turn,
// also on requests whose callers have given up, as most servers do. The state
// after the outage is metastable: if each caller asks four times, the backend
// spends its capacity on abandoned requests, so further callers give up, and the
// overload sustains itself. See Huang et al., "Metastable Failures in the Wild",
// OSDI 2022.
const (
	stormBefore  = 20 * time.Second
	stormOutage  = 10 * time.Second
	stormAfter   = 120 * time.Second
	stormOffered = 80 // operations a second
	stormLatency = 100 * time.Millisecond
	stormServers = 10 // requests that the backend works on at once; 5 during the outage
)

// callers is a group of clients with one configuration.
type callers struct {
	name   string
	config func() middleware.Config
}

// Both limit an attempt to half a second and make three retries. They wait without
// jitter, so the transcript is the same in every run.
var (
	naive = callers{"naive retries", func() middleware.Config {
		return stormConfig(unbounded(), breaker.Config{Disabled: true})
	}}
	protected = callers{"Penstock", func() middleware.Config {
		return stormConfig(nil, breaker.Config{RecoveryTimeout: 5 * time.Second})
	}}
)

func stormConfig(budget *core.Budget, b breaker.Config) middleware.Config {
	return middleware.Config{
		Breaker: b,
		Retry:   retry.Config{Interval: 100 * time.Millisecond, Jitter: retry.NoJitter, Budget: budget},
		Timeout: timeout.Config{Attempt: 500 * time.Millisecond},
	}
}

func unbounded() *core.Budget {
	budget, err := core.NewBudget(core.Unlimited, 0)
	if err != nil {
		panic(err)
	}
	return budget
}

// storm runs callers with cfg through the storm. It must be called in a bubble.
func storm(t *testing.T, cfg middleware.Config) *coretest.Scenario {
	t.Helper()
	well := coretest.Phase{Name: "well", For: stormBefore, Latency: stormLatency, Capacity: stormServers}
	half, again := well, well
	half.Name, half.For, half.Capacity = "half", stormOutage, stormServers/2
	s := coretest.NewScenario(well, half, again)
	cfg.Breaker.OnTransition = func(_ string, from, to breaker.State) { s.Note("breaker %v > %v", from, to) }
	chain, err := middleware.Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client, err := core.NewClient(core.ClientConfig[int]{
		Source: &coretest.Source[int]{}, Middleware: chain.Middleware,
	})
	if err != nil {
		t.Fatal(err)
	}
	op := core.Op{Name: "Search", Safety: core.ReadOnly}
	s.Run(time.Second/stormOffered, stormBefore+stormOutage+stormAfter, func(ctx context.Context) error {
		_, err := core.Do(ctx, client, op, func(ctx context.Context, _ int) (int, error) { return 0, s.Request(ctx) })
		return err
	})
	time.Sleep(defaultRecovery(t)) // the breaker's timer ends
	return s
}

// defaultRecovery returns the default recovery timeout of a breaker.
func defaultRecovery(t *testing.T) time.Duration {
	t.Helper()
	cfg, err := breaker.Config{}.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return cfg.RecoveryTimeout
}

// recovery returns how long after the outage the goodput was back at 95 % of the
// offered load for good; ok is false if it never was.
func recovery(steps []coretest.Step) (after time.Duration, ok bool) {
	const full = stormOffered * 95 / 100
	end := int((stormBefore + stormOutage) / time.Second)
	last := int((stormBefore + stormOutage + stormAfter) / time.Second)
	n := last
	for n > end && steps[n-1].Succeeded >= full {
		n--
	}
	return time.Duration(n-end) * time.Second, n < last
}

func TestNaiveRetriesStayCollapsedAfterAnOutage(t *testing.T) {
	coretest.OneProcessor(t)
	jittered := naive.config()
	jittered.Retry.Jitter = retry.FullJitter
	for _, row := range []struct {
		name string
		cfg  middleware.Config
	}{
		{"as in the transcript", naive.config()},
		{"with jitter", jittered},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storm(t, row.cfg)
				if after, ok := recovery(s.Steps()); ok {
					t.Errorf("back %v after the outage: the scenario shows nothing", after)
				}
				end := int((stormBefore + stormOutage + stormAfter) / time.Second)
				for n, step := range s.Steps()[:end] {
					if n > 0 && n < int(stormBefore/time.Second) && step.Succeeded < stormOffered*95/100 {
						t.Errorf("second %d: %d operations succeed before the outage, want all", n, step.Succeeded)
					}
					if n >= end-60 && step.Succeeded > stormOffered/20 {
						t.Errorf("second %d: %d operations succeed, want next to none", n, step.Succeeded)
					}
				}
			})
		})
	}
}

func TestGoodputIsBackOneSecondAfterTheRecoveryTimeout(t *testing.T) {
	coretest.OneProcessor(t)
	jittered := protected.config()
	jittered.Retry.Jitter = retry.FullJitter
	slow := protected.config()
	slow.Breaker.RecoveryTimeout = 0 // the default
	for _, row := range []struct {
		name string
		cfg  middleware.Config
		want time.Duration
	}{
		{"as in the transcript", protected.config(), 6 * time.Second},
		{"with jitter", jittered, 6 * time.Second},
		{"with the default recovery timeout", slow, defaultRecovery(t) + time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storm(t, row.cfg)
				after, ok := recovery(s.Steps())
				if !ok || after > row.want {
					t.Errorf("95 %% of the goodput is back %v after the outage (ever: %t), want %v at most\n%s", after, ok, row.want, s.Transcript())
				}
				if requests, offered := s.Requests(), len(s.Steps())*stormOffered; requests > offered*11/10 {
					t.Errorf("the backend got %d requests for %d operations", requests, offered)
				}
				t.Logf("95 %% of the goodput is back %v after the outage", after)
			})
		})
	}
}

var writeStorm = flag.Bool("write-storm", false, "write docs/storm in place of comparing with it")

// TestTheDocumentedStormIsWhatHappens compares the transcript and the plot in
// docs/storm with a new run.
func TestTheDocumentedStormIsWhatHappens(t *testing.T) {
	coretest.OneProcessor(t)
	transcript := fmt.Sprintf("A backend for %d requests a second, %d operations a second, half of the capacity from %v to %v.\n",
		int(time.Second/stormLatency)*stormServers, stormOffered, stormBefore, stormBefore+stormOutage)
	var lines []line
	for _, c := range []callers{naive, protected} {
		synctest.Test(t, func(t *testing.T) {
			s := storm(t, c.config())
			outcome := "never back at 95 % of the goodput"
			if after, ok := recovery(s.Steps()); ok {
				outcome = fmt.Sprintf("95 %% of the goodput is back %v after the outage", after)
			}
			transcript += fmt.Sprintf("\n%s: %s\n\n%s", c.name, outcome, s.Transcript())
			lines = append(lines, line{name: c.name, steps: s.Steps()})
		})
	}
	for name, want := range map[string]string{"transcript.txt": transcript, "goodput.svg": plot(lines)} {
		name = "../../../docs/storm/" + name
		if *writeStorm {
			if err := os.WriteFile(name, []byte(want), 0o666); err != nil {
				t.Error(err)
			}
			continue
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what happens now; go test ./internal/integration/storm -write-storm makes it anew", name)
		}
	}
}
