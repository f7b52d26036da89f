// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// changeable says of one setting whether it changes while the program runs.
type changeable struct {
	// set gives the setting another value.
	set func(*penstock.Change)
	// restart says that the change is an error, which names the setting.
	restart bool
	// shownBy names the test that shows the change, where neither the description of the
	// chain nor the settings of the snapshot show it.
	shownBy string
}

// alive has an Alive, so that CheckIdleAfter can be set.
type alive struct{ *wires }

func (alive) Alive(*wire) bool { return true }

// allSettings returns settings in which each setting matters: every stage is in the chain, and
// every policy of the breaker is on.
func allSettings() penstock.Change {
	policies := breaker.Config{FailureRate: 0.5, FailureWindow: 50, SlowCallRate: 0.5}
	return penstock.Change{
		Pool: pool.Config{Mode: pool.Shared, MaxLifetime: time.Hour},
		Config: penstock.Config{
			MeterProvider: metric.NewMeterProvider(), Logger: slog.New(slog.DiscardHandler),
			Chain: middleware.Config{
				Breaker: policies, KeyedBreaker: &keyed.Config{Each: policies},
				Bulkhead: &bulkhead.Config{MaxConcurrent: 10, MaxWaiting: 10}, RateLimit: &ratelimit.Config{Rate: 10, MaxWait: time.Second},
				Health: &health.Config{MaxRate: 10, Replicas: 2}, Chaos: &chaos.Config{Faults: []chaos.Fault{{Share: 0.5, Latency: 1}}},
			},
		},
	}
}

