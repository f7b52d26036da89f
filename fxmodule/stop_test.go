// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
)

// meters is a provider that counts its flushes, each of which lasts as long as it may:
// its collector does not answer.
type meters struct {
	*sdkmetric.MeterProvider
	reader  *sdkmetric.ManualReader
	flushes atomic.Int64
}

func newMeters(t *testing.T) *meters {
	t.Helper()
	reader := emitted.Reader(t)
	return &meters{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), reader: reader}
}

func (m *meters) ForceFlush(ctx context.Context) error {
	m.flushes.Add(1)
	<-ctx.Done()
	return ctx.Err()
}

// collect collects, and returns how many pools are in the metrics.
func (m *meters) collect(t *testing.T) (pools int) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := m.reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, s := range rm.ScopeMetrics {
		for _, metric := range s.Metrics {
			if data, ok := metric.Data.(metricdata.Sum[int64]); ok && metric.Name == "db.client.connection.max" {
				pools += len(data.DataPoints)
			}
		}
	}
	return pools
}

// run starts and stops an application in virtual time, and returns how long the stop
// took.
func run(t *testing.T, options ...fx.Option) time.Duration {
	t.Helper()
	app := fx.New(append(options, fx.NopLogger)...)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), fx.DefaultTimeout)
	defer cancel()
	if err := app.Stop(ctx); err != nil {
		t.Errorf("Stop = %v", err)
	}
	return time.Since(begin)
}

// outsideOfABubble starts the goroutine that waits for signals, which lasts.
func outsideOfABubble() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	signal.Stop(c)
}

func TestAStopWithoutACollectorWaitsForNone(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		m := newMeters(t)
		options := []fx.Option{fxmodule.Module(), fx.Supply(fx.Annotate(m, fx.As(new(metric.MeterProvider))))}
		for _, name := range []string{"a", "b", "c"} {
			options = append(options,
				fxmodule.Client[*conn](fxmodule.Named(name)),
				fx.Provide(fx.Annotate(func() pool.Factory[*conn] { return &factory{} }, fx.ResultTags(`name:"`+name+`"`))),
				fx.Invoke(fx.Annotate(func(client) {}, fx.ParamTags(`name:"`+name+`"`))),
			)
		}
		took := run(t, options...)
		if n := m.flushes.Load(); n != 0 || took != 0 {
			t.Errorf("%d flushes, after %v; want none, at once", n, took)
		}
		// The provider's own shutdown exports the last figures, once.
		if first, second := m.collect(t), m.collect(t); first != 3 || second != 0 {
			t.Errorf("%d pools in the collection after the stop, %d in the next; want 3 and none", first, second)
		}
	})
}

func TestAClientThatFailsToStartLeavesNothingInTheMetrics(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		m := newMeters(t)
		app := fx.New(fx.NopLogger, fxmodule.Client[*conn](), provide(&factory{err: os.ErrDeadlineExceeded}),
			fx.Supply(fx.Annotate(m, fx.As(new(metric.MeterProvider)))), fx.Invoke(func(client) {}))
		if err := app.Start(t.Context()); err == nil {
			t.Fatal("the application started")
		}
		m.collect(t) // the last figures of a client that closed
		if n := m.collect(t); n != 0 {
			t.Errorf("%d pools in the metrics, want none", n)
		}
	})
}

// blocked is a span processor whose collector does not answer. It says how long its
// flush had.
type blocked struct {
	sdktrace.SpanProcessor
	had *time.Duration
}

func (p blocked) Shutdown(ctx context.Context) error {
	begin := time.Now()
	<-ctx.Done()
	*p.had = time.Since(begin)
	return ctx.Err()
}

// hold starts an operation that holds a connection until the time is over, whatever its
// context says.
func hold(t *testing.T, c client, op core.Op, until <-chan struct{}) {
	t.Helper()
	holds := make(chan struct{})
	go func() {
		_, _ = core.Do(context.Background(), c, op, func(context.Context, *conn) (int, error) {
			close(holds)
			<-until
			return 0, nil
		})
	}()
	<-holds
}

// named returns the options of clients with names, whose factories are given.
func named(factories map[string]pool.Factory[*conn]) fx.Option {
	var options []fx.Option
	for _, name := range slices.Sorted(maps.Keys(factories)) {
		options = append(options, fxmodule.Client[*conn](fxmodule.Named(name)), with(name, conns{Factory: factories[name]}))
	}
	return fx.Options(options...)
}

type three struct {
	fx.In
	A client `name:"a"`
	B client `name:"b"`
	C client `name:"c"`
}

