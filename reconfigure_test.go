// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// twoSettings returns two configurations that differ in nearly everything that can change.
func twoSettings(t *testing.T) (a, b penstock.Change) {
	t.Helper()
	budget, err := core.NewBudget(0.5, 100)
	if err != nil {
		t.Fatal(err)
	}
	a = penstock.Change{
		By:   "a",
		Pool: pool.Config{MaxSize: 4, AcquireTimeout: time.Hour},
		Config: penstock.Config{MaxAsync: 100, Chain: middleware.Config{
			Breaker:   breaker.Config{FailureThreshold: 3},
			Retry:     retry.Config{MaxRetries: 1, Interval: time.Microsecond},
			Timeout:   timeout.Config{Attempt: time.Hour},
			Bulkhead:  &bulkhead.Config{MaxConcurrent: 16, MaxWaiting: 1000},
			RateLimit: &ratelimit.Config{Rate: 1e6, Burst: 100, MaxWait: time.Hour},
		}},
	}
	b = penstock.Change{
		By:   "b",
		Pool: pool.Config{MaxSize: 16, MinSize: 2, AcquireTimeout: 2 * time.Hour, MaxLifetime: time.Hour, IdleTimeout: time.Hour},
		Config: penstock.Config{Chain: middleware.Config{
			Order: []string{
				trace.Name, ratelimit.Name, bulkhead.Name, retry.Name, breaker.Name, timeout.Name, health.Name,
			},
			OperationTimeout: 2 * time.Hour,
			Breaker:          breaker.Config{FailureRate: 0.9, FailureWindow: 50, SlowCallRate: 1, SlowCallThreshold: time.Hour, CountAttempts: true},
			Retry:            retry.Config{MaxRetries: 5, Interval: time.Microsecond, Budget: budget},
			Timeout:          timeout.Config{Attempt: time.Minute},
			Bulkhead:         &bulkhead.Config{MaxConcurrent: 64, MaxWaiting: 64},
			RateLimit:        &ratelimit.Config{Rate: 2e6, Burst: 1000, MaxWait: time.Hour},
			Health:           &health.Config{Interval: time.Hour, DownThreshold: 7},
		}},
	}
	return a, b
}

