// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/contract/emitted"
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
