// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

var (
	someBulkhead = &bulkhead.Config{MaxConcurrent: 8}
	someLimit    = &ratelimit.Config{Rate: 100}
	someChaos    = &chaos.Config{StartOff: true}
)

func TestOptionalStagesAreInTheChainWhenConfigured(t *testing.T) {
	probe := func(context.Context) error { return nil }
	own := func(next core.Handler) core.Handler { return next }
	all := middleware.Config{
		Health: &health.Config{Probe: probe}, Bulkhead: someBulkhead, RateLimit: someLimit, Chaos: someChaos,
	}
	with := func(change func(*middleware.Config)) middleware.Config {
		cfg := all
		change(&cfg)
		return cfg
	}
	for _, row := range []struct {
		cfg  middleware.Config
		want string
	}{
		{middleware.Config{}, "trace > breaker > retry > timeout"},
		{middleware.Config{Order: middleware.DefaultOrder()}, "trace > breaker > retry > timeout"},
		{all, "trace > breaker > bulkhead > ratelimit > retry > timeout > health > chaos"},
		{leaveOut(all, "bulkhead", "chaos"), "trace > breaker > ratelimit > retry > timeout > health"},
		{with(func(c *middleware.Config) {
			c.Bulkhead = &bulkhead.Config{MaxConcurrent: 8, Disabled: true}
			c.RateLimit = &ratelimit.Config{Rate: 100, Disabled: true}
			c.Chaos = &chaos.Config{StartOff: true, Disabled: true}
		}),
			"trace > breaker > retry > timeout > health"},
		{middleware.Config{Bulkhead: &bulkhead.Config{Disabled: true}, RateLimit: &ratelimit.Config{Disabled: true}, Chaos: &chaos.Config{Disabled: true}},
			"trace > breaker > retry > timeout"},
		{with(func(c *middleware.Config) {
			c.Order = []string{"ratelimit", "trace", "breaker", "retry", "bulkhead", "timeout", "health", "chaos"}
		}), "ratelimit > trace > breaker > retry > bulkhead > timeout > health > chaos"},
		// The user's own stages keep their names and places.
		{middleware.Config{Stages: []middleware.Stage{{Name: "bulkhead", Middleware: own, Before: "timeout"}}}, "trace > breaker > retry > bulkhead > timeout"},
		{middleware.Config{
			Order:  []string{"trace", "breaker", "retry", "timeout", "chaos", "bulkhead"},
			Stages: []middleware.Stage{{Name: "bulkhead", Middleware: own}},
		}, "trace > breaker > retry > timeout > bulkhead"},
	} {
		chain, err := middleware.Build(row.cfg)
		if err != nil {
			t.Errorf("Build = %v, want %s", err, row.want)
			continue
		}
		if chain.String() != row.want {
			t.Errorf("chain %s, want %s", chain, row.want)
		}
		for name, part := range map[string]bool{
			"bulkhead": chain.Bulkhead != nil, "ratelimit": chain.Limiter != nil, "chaos": chain.Chaos != nil,
		} {
			if built := slices.Contains(chain.Names, name) && row.cfg.Stages == nil; part != built {
				t.Errorf("chain %s: its %s is there: %v", chain, name, part)
			}
		}
	}
}

func TestBadOptionalStagesAreNamedWithAllElse(t *testing.T) {
	_, err := middleware.Build(middleware.Config{
		Retry:     retry.Config{Interval: -1},
		Bulkhead:  &bulkhead.Config{MaxWaiting: 1},
		RateLimit: &ratelimit.Config{Burst: 1},
		Chaos:     &chaos.Config{Faults: []chaos.Fault{{Share: 2, Hang: true}}},
	})
	if err == nil {
		t.Fatal("Build accepted it")
	}
	for _, want := range []string{"Interval is -", "MaxConcurrent is 0", "Rate is 0", "Share is 2"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Build = %v, want %q in it", err, want)
		}
	}
}

// optionalClient returns a client with a chain of cfg, and that chain.
func optionalClient(t *testing.T, cfg middleware.Config) (*core.Client[int], *middleware.Chain) {
	t.Helper()
	return newClient(t, cfg, core.ClientConfig[int]{Source: &coretest.Source[int]{}})
}

var write = core.Op{Name: "Write"}

func TestRefusalsForWantOfRoomNeverOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, chain := optionalClient(t, middleware.Config{
			Name: "docs", Bulkhead: &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1, MaxWait: time.Second}, RateLimit: &ratelimit.Config{Rate: 1},
		})
		ok := func(context.Context, int) (int, error) { return 0, nil }
		refused := map[bool]int{}
		for range 50 {
			if _, err := core.Do(t.Context(), client, write, ok); err != nil {
				if e, ok := errors.AsType[*ratelimit.LimitedError](err); !ok || e.Name != "docs" {
					t.Errorf("Do = %v, want ErrLimited of docs", err)
				}
				refused[true]++
			}
		}
		time.Sleep(time.Minute)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := core.Do(t.Context(), client, write, func(context.Context, int) (int, error) {
					time.Sleep(time.Minute)
					return 0, nil
				})
				if err != nil && !errors.Is(err, bulkhead.ErrFull) {
					t.Errorf("Do = %v, want ErrFull", err)
				}
			})
		}
		wg.Wait()
		b := chain.Breaker
		if s := b.Snapshot().Counters; b.State() != breaker.Closed || s.TotalFailures != 0 || refused[true] != 49 {
			t.Errorf("%v with %d failures after %d refusals for the rate, want closed, 0, 49", b.State(), s.TotalFailures, refused[true])
		}
	})
}