// TestNoOperationFailsBecauseOfTenThousandChanges also is for the race detector. Every
// tenth change is invalid, and changes nothing.
func TestNoOperationFailsBecauseOfTenThousandChanges(t *testing.T) {
	const workers = 64
	changes := 10_000
	if testing.Short() {
		changes = 1_000
	}
	a, b := twoSettings(t)
	client, err := penstock.Open(t.Context(), backend{Factory: &wires{OnDial: dialWire}, Pool: a.Pool}, a.Config)
	if err != nil {
		t.Fatal(err)
	}
	breakerBefore, monitorBefore, poolBefore, budgetBefore := client.Breaker(), client.Monitor(), client.Pool(), client.Chain().Budget
	var (
		over atomic.Bool
		done atomic.Int64
		wg   sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			for !over.Load() {
				if _, err := number(t.Context(), client); err != nil {
					t.Errorf("Do = %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	bad := b
	bad.Config.Chain.Bulkhead = &bulkhead.Config{MaxConcurrent: -1}
	var applied uint64 = 1
	for i := range changes {
		change := []penstock.Change{a, b}[i%2]
		if i%10 == 9 {
			change = bad
		}
		before := client.Generation()
		err := client.Reconfigure(t.Context(), change)
		switch after := client.Generation(); {
		case i%10 == 9 && (err == nil || after != before):
			t.Fatalf("Reconfigure = %v with invalid settings, generation %+v, want %+v", err, after, before)
		case i%10 != 9 && err != nil:
			t.Fatalf("Reconfigure = %v", err)
		case i%10 != 9:
			if applied++; after.Number != applied || after.By != change.By {
				t.Fatalf("generation %+v, want %d by %s", after, applied, change.By)
			}
		}
		if i%16 == 0 {
			runtime.Gosched() // the operations are to run between the changes, on one processor too
		}
	}
	over.Store(true)
	wg.Wait()
	if done.Load() < workers {
		t.Errorf("%d operations ran during the changes, want many", done.Load())
	}
	if client.Breaker() != breakerBefore || client.Monitor() != monitorBefore || client.Pool() != poolBefore || client.Chain().Budget != budgetBefore {
		t.Error("a breaker, monitor, pool or budget that was given out before is not in force any more")
	}
	if s := client.Breaker().Snapshot(); s.Counters.TotalSuccesses != uint64(done.Load()) {
		t.Errorf("the breaker counted %d successes of %d operations", s.Counters.TotalSuccesses, done.Load())
	}
	if s := client.Bulkhead().Stats(); s.Running != 0 || s.Waiting != 0 || s.Rejected != 0 || s.Admitted != uint64(done.Load()) {
		t.Errorf("bulkhead %+v after %d operations, want nothing left", s, done.Load())
	}
	closeClient(t, client)
}

// TestASnapshotWhileSettingsChange is for the race detector.
func TestASnapshotWhileSettingsChange(t *testing.T) {
	a, b := twoSettings(t)
	factory := &wires{OnDial: dialWire}
	for name, backend := range map[string]backend{
		"one pool": {Factory: factory, Pool: a.Pool},
		"endpoints": {Factory: factory, Pool: a.Pool, Endpoints: endpoint.Config[*wire]{
			Addresses: []string{"127.0.0.1:1", "127.0.0.1:2"},
			Factory:   func(endpoint.Address) (pool.Factory[*wire], error) { return factory, nil },
		}},
	} {
		client, err := penstock.Open(t.Context(), backend, a.Config)
		if err != nil {
			t.Fatal(err)
		}
		var over atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() {
			for !over.Load() {
				s := client.Snapshot()
				if n := s.Pools[0].Max; n%4 != 0 || len(s.Settings) == 0 {
					t.Errorf("%s: %d connections and %d settings, want those of either change", name, n, len(s.Settings))
				}
				_, _ = number(t.Context(), client)
			}
		})
		for i := range 100 {
			if err := client.Reconfigure(t.Context(), []penstock.Change{b, a}[i%2]); err != nil {
				t.Fatal(err)
			}
		}
		over.Store(true)
		wg.Wait()
		closeClient(t, client)
	}
}

func TestWhatIsInForceIsWhatChainSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := twoSettings(t)
		f := &wires{OnDial: dialWire}
		client, err := penstock.Open(t.Context(), backend{Factory: f, Pool: a.Pool}, a.Config)
		if err != nil {
			t.Fatal(err)
		}
		defer closeClient(t, client)
		if g := client.Generation(); g.Number != 1 || g.By != "" || !g.At.Equal(time.Now()) {
			t.Errorf("Generation = %+v after New", g)
		}
		client.Breaker().ForceOpen()
		time.Sleep(time.Second)
		if err := client.Reconfigure(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if g := client.Generation(); g.Number != 2 || g.By != "b" || !g.At.Equal(time.Now()) {
			t.Errorf("Generation = %+v, want the second, by b, now", g)
		}
		if got, want := client.Chain().String(), "ratelimit > bulkhead > retry > breaker > timeout > health"; got != want {
			t.Errorf("the chain is %s, want %s", got, want)
		}
		described := client.Chain().Describe()
		for _, want := range []string{"2000000", "1m0s for each attempt", "shut after 7", "warning: Breaker.SlowCallThreshold 1h0m0s"} {
			if !strings.Contains(described, want) && !(want == "2000000" && strings.Contains(described, "2e+06")) {
				t.Errorf("Describe = %s, want %q in it", described, want)
			}
		}
		if client.Breaker().State() != breaker.ForcedOpen {
			t.Errorf("the breaker is %v, want forced open as before", client.Breaker().State())
		}
		if s := client.PoolStats()[client.Name()]; s.Max != 16 || s.Min != 2 {
			t.Errorf("the pool is %+v, want 2 to 16 connections", s)
		}
		if client.Chain().Budget.String() != "50 % + 100/s" {
			t.Errorf("the budget is %v, want the terms of the change", client.Chain().Budget)
		}
		if got := client.Settings(); got.By != "b" || got.Pool.MaxSize != 16 {
			t.Errorf("Settings = %+v, want those of the change", got)
		}
	})
}

func TestAStageThatIsSwitchedOffKeepsItsStateForItsReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &wires{OnDial: dialWire}
		client, err := penstock.Open(t.Context(), backend{Factory: f}, penstock.Config{})
		if err != nil {
			t.Fatal(err)
		}
		client.Breaker().ForceOpen()
		before, monitor := client.Breaker(), client.Monitor()
		off := client.Settings()
		off.Config.Chain.Breaker.Disabled = true
		off.Config.Chain.Health = &health.Config{Disabled: true}
		off.Config.Chain.Bulkhead = &bulkhead.Config{MaxConcurrent: 1}
		if err := client.Reconfigure(t.Context(), off); err != nil {
			t.Fatal(err)
		}
		if client.Breaker() != nil || client.Monitor() != nil || client.Bulkhead() == nil {
			t.Errorf("the chain is %v, want the bulkhead, and neither breaker nor health", client.Chain())
		}
		if _, err := number(t.Context(), client); err != nil {
			t.Errorf("Do = %v past a breaker that is out of the chain", err)
		}
		pings := f.Pings()
		time.Sleep(time.Hour)
		if n := f.Pings(); n != pings {
			t.Errorf("%d pings while health is out of the chain", n-pings)
		}
		on := client.Settings()
		on.Config.Chain.Breaker.Disabled, on.Config.Chain.Health = false, nil
		if err := client.Reconfigure(t.Context(), on); err != nil {
			t.Fatal(err)
		}
		if client.Breaker() != before || client.Monitor() != monitor || client.Breaker().State() != breaker.ForcedOpen {
			t.Error("breaker and monitor are not those of before")
		}
		time.Sleep(time.Minute)
		if f.Pings() == pings {
			t.Error("no pings after health came back")
		}
		closeClient(t, client)
		if err := client.Reconfigure(t.Context(), on); !errors.Is(err, core.ErrClientClosed) {
			t.Errorf("Reconfigure = %v after Close, want ErrClientClosed", err)
		}
	})
}