// changeables has a row for each field of the configurations, by its path.
func changeables() map[string]changeable {
	type change = *penstock.Change
	pass := func(next core.Handler) core.Handler { return next }
	rows := map[string]changeable{
		"Pool.Name":               {set: func(c change) { c.Pool.Name = "other" }, restart: true},
		"Pool.Mode":               {set: func(c change) { c.Pool.Mode = pool.Exclusive }, restart: true},
		"Pool.MaxSize":            {set: func(c change) { c.Pool.MaxSize = 7 }},
		"Pool.MinSize":            {set: func(c change) { c.Pool.MinSize = 2 }},
		"Pool.TargetSharing":      {set: func(c change) { c.Pool.TargetSharing = 7 }},
		"Pool.MaxSharing":         {set: func(c change) { c.Pool.MaxSharing = 77 }, restart: true},
		"Pool.MaxWaiters":         {set: func(c change) { c.Pool.MaxWaiters = 7 }},
		"Pool.AcquireTimeout":     {set: func(c change) { c.Pool.AcquireTimeout = time.Second }},
		"Pool.DialTimeout":        {set: func(c change) { c.Pool.DialTimeout = time.Second }},
		"Pool.MaxConcurrentDials": {set: func(c change) { c.Pool.MaxConcurrentDials = 3 }},
		"Pool.MaxLifetime":        {set: func(c change) { c.Pool.MaxLifetime = time.Minute }},
		"Pool.LifetimeJitter":     {set: func(c change) { c.Pool.LifetimeJitter = time.Minute }},
		"Pool.IdleTimeout":        {set: func(c change) { c.Pool.IdleTimeout = time.Minute }},
		"Pool.CheckIdleAfter":     {set: func(c change) { c.Pool.CheckIdleAfter = time.Minute }},
		"Pool.CheckEvery":         {set: func(c change) { c.Pool.CheckEvery = time.Minute }},
		"Pool.ReplaceAfter":       {set: func(c change) { c.Pool.ReplaceAfter = time.Minute }},
		"Pool.LeakAfter":          {set: func(c change) { c.Pool.LeakAfter = time.Minute }},
		"Pool.OnLeak": {set: func(c change) { c.Pool.LeakAfter, c.Pool.OnLeak = time.Hour, func(pool.LeakInfo) {} },
			shownBy: "pool.TestLeaksAndUsesAreToldFromTheChangeOn"},
		"Pool.OnUse":    {set: func(c change) { c.Pool.OnUse = func(time.Duration) {} }, shownBy: "pool.TestLeaksAndUsesAreToldFromTheChangeOn"},
		"Pool.Observer": {set: func(c change) { c.Pool.Observer = new(coretest.Recorder) }, restart: true},

		"MaxAsync":       {set: func(c change) { c.Config.MaxAsync = 7 }},
		"TracerProvider": {set: func(c change) { c.Config.TracerProvider = sdktrace.NewTracerProvider() }, restart: true},
		"MeterProvider":  {set: func(c change) { c.Config.MeterProvider = metric.NewMeterProvider() }, restart: true},
		"Telemetry":      {set: func(c change) { c.Config.Telemetry = []otelx.Option{otelx.WithSystem("x")} }, restart: true},
		"UseTime":        {set: func(c change) { c.Config.UseTime = true }, shownBy: "TestTheTimeOfUseIsMeasuredFromTheChangeOn"},
		"Observer":       {set: func(c change) { c.Config.Observer = new(coretest.Recorder) }, restart: true},
		"Watchers":       {set: func(c change) { c.Config.Watchers = make([]penstock.Watcher, 1) }, restart: true},
		"Logger":         {set: func(c change) { c.Config.Logger = slog.Default() }, restart: true},

		"Chain.Name":  {set: func(c change) { c.Config.Chain.Name = "other" }, restart: true},
		"Chain.Order": {set: func(c change) { o := middleware.DefaultOrder(); slices.Reverse(o); c.Config.Chain.Order = o }},
		"Chain.Stages": {set: func(c change) {
			c.Config.Chain.Stages = []middleware.Stage{{Name: "own", Middleware: pass, Before: "retry"}}
		}},
		"Chain.OperationTimeout": {set: func(c change) { c.Config.Chain.OperationTimeout = time.Hour }},
		"Chain.Ops":              {set: func(c change) { c.Config.Chain.Ops = []core.Op{{Name: "op", Timeout: time.Second}} }},
		"Chain.Trace.Disabled":   {set: func(c change) { c.Config.Chain.Trace.Disabled = true }},

		"Chain.Retry.MaxRetries":  {set: func(c change) { c.Config.Chain.Retry.MaxRetries = 7 }},
		"Chain.Retry.Interval":    {set: func(c change) { c.Config.Chain.Retry.Interval = time.Millisecond }},
		"Chain.Retry.MaxInterval": {set: func(c change) { c.Config.Chain.Retry.MaxInterval = time.Minute }},
		"Chain.Retry.Jitter":      {set: func(c change) { c.Config.Chain.Retry.Jitter = retry.NoJitter }},
		"Chain.Retry.Budget":      {set: func(c change) { c.Config.Chain.Retry.Budget, _ = core.NewBudget(0.7, 7) }},
		"Chain.Retry.Disabled":    {set: func(c change) { c.Config.Chain.Retry.Disabled = true }},
		"Chain.Timeout.Attempt":   {set: func(c change) { c.Config.Chain.Timeout.Attempt = time.Minute }},
		"Chain.Timeout.Disabled":  {set: func(c change) { c.Config.Chain.Timeout.Disabled = true }},

		"Chain.Health.Name": {set: func(c change) { c.Config.Chain.Health.Name = "other" }, restart: true},
		"Chain.Health.Probe": {set: func(c change) { c.Config.Chain.Health.Probe = func(context.Context) error { return nil } },
			shownBy: "health.TestAShutGateStaysShut"},
		"Chain.Health.Interval":         {set: func(c change) { c.Config.Chain.Health.Interval = time.Minute }},
		"Chain.Health.RecoveryInterval": {set: func(c change) { c.Config.Chain.Health.RecoveryInterval = time.Millisecond }},
		"Chain.Health.MaxRate":          {set: func(c change) { c.Config.Chain.Health.MaxRate = 50 }},
		"Chain.Health.Replicas":         {set: func(c change) { c.Config.Chain.Health.Replicas = 3 }},
		"Chain.Health.Timeout":          {set: func(c change) { c.Config.Chain.Health.Timeout = time.Second }},
		"Chain.Health.DownThreshold":    {set: func(c change) { c.Config.Chain.Health.DownThreshold = 7 }},
		"Chain.Health.UpThreshold":      {set: func(c change) { c.Config.Chain.Health.UpThreshold = 7 }},
		"Chain.Health.Observer":         {set: func(c change) { c.Config.Chain.Health.Observer = new(coretest.Recorder) }, restart: true},
		"Chain.Health.Disabled":         {set: func(c change) { c.Config.Chain.Health.Disabled = true }},

		"Chain.KeyedBreaker.Key":      {set: func(c change) { c.Config.Chain.KeyedBreaker.Key = func(*core.Call) string { return "" } }},
		"Chain.KeyedBreaker.Max":      {set: func(c change) { c.Config.Chain.KeyedBreaker.Max = 7 }},
		"Chain.KeyedBreaker.Disabled": {set: func(c change) { c.Config.Chain.KeyedBreaker.Disabled = true }},

		"Chain.Bulkhead.Name":          {set: func(c change) { c.Config.Chain.Bulkhead.Name = "other" }, restart: true},
		"Chain.Bulkhead.MaxConcurrent": {set: func(c change) { c.Config.Chain.Bulkhead.MaxConcurrent = 7 }},
		"Chain.Bulkhead.MaxWaiting":    {set: func(c change) { c.Config.Chain.Bulkhead.MaxWaiting = 7 }},
		"Chain.Bulkhead.MaxWait":       {set: func(c change) { c.Config.Chain.Bulkhead.MaxWait = time.Second }},
		"Chain.Bulkhead.Disabled":      {set: func(c change) { c.Config.Chain.Bulkhead.Disabled = true }},
		"Chain.RateLimit.Name":         {set: func(c change) { c.Config.Chain.RateLimit.Name = "other" }, restart: true},
		"Chain.RateLimit.Rate":         {set: func(c change) { c.Config.Chain.RateLimit.Rate = 7 }},
		"Chain.RateLimit.Burst":        {set: func(c change) { c.Config.Chain.RateLimit.Burst = 7 }},
		"Chain.RateLimit.MaxWait":      {set: func(c change) { c.Config.Chain.RateLimit.MaxWait = time.Minute }},
		"Chain.RateLimit.Disabled":     {set: func(c change) { c.Config.Chain.RateLimit.Disabled = true }},

		"Chain.Chaos.Faults":   {set: func(c change) { c.Config.Chain.Chaos.Faults = nil }},
		"Chain.Chaos.Seed":     {set: func(c change) { c.Config.Chain.Chaos.Seed = 7 }, shownBy: "chaos.TestEqualFaultsGoOnAndOthersBeginAnew"},
		"Chain.Chaos.StartOff": {set: func(c change) { c.Config.Chain.Chaos.StartOff = true }, shownBy: "chaos.TestEqualFaultsGoOnAndOthersBeginAnew"},
		"Chain.Chaos.Disabled": {set: func(c change) { c.Config.Chain.Chaos.Disabled = true }},
	}
	breakers(rows, "Chain.Breaker.", func(c change) *breaker.Config { return &c.Config.Chain.Breaker })
	breakers(rows, "Chain.KeyedBreaker.Each.", func(c change) *breaker.Config { return &c.Config.Chain.KeyedBreaker.Each })
	delete(rows, "Chain.KeyedBreaker.Each.Disabled") // New refuses it
	return rows
}

