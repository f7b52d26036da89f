// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// telemetry is the OpenTelemetry SDK of one service: traces go to a collector, and
// metrics are scraped.
type telemetry struct {
	tracers *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	scrapes *http.Server
	addr    string // where /metrics is, as host:port
}

// startTelemetry starts the SDK of the service of that name, as an application does:
// the head sampler keeps the given ratio of the traces that begin here, and follows
// the caller's decision for all others.
func startTelemetry(ctx context.Context, service, otlp string, ratio float64) (*telemetry, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(otlp+"/v1/traces"))
	if err != nil {
		return nil, err
	}
	res := resource.NewSchemaless(semconv.ServiceName(service))
	registry := prometheus.NewRegistry()
	reader, err := otelprom.New(otelprom.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	t := &telemetry{
		tracers: sdktrace.NewTracerProvider(
			sdktrace.WithResource(res),
			sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
			// The queue holds some seconds of a storm, while the collector is busy.
			sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(500*time.Millisecond), sdktrace.WithMaxQueueSize(8192)),
		),
		meters:  sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(reader)),
		scrapes: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second},
		addr:    lis.Addr().String(),
	}
	go func() { _ = t.scrapes.Serve(lis) }() // it returns an error when it is closed
	return t, nil
}

// close exports the spans that are left, and ends the scrapes.
func (t *telemetry) close(ctx context.Context) error {
	err := errors.Join(t.tracers.Shutdown(ctx), t.meters.Shutdown(ctx), t.scrapes.Close())
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}