// TestAMonitorThatComesWithAChange begins to probe as the client began.
func TestAMonitorThatComesWithAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes atomic.Int32
		client, err := penstock.Open(t.Context(), backend{Factory: pingless{&wires{OnDial: dialWire}}}, penstock.Config{})
		if err != nil {
			t.Fatal(err)
		}
		change := client.Settings()
		change.Config.Chain.Health = &health.Config{Probe: func(context.Context) error { probes.Add(1); return nil }}
		if err := client.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if probes.Load() == 0 {
			t.Error("the monitor does not probe")
		}
		closeClient(t, client)
		before := probes.Load()
		time.Sleep(time.Minute)
		if probes.Load() != before {
			t.Error("the monitor probes after Close")
		}
	})
}

func TestStagesOfTheUserComeAndGo(t *testing.T) {
	var passed []string
	stage := func(name, before string) middleware.Stage {
		return middleware.Stage{Name: name, Before: before, Middleware: func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				passed = append(passed, name)
				return next(ctx, call)
			}
		}}
	}
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{Chain: middleware.Config{Stages: []middleware.Stage{stage("one", "retry")}}})
	defer closeClient(t, client)
	for _, row := range []struct {
		stages []middleware.Stage
		want   string
	}{
		{[]middleware.Stage{stage("one", "retry"), stage("two", "one")}, "two one"},
		{[]middleware.Stage{stage("two", "retry")}, "two"},
		{nil, ""},
	} {
		change := client.Settings()
		change.Config.Chain.Stages = row.stages
		if err := client.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		passed = nil
		if _, err := number(t.Context(), client); err != nil || strings.Join(passed, " ") != row.want {
			t.Errorf("an operation passed %q and returned %v, want %q", passed, err, row.want)
		}
	}
}

func TestAStageThatPanicsWhenItIsComposedChangesNothing(t *testing.T) {
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{})
	defer closeClient(t, client)
	change := client.Settings()
	change.Pool.MaxSize = 99
	change.Config.Chain.Breaker.FailureThreshold = 99
	for want, end := range map[string]func(){"Middleware panicked: bad": func() { panic("bad") }, "Middleware called runtime.Goexit": runtime.Goexit} {
		change.Config.Chain.Stages = []middleware.Stage{{Name: "bad", Before: "retry", Middleware: func(core.Handler) core.Handler { end(); return nil }}}
		if err := client.Reconfigure(t.Context(), change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Reconfigure = %v, want %q in it", err, want)
		}
	}
	if got := client.Snapshot(); got.Pools[0].Max != 10 || got.Breaker.Configuration.FailureThreshold != 5 || client.Generation().Number != 1 {
		t.Errorf("generation %d with %d connections and a threshold of %d, want all as before", client.Generation().Number, got.Pools[0].Max, got.Breaker.Configuration.FailureThreshold)
	}
	if err := client.Reconfigure(t.Context(), client.Settings()); err != nil {
		t.Errorf("Reconfigure = %v after that", err)
	}
}

func TestToWriteToTheSettingsOfAClientChangesNothing(t *testing.T) {
	given := penstock.Config{Chain: middleware.Config{Bulkhead: &bulkhead.Config{MaxConcurrent: 5}}}
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, given)
	defer closeClient(t, client)
	given.Chain.Bulkhead.MaxConcurrent = 6
	for range 2 {
		change := client.Settings()
		if n := change.Config.Chain.Bulkhead.MaxConcurrent; n != 5 {
			t.Errorf("Settings has %d concurrent operations, want 5 as in force", n)
		}
		change.Config.Chain.Bulkhead.MaxConcurrent = -1
		if err := client.Reconfigure(t.Context(), change); err == nil {
			t.Error("Reconfigure accepts -1 concurrent operations")
		}
	}
	change := client.Settings()
	if err := client.Reconfigure(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	change.Config.Chain.Bulkhead.MaxConcurrent = 7
	if n := client.Settings().Config.Chain.Bulkhead.MaxConcurrent; n != 5 {
		t.Errorf("Settings has %d concurrent operations, want 5 as in force", n)
	}
}