// breakers adds the rows of a breaker.
func breakers(rows map[string]changeable, path string, of func(*penstock.Change) *breaker.Config) {
	for name, set := range map[string]func(*breaker.Config){
		"Name":                func(c *breaker.Config) { c.Name = "other" },
		"FailureThreshold":    func(c *breaker.Config) { c.FailureThreshold = 7 },
		"FailureRate":         func(c *breaker.Config) { c.FailureRate = 0.7 },
		"FailureWindow":       func(c *breaker.Config) { c.FailureWindow = 70 },
		"FailureWindowTime":   func(c *breaker.Config) { c.FailureWindow, c.FailureWindowTime = 0, time.Minute },
		"MinimumCalls":        func(c *breaker.Config) { c.MinimumCalls = 7 },
		"RecoveryTimeout":     func(c *breaker.Config) { c.RecoveryTimeout = time.Minute },
		"HalfOpenSuccesses":   func(c *breaker.Config) { c.HalfOpenSuccesses = 7 },
		"MaxHalfOpenRequests": func(c *breaker.Config) { c.MaxHalfOpenRequests = 7 },
		"FairRun":             func(c *breaker.Config) { c.FairRun = time.Second },
		"CountAttempts":       func(c *breaker.Config) { c.CountAttempts = true },
		"SlowCallRate":        func(c *breaker.Config) { c.SlowCallRate = 0.7 },
		"SlowCallThreshold":   func(c *breaker.Config) { c.SlowCallThreshold = time.Millisecond },
		"SlowCallWindow":      func(c *breaker.Config) { c.SlowCallWindow = 7 },
		"OnTransition":        func(c *breaker.Config) { c.OnTransition = func(string, breaker.State, breaker.State) {} },
		"Disabled":            func(c *breaker.Config) { c.Disabled = true },
	} {
		row := changeable{set: func(c *penstock.Change) { set(of(c)) }, restart: name == "Name"}
		if name == "OnTransition" {
			row.shownBy = "breaker.TestAListenerMayComeAndGo"
		}
		rows[path+name] = row
	}
}

