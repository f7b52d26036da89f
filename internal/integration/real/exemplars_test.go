// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
)

// scrapedSDK returns an SDK whose metrics can be scraped, and the address.
func scrapedSDK(t *testing.T, cfg sdk.Config) (*sdk.SDK, string) {
	t.Helper()
	var err error
	for range 10 { // another process may take the port first
		l, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			t.Fatal(listenErr)
		}
		addr := l.Addr().String()
		_, port, _ := net.SplitHostPort(addr)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
		t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
		t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
		var telemetry *sdk.SDK
		if telemetry, err = sdk.Setup(t.Context(), cfg); err == nil {
			return telemetry, addr
		}
	}
	t.Fatal(err)
	return nil, ""
}

func TestPrometheusLeadsFromAMetricToTheTraceOfAnOperation(t *testing.T) {
	begin := time.Now()
	spans := tracetest.NewSpanRecorder()
	telemetry, addr := scrapedSDK(t, sdk.Config{ServiceName: "penstock-exemplars", SpanProcessors: []sdktrace.SpanProcessor{spans}})
	down := errors.New("down")
	c, err := penstock.Open(t.Context(), penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}}, System: "milvus",
	}, penstock.Config{TracerProvider: telemetry.TracerProvider(), MeterProvider: telemetry.MeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []error{nil, down} {
		op := core.Op{Name: "Search", Target: "docs"}
		if end != nil {
			op.Name = "Insert"
		}
		if _, err := core.Do(t.Context(), c, op, func(context.Context, int) (int, error) { return 0, end }); !errors.Is(err, end) {
			t.Fatalf("Do = %v, want %v", err, end)
		}
	}

	p := servers.StartPrometheus(t, servers.PrometheusConfig{}, servers.Target{Addr: addr})
	if err := p.Scraped(p.Context(), addr); err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{} // trace ids
	for _, span := range spans.Ended() {
		operations[span.Name()+" "+span.SpanContext().TraceID().String()] = true
	}
	for _, name := range []string{"Search", "Insert"} {
		series := fmt.Sprintf("db_client_operation_duration_seconds_bucket{db_operation_name=%q}", name)
		exemplars, err := p.Exemplars(p.Context(), series, begin, time.Now())
		if err != nil || len(exemplars) == 0 {
			t.Errorf("%s has the exemplars %v, %v; want one", series, exemplars, err)
		}
		for _, e := range exemplars {
			if !operations[name+" docs "+e.Labels["trace_id"]] {
				t.Errorf("%s has the exemplar %v, which is none of %v", series, e, operations)
			}
		}
	}
	if err := errors.Join(c.Close(t.Context()), telemetry.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}