func TestAChangeBackHasTheFirstTermsOfTheBudget(t *testing.T) {
	budget := func(ratio float64) *core.Budget {
		b, err := core.NewBudget(ratio, 0)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{Chain: middleware.Config{Retry: retry.Config{Budget: budget(0.1)}}})
	defer closeClient(t, client)
	first := client.Settings()
	second := first
	second.Config.Chain.Retry.Budget = budget(0.5)
	for _, row := range []struct {
		change penstock.Change
		want   string
	}{{second, "50 % + 0/s"}, {first, "10 % + 0/s"}, {second, "50 % + 0/s"}} {
		if err := client.Reconfigure(t.Context(), row.change); err != nil {
			t.Fatal(err)
		}
		if got := client.Chain().Budget.String(); got != row.want {
			t.Errorf("the budget is %s, want %s", got, row.want)
		}
	}
}

func TestAChangeIsToldToTelemetryAndTheLog(t *testing.T) {
	var records bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&records, nil))
	reader := emitted.Reader(t)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	cfg := penstock.Config{MeterProvider: provider, Logger: logger}
	client, err := penstock.Open(t.Context(), backend{Factory: &wires{OnDial: dialWire}, Pool: pool.Config{Name: "docs"}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeClient(t, client)
	told := func() (generation float64, applied, refused int64) {
		all := figures(t, reader)
		generation = all["penstock.configuration.generation"].(metricdata.Gauge[float64]).DataPoints[0].Value
		for _, p := range all["penstock.configuration.changes"].(metricdata.Sum[int64]).DataPoints {
			switch outcome, _ := p.Attributes.Value("penstock.configuration.outcome"); outcome.AsString() {
			case "applied":
				applied = p.Value
			case "refused":
				refused = p.Value
			}
		}
		return generation, applied, refused
	}
	if g, applied, refused := told(); g != 1 || applied != 0 || refused != 0 {
		t.Errorf("generation %v, %d applied, %d refused at the start, want 1, 0, 0", g, applied, refused)
	}
	good := penstock.Change{By: "ada", Pool: pool.Config{MaxSize: 8}, Config: penstock.Config{Chain: middleware.Config{Retry: retry.Config{Disabled: true}}}}
	if err := client.Reconfigure(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.By, bad.Pool.MinSize, bad.Pool.Name, bad.Config.MaxAsync = "bob", -1, "other", -7
	err = client.Reconfigure(t.Context(), bad)
	for _, want := range []string{`client "docs"`, "MinSize is -1", "Pool.Name is docs, and cannot become other", "restart", "MaxAsync is -7"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Reconfigure = %v, want %q in it", err, want)
		}
	}
	if g, applied, refused := told(); g != 2 || applied != 1 || refused != 1 {
		t.Errorf("generation %v, %d applied, %d refused, want 2, 1, 1", g, applied, refused)
	}
	for _, want := range []string{
		`level=INFO msg="penstock: settings changed" pool=docs generation=2 by=ada`, "pool.max_size 10 to 8", "retry.max_retries 3 to none",
		`level=WARN msg="penstock: change of settings refused" pool=docs by=bob`,
	} {
		if !strings.Contains(records.String(), want) {
			t.Errorf("the log is %s, want %q in it", records.String(), want)
		}
	}
}

func TestWhatANewProviderWouldNeedIsARestart(t *testing.T) {
	provider := sdkmetric.NewMeterProvider()
	first := penstock.Config{MeterProvider: provider, Logger: slog.New(slog.DiscardHandler)}
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, first)
	defer closeClient(t, client)
	if err := client.Reconfigure(t.Context(), client.Settings()); err != nil {
		t.Errorf("Reconfigure = %v with the settings in force", err)
	}
	other := penstock.Change{
		Pool: pool.Config{Observer: new(coretest.Recorder), Mode: pool.Shared},
		Config: penstock.Config{
			MeterProvider: sdkmetric.NewMeterProvider(), Observer: new(coretest.Recorder), Logger: slog.Default(),
			Chain: middleware.Config{Name: "other", Breaker: breaker.Config{Name: "mine"}},
		},
	}
	err := client.Reconfigure(t.Context(), other)
	if err == nil {
		t.Fatal("Reconfigure accepts it")
	}
	for _, name := range []string{"MeterProvider", "Observer", "Logger", "Chain.Name", "Pool.Observer", "Mode", "breaker: Name"} {
		if !strings.Contains(err.Error(), name+" ") {
			t.Errorf("Reconfigure = %v, want %s named", err, name)
		}
	}
}
