// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// docs/telemetry.md says so.
func TestThePrometheusExporterListensWhereTheEnvironmentSays(t *testing.T) {
	url, s := prometheus(t, recorded(), nil)
	counter, err := s.MeterProvider().Meter("test").Int64Counter("orders")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := read(t, request); !strings.Contains(text, "orders_total{") {
		t.Errorf("/metrics has no counter:\n%s", text)
	}
}

// recorded has spans that are sampled, and not exported.
func recorded() sdk.Config {
	return sdk.Config{SpanProcessors: []sdktrace.SpanProcessor{tracetest.NewSpanRecorder()}}
}

// prometheus sets up an SDK with the exporter prometheus and further variables. It
// returns where to scrape.
func prometheus(t *testing.T, cfg sdk.Config, env map[string]string) (url string, s *sdk.SDK) {
	t.Helper()
	cfg.ServiceName = "shop"
	setenv(t, env)
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	var err error
	for range 10 { // another process may take the port first
		host, port := free(t)
		t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", host)
		t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", port)
		if s, err = sdk.Setup(t.Context(), cfg); err == nil {
			t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
			return "http://" + net.JoinHostPort(host, port) + "/metrics", s
		}
	}
	t.Fatal(err)
	return "", nil
}

// read returns the body of the answer to request.
func read(t *testing.T, request *http.Request) string {
	t.Helper()
	// A client of its own, so that its connections are closed with it.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// free returns an address where nothing listens.
func free(t *testing.T) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func TestAScrapeThatAsksForOpenMetricsGetsExemplars(t *testing.T) {
	for accept, want := range map[string]bool{
		"application/openmetrics-text;version=1.0.0": true,
		"text/plain;version=0.0.4":                   false,
	} {
		t.Run(accept, func(t *testing.T) {
			url, s := prometheus(t, recorded(), nil)
			ctx, span := s.TracerProvider().Tracer("test").Start(t.Context(), "Search docs")
			defer span.End()
			duration, err := s.MeterProvider().Meter("test").Float64Histogram("db.client.operation.duration")
			if err != nil {
				t.Fatal(err)
			}
			duration.Record(ctx, 0.02)

			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept", accept)
			// The labels of an exemplar are in no order.
			exemplar := `trace_id="` + span.SpanContext().TraceID().String() + `"`
			if text := read(t, request); strings.Contains(text, exemplar) != want {
				t.Errorf("the exemplar with %s is there = %v, want %v:\n%s", exemplar, !want, want, text)
			}
		})
	}
}

func TestAPortThatIsTakenIsAnErrorThatNamesIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	setenv(t, map[string]string{
		"OTEL_METRICS_EXPORTER":         "prometheus",
		"OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
		"OTEL_EXPORTER_PROMETHEUS_PORT": port,
	})
	if _, err := sdk.Setup(t.Context(), sdk.Config{ServiceName: "shop"}); err == nil ||
		!strings.Contains(err.Error(), "OTEL_EXPORTER_PROMETHEUS_PORT") || !strings.Contains(err.Error(), "127.0.0.1:"+port) {
		t.Errorf("Setup = %v", err)
	}
}