// fields returns the paths of all settings of a struct.
func fields(path string, of reflect.Type) (all []string) {
	for i := range of.NumField() {
		f := of.Field(i)
		of := f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct && of.Name() == "Config" && strings.HasPrefix(of.PkgPath(), module) {
			all = append(all, fields(path+f.Name+".", of)...)
		} else {
			all = append(all, path+f.Name)
		}
	}
	return all
}

func TestEverySettingSaysWhetherItChangesWhileTheProgramRuns(t *testing.T) {
	rows := changeables()
	want := append(fields("Pool.", reflect.TypeFor[pool.Config]()), fields("", reflect.TypeFor[penstock.Config]())...)
	want = slices.DeleteFunc(want, func(path string) bool { return path == "Chain.KeyedBreaker.Each.Disabled" })
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(rows)); !slices.Equal(got, want) {
		t.Errorf("rows for\n%q, want one for each of\n%q", got, want)
	}
	shown := func(c *penstock.Client[*wire]) string {
		return fmt.Sprint(c.Snapshot().Settings) + c.Chain().Describe()
	}
	for _, path := range slices.Sorted(maps.Keys(rows)) {
		row, first := rows[path], allSettings()
		client := newClient(t, backend{Factory: alive{&wires{OnDial: dialWire}}, Pool: first.Pool}, first.Config)
		before, change := shown(client), allSettings()
		change.Config.MeterProvider, change.Config.Logger = nil, nil
		row.set(&change)
		err := client.Reconfigure(t.Context(), change)
		after := shown(client)
		switch short := path[strings.LastIndex(path, ".")+1:]; {
		case row.restart && (err == nil || !strings.Contains(err.Error(), short+" ") || !strings.Contains(err.Error(), "restart")):
			t.Errorf("%s: Reconfigure = %v, want an error that names it and says restart", path, err)
		case row.restart && after != before:
			t.Errorf("%s: a change that was refused changed\n%s into\n%s", path, before, after)
		case !row.restart && err != nil:
			t.Errorf("%s: Reconfigure = %v", path, err)
		case !row.restart && row.shownBy == "" && after == before:
			t.Errorf("%s: the change is not in force:\n%s", path, after)
		}
		closeClient(t, client)
	}
}

func TestTheDocumentSaysWhatNeedsARestart(t *testing.T) {
	text, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "## Changing settings while the program runs")
	if !found {
		t.Fatal("docs/configuration.md has no section about changes while the program runs")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for path, row := range changeables() {
		short := strings.TrimPrefix(path, "Chain.")
		if named := strings.Contains(section, "`"+short+"`"); named != row.restart && !strings.HasSuffix(short, ".Name") {
			t.Errorf("the section names %s as one that needs a restart: %t, want %t", short, named, row.restart)
		}
	}
}

func TestTheTimeOfUseIsMeasuredFromTheChangeOn(t *testing.T) {
	reader := metric.NewManualReader()
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))})
	defer closeClient(t, client)
	for _, useTime := range []bool{false, true} {
		change := client.Settings()
		change.Config.UseTime = useTime
		if err := client.Reconfigure(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		if _, err := number(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		if _, measured := figures(t, reader)["db.client.connection.use_time"]; measured != useTime {
			t.Errorf("UseTime %t: measured is %t", useTime, measured)
		}
	}
}