// From the instant the breaker opens nobody reaches the backend, not even those
// who were let in before and wait for room.
func TestAnOpenBreakerKeepsWaitersFromTheBackend(t *testing.T) {
	for name, cfg := range map[string]middleware.Config{
		"bulkhead":  {Bulkhead: &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 50}},
		"ratelimit": {RateLimit: &ratelimit.Config{Rate: 1, MaxWait: time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := optionalClient(t, cfg)
				var mu sync.Mutex
				var reached int
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						_, err := core.Do(t.Context(), client, write, func(context.Context, int) (int, error) {
							mu.Lock()
							reached++
							mu.Unlock()
							time.Sleep(time.Millisecond)
							return 0, errors.New("down")
						})
						if err == nil {
							t.Error("Do succeeded")
						}
					})
				}
				wg.Wait()
				// One may get the slot of the fifth before the breaker has counted that.
				if n := reached - threshold; n < 0 || n > 1 {
					t.Errorf("%d calls reached the backend, want %d", reached, threshold)
				}
				time.Sleep(recovery) // its timer ends with the bubble
			})
		})
	}
}

func TestChaosExercisesTheWholeChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, chain := optionalClient(t, middleware.Config{
			Timeout: timeout.Config{Attempt: time.Second},
			Chaos:   &chaos.Config{Faults: []chaos.Fault{{Share: 1, Hang: true, Ops: []string{"Write"}}}},
		})
		var calls int
		ok := func(context.Context, int) (int, error) { calls++; return 0, nil }
		for range threshold {
			if _, err := core.Do(t.Context(), client, write, ok); !errors.Is(err, timeout.ErrExceeded) {
				t.Errorf("Do = %v, want the attempt's timeout", err)
			}
		}
		if _, err := core.Do(t.Context(), client, write, ok); !errors.Is(err, breaker.ErrOpen) || calls != 0 {
			t.Errorf("Do = %v after %d calls, want an open breaker and none", err, calls)
		}
		chain.Chaos.Off()
		time.Sleep(recovery + time.Second)
		for range halfOpenSuccesses {
			if _, err := core.Do(t.Context(), client, write, ok); err != nil {
				t.Errorf("Do = %v after the storm", err)
			}
		}
		if state := chain.Breaker.State(); state != breaker.Closed {
			t.Errorf("the breaker is %v, want closed", state)
		}
	})
}

func TestTheWorstCaseHoldsTheWaitForRoom(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  middleware.Config
		want time.Duration
	}{
		{"none", middleware.Config{Bulkhead: someBulkhead, RateLimit: someLimit}, 10 * time.Second},
		{"both", middleware.Config{
			Bulkhead:  &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1, MaxWait: time.Second},
			RateLimit: &ratelimit.Config{Rate: 1, MaxWait: 2 * time.Second},
		}, 13 * time.Second},
		{"without an end", middleware.Config{Bulkhead: &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1}}, 0},
		{"without an end, but for the operation's", middleware.Config{
			OperationTimeout: 20 * time.Second, Bulkhead: &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1},
		}, 20 * time.Second},
		{"cut short", middleware.Config{
			OperationTimeout: 11 * time.Second, RateLimit: &ratelimit.Config{Rate: 1, MaxWait: 2 * time.Second},
		}, 11 * time.Second},
	} {
		row.cfg.Retry.Disabled = true
		chain, err := middleware.Build(row.cfg)
		if err != nil {
			t.Errorf("%s: Build = %v", row.name, err)
			continue
		}
		if got := chain.WorstCase(write).Duration; got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestDescribeKnowsTheOptionalStages(t *testing.T) {
	chain, err := middleware.Build(middleware.Config{
		Bulkhead:  &bulkhead.Config{MaxConcurrent: 8, MaxWaiting: 16, MaxWait: time.Second},
		RateLimit: &ratelimit.Config{Rate: 2.5},
		Chaos:     &chaos.Config{Faults: []chaos.Fault{{Share: 1, Hang: true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := chain.Describe()
	for _, want := range []string{
		"8 operations at once; 16 wait, for 1s at most", "2.5 operations per second, 3 at once; the rest are refused", "chaos      1 fault\n",
		"warning: chaos is in the chain",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("Describe = %s\nwant %q in it", got, want)
		}
	}
}

// A probe of a half-open breaker may have to wait for room, and is made all the
// same.
func TestAProbeThatWaitedIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := optionalClient(t, middleware.Config{Bulkhead: &bulkhead.Config{MaxConcurrent: 2, MaxWaiting: 1}, Timeout: timeout.Config{Attempt: time.Hour}})
		run := func(takes time.Duration, err error) error {
			_, got := core.Do(t.Context(), client, write, func(context.Context, int) (int, error) {
				time.Sleep(takes)
				return 0, err
			})
			return got
		}
		var wg sync.WaitGroup
		wg.Go(func() { _ = run(time.Minute, nil) })
		synctest.Wait()
		for range threshold {
			_ = run(0, errors.New("down"))
		}
		time.Sleep(recovery + time.Second)
		wg.Go(func() { _ = run(time.Minute, nil) }) // a probe that takes the second slot
		synctest.Wait()
		began := time.Now()
		if err := run(0, nil); err != nil || time.Since(began) != 29*time.Second {
			t.Errorf("Do = %v after %v, want the probe to wait for the slot, and pass", err, time.Since(began))
		}
		wg.Wait()
	})
}
