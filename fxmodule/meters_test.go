// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	texttemplate "text/template"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/pool"
)

// largest returns db.client.connection.max of each pool in the metrics.
func largest(t *testing.T, reader *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	pools := map[string]int64{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "db.client.connection.max" {
				for _, p := range sum.DataPoints {
					name, _ := p.Attributes.Value("db.client.connection.pool.name")
					pools[name.AsString()] += p.Value
				}
			}
		}
	}
	return pools
}

func TestAPoolIsInTheMetricsWhileTheApplicationRuns(t *testing.T) {
	reader := emitted.Reader(t)
	meters := fx.Supply(fx.Annotate(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), fx.As(new(metric.MeterProvider))))
	expect := func(when string, want int64) {
		t.Helper()
		if got := largest(t, reader)["fxmodule_test.conn"]; got != want {
			t.Errorf("%s: db.client.connection.max = %d, want %d", when, got, want)
		}
	}
	options := func(more ...fx.Option) fx.Option {
		return fx.Options(fxmodule.Client[*conn](), provide(&factory{}), meters, fx.Options(more...))
	}
	broken := errors.New("broken")
	for range 3 {
		app := fx.New(options(fx.Invoke(func(client) error { return broken })), fx.NopLogger)
		if !errors.Is(app.Err(), broken) {
			t.Fatalf("the application is built with %v", app.Err())
		}
	}
	expect("after applications that could not be built", 0)

	notStarting := fx.New(options(fx.Invoke(func(l fx.Lifecycle, _ client) {
		l.Append(fx.StartHook(func() error { return broken }))
	})), fx.NopLogger)
	if err := notStarting.Start(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("Start = %v", err)
	}
	expect("after an application that did not start", 0)

	app := fxtest.New(t, options(fx.Invoke(func(client) {})))
	expect("before the start", 0)
	app.RequireStart()
	expect("while the application runs", 10)
	app.RequireStop()
	expect("after the stop", 0)
}

func TestTwoPoolsOfOneNameAreRefused(t *testing.T) {
	// The default name is that of the type, and the types of two packages have one
	// name here.
	reader := emitted.Reader(t)
	app := func(text ...fxmodule.Option) *fx.App {
		return fx.New(
			fxmodule.Client[*texttemplate.Template](text...), fxmodule.Client[*htmltemplate.Template](),
			fx.Provide(
				fx.Annotate(func() pool.Factory[*texttemplate.Template] {
					return &coretest.Factory[*texttemplate.Template]{OnDial: func(context.Context, int) (*texttemplate.Template, error) { return texttemplate.New(""), nil }}
				}, fx.ResultTags(fxmodule.NameTag(text...))),
				func() pool.Factory[*htmltemplate.Template] {
					return &coretest.Factory[*htmltemplate.Template]{OnDial: func(context.Context, int) (*htmltemplate.Template, error) { return htmltemplate.New(""), nil }}
				},
			),
			fx.Supply(fx.Annotate(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), fx.As(new(metric.MeterProvider)))),
			fx.Invoke(
				fx.Annotate(func(*penstock.Client[*texttemplate.Template]) {}, fx.ParamTags(fxmodule.NameTag(text...))),
				func(*penstock.Client[*htmltemplate.Template]) {},
			),
			fx.NopLogger,
		)
	}
	err := app().Start(t.Context())
	for _, part := range []string{`pool "template.Template" is registered already`, "pool.Config.Name"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Start = %v, want it to say %q", err, part)
		}
	}
	reader = emitted.Reader(t)
	named := app(fxmodule.Named("text"))
	if err := named.Start(t.Context()); err != nil {
		t.Fatalf("Start with a name = %v", err)
	}
	var names []string
	for name := range largest(t, reader) {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"template.Template", "text"}; !slices.Equal(names, want) {
		t.Errorf("pools in the metrics: %q, want %q", names, want)
	}
	if err := named.Stop(t.Context()); err != nil {
		t.Errorf("Stop = %v", err)
	}
}

func TestUseTimeIsASwitch(t *testing.T) {
	reader := emitted.Reader(t)
	var c client
	app := fxtest.New(t,
		fxmodule.Client[*conn](fxmodule.Config(penstock.Config{UseTime: true})), provide(&factory{}),
		fx.Supply(fx.Annotate(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), fx.As(new(metric.MeterProvider)))),
		fx.Populate(&c),
	)
	app.RequireStart()
	if _, err := get(t.Context(), c); err != nil {
		t.Error(err)
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	var leases uint64
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			if data, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == "db.client.connection.use_time" {
				leases += data.DataPoints[0].Count
			}
		}
	}
	if leases != 1 {
		t.Errorf("use_time of %d leases, want 1", leases)
	}
	app.RequireStop()
}

func TestTheStopExportsOnceForAllClients(t *testing.T) {
	var mu sync.Mutex
	var exports []string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		exports = append(exports, string(body))
	}))
	defer collector.Close()
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL,
		"OTEL_TRACES_EXPORTER":        "none",
		"OTEL_METRICS_EXPORTER":       "",
		"OTEL_SERVICE_NAME":           "three",
	} {
		t.Setenv(name, value)
	}
	options := []fx.Option{fxmodule.Telemetry()}
	names := []string{"first", "second", "third"}
	for _, name := range names {
		tag := fmt.Sprintf("name:%q", name)
		options = append(options,
			fxmodule.Client[*conn](fxmodule.Named(name)),
			fx.Provide(fx.Annotate(func() pool.Factory[*conn] { return &factory{} }, fx.ResultTags(tag))),
			fx.Invoke(fx.Annotate(func(client) {}, fx.ParamTags(tag))),
		)
	}
	app := fxtest.New(t, options...)
	app.RequireStart()
	app.RequireStop()
	mu.Lock()
	defer mu.Unlock()
	if len(exports) != 1 {
		t.Fatalf("%d exports of metrics, want 1", len(exports))
	}
	for _, part := range append(names, "penstock.pool.connections.closed", "shutdown") {
		if !strings.Contains(exports[0], part) {
			t.Errorf("the export does not tell of %q", part)
		}
	}
}
