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
	"github.com/penstock-go/penstock/pool"
)

// meters is a provider whose collector does not answer. It counts its flushes, and what
// it would have exported of pools at the last one.
type meters struct {
	*sdkmetric.MeterProvider
	reader  *sdkmetric.ManualReader
	flushes atomic.Int64
	pools   atomic.Int64
}

func newMeters() *meters {
	reader := sdkmetric.NewManualReader()
	return &meters{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), reader: reader}
}

func (m *meters) ForceFlush(ctx context.Context) error {
	m.flushes.Add(1)
	var rm metricdata.ResourceMetrics
	if err := m.reader.Collect(ctx, &rm); err != nil {
		return err
	}
	for _, s := range rm.ScopeMetrics {
		for _, metric := range s.Metrics {
			if data, ok := metric.Data.(metricdata.Sum[int64]); ok && metric.Name == "db.client.connection.max" {
				m.pools.Store(int64(len(data.DataPoints)))
			}
		}
	}
	<-ctx.Done()
	return ctx.Err()
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

func TestAStopWithoutACollectorFlushesOnceForAllClients(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		m := newMeters()
		options := []fx.Option{fxmodule.Module(), fx.Supply(fx.Annotate(m, fx.As(new(metric.MeterProvider))))}
		for _, name := range []string{"a", "b", "c"} {
			options = append(options,
				fxmodule.Client[*conn](fxmodule.Named(name)),
				fx.Provide(fx.Annotate(func() pool.Factory[*conn] { return &factory{} }, fx.ResultTags(`name:"`+name+`"`))),
				fx.Invoke(fx.Annotate(func(client) {}, fx.ParamTags(`name:"`+name+`"`))),
			)
		}
		took := run(t, options...)
		if n, pools := m.flushes.Load(), m.pools.Load(); n != 1 || pools != 3 || took > 3*time.Second {
			t.Errorf("%d flushes with %d pools, after %v; want one with 3, within 3s", n, pools, took)
		}
		var rm metricdata.ResourceMetrics
		if err := m.reader.Collect(t.Context(), &rm); err != nil || len(rm.ScopeMetrics) > 0 && strings.Contains(text(rm), "db.client.connection.max") {
			t.Errorf("the pools are in the metrics after the stop: %v, %v", rm, err)
		}
	})
}

// text lists the names of metrics.
func text(rm metricdata.ResourceMetrics) string {
	var names []string
	for _, s := range rm.ScopeMetrics {
		for _, m := range s.Metrics {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestAClientThatFailsToStartLeavesNothingInTheMetrics(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		m := newMeters()
		app := fx.New(fx.NopLogger, fxmodule.Client[*conn](), provide(&factory{err: os.ErrDeadlineExceeded}),
			fx.Supply(fx.Annotate(m, fx.As(new(metric.MeterProvider)))), fx.Invoke(func(client) {}))
		if err := app.Start(t.Context()); err == nil {
			t.Fatal("the application started")
		}
		var rm metricdata.ResourceMetrics
		if err := m.reader.Collect(t.Context(), &rm); err != nil || strings.Contains(text(rm), "db.client.connection.max") {
			t.Errorf("the pool is in the metrics: %s, %v", text(rm), err)
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