func TestAStopWithHungBackendsAndNoCollectorEndsInTimeAndSaysWhatWasCutOff(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		var (
			in   three
			had  time.Duration
			last time.Duration // when the hook ran that stops after all others
			log  lines
		)
		factories := map[string]pool.Factory[*conn]{"a": &factory{}, "b": &factory{}, "c": &factory{}}
		var begin time.Time
		app := fx.New(fx.Supply(slog.New(slog.NewTextHandler(&log, nil))), fxmodule.WithLogger(),
			fxmodule.Telemetry(), fx.Provide(func(l fx.Lifecycle) sdk.Config {
				l.Append(fx.StopHook(func() { last = time.Since(begin) })) // stops after Telemetry, which needs it
				return sdk.Config{SpanProcessors: []sdktrace.SpanProcessor{blocked{tracetest.NewSpanRecorder(), &had}}}
			}),
			named(factories), fx.Invoke(func(c three) { in = c }),
		)
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		over, soon := make(chan struct{}), make(chan struct{})
		hold(t, in.A, core.Op{Name: "Search", Target: "docs"}, over)
		hold(t, in.B, core.Op{Name: "Insert", Target: "pages"}, soon)
		hold(t, in.C, core.Op{Name: "Query", Target: "users"}, over)
		time.AfterFunc(5*time.Second, func() { close(soon) }) // B drains in time, after C was cut off
		begin = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), fx.DefaultTimeout)
		defer cancel()
		err := app.Stop(ctx)
		took := time.Since(begin)
		close(over)
		synctest.Wait()
		// C has a quarter of 15 s, B needs 1.25 s more, A has a half of the rest, and the
		// flush three quarters of what is left then.
		if took >= fx.DefaultTimeout || had < 3*time.Second || last < 13*time.Second {
			t.Errorf("the stop took %v, the flush had %v, and the hook after it ran after %v; want less than %v, 3 s at least, and 13 s at least", took, had, last, fx.DefaultTimeout)
		}
		want := []string{
			`fxmodule: client "c" of *fxmodule_test.conn was cut off after 3.75s, its share of the stop time: pool "c" closed by force, leases still out: 1: context deadline exceeded (oldest holders: Query users since 3.8s`,
			`fxmodule: client "a" of *fxmodule_test.conn was cut off after 5s, its share of the stop time: pool "a" closed by force, leases still out: 1: context deadline exceeded (oldest holders: Search docs since 10s`,
		}
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("Stop = %v, want it to say %q", err, part)
			}
			if !slices.ContainsFunc(log.all, func(record string) bool {
				return strings.Contains(record, "level=ERROR") && strings.Contains(record, strings.Trim(strconv.Quote(part), `"`))
			}) {
				t.Errorf("fx logs %q, want an error with %q", log.all, part)
			}
		}
		if err != nil && (strings.Contains(err.Error(), `client "b"`) || strings.Contains(err.Error(), "Insert")) {
			t.Errorf("Stop = %v, want nothing of b, which drained in time", err)
		}
	})
}

// stuck is a factory whose Ping and Close return when it is over, whatever their contexts
// say.
type stuck struct {
	factory
	over chan struct{}
}

func (f *stuck) Ping(context.Context, *conn) error {
	<-f.over
	return nil
}

func (f *stuck) Close(context.Context, *conn) error {
	<-f.over
	return nil
}

func TestAFactoryThatHangsDoesNotHoldTheStop(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		var last time.Time
		app := fx.New(fx.NopLogger, fx.Invoke(func(l fx.Lifecycle) { l.Append(fx.StopHook(func() { last = time.Now() })) }),
			named(map[string]pool.Factory[*conn]{"a": &stuck{over: over}, "b": &stuck{over: over}}),
			fx.Invoke(func(struct {
				fx.In
				A client `name:"a"`
				B client `name:"b"`
			}) {
			}),
		)
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // some probes hang
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), fx.DefaultTimeout)
		defer cancel()
		err := app.Stop(ctx)
		if took := time.Since(begin); took >= fx.DefaultTimeout || last.IsZero() {
			t.Errorf("the stop took %v, and the last hook ran at %v", took, last)
		}
		for _, part := range []string{`fxmodule: client "a" of *fxmodule_test.conn`, `fxmodule: client "b" of *fxmodule_test.conn`, "calls of the factory that have not returned"} {
			if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Stop = %v, want it to say %q in one line", err, part)
			}
		}
		close(over)
	})
}

// The console exporter prints a batch for each export.
func TestTelemetryExportsOnceAtTheStop(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "console")
	t.Setenv("OTEL_SERVICE_NAME", "test")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	printed := make(chan string)
	go func() {
		var b strings.Builder
		_, _ = r.WriteTo(&b)
		printed <- b.String()
	}()
	app := fx.New(fx.NopLogger, fxmodule.Telemetry(), fxmodule.Client[*conn](), provide(&factory{}), fx.Invoke(func(client) {}),
		fx.Supply(penstock.Backend[*conn]{Pool: pool.Config{Name: "main"}}))
	startErr, stopErr := app.Start(t.Context()), app.Stop(t.Context())
	os.Stdout = stdout
	_ = w.Close()
	got := <-printed
	if n := strings.Count(got, `"ScopeMetrics"`); startErr != nil || stopErr != nil || n != 1 || !strings.Contains(got, "db.client.connection.max") {
		t.Errorf("Start = %v, Stop = %v, %d batches:\n%s\nwant one, with the pool in it", startErr, stopErr, n, got)
	}
}
