// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// prometheusReader is a reader of metrics with the endpoint that Prometheus scrapes.
type prometheusReader struct {
	sdkmetric.Reader
	server *http.Server
}

// newPrometheusReader listens where the environment says. Autoexport has such a
// reader too, whose handler answers the old text format alone: exemplars exist in
// OpenMetrics only.
func newPrometheusReader(ctx context.Context) (sdkmetric.Reader, error) {
	address := net.JoinHostPort(
		cmp.Or(os.Getenv(prometheusHost), "localhost"),
		cmp.Or(os.Getenv(prometheusPort), "9464"),
	)
	// A registry of its own: the metrics of the global one are the application's.
	registry := prometheus.NewRegistry()
	reader, err := promexporter.New(promexporter.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, errors.Join(
			fmt.Errorf("cannot listen where %s and %s say: %w", prometheusHost, prometheusPort, err),
			reader.Shutdown(ctx),
		)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry: registry,
		// Prometheus asks for OpenMetrics; who asks for text gets text.
		EnableOpenMetrics: true,
	}))
	server := &http.Server{
		Handler: mux,
		// A client that is slow, or never sends its request, must not hold a
		// connection for ever.
		ReadTimeout:  5 * time.Second,
		WriteTimeout: 10 * time.Second,
		IdleTimeout:  2 * time.Minute,
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			otel.Handle(fmt.Errorf("the endpoint for Prometheus ended: %w", err))
		}
	}()
	return &prometheusReader{reader, server}, nil
}

// Shutdown lets a running scrape end, as long as ctx lasts. Prometheus fetches, so
// there is nothing to flush.
func (r *prometheusReader) Shutdown(ctx context.Context) error {
	err := r.server.Shutdown(ctx)
	if err != nil {
		_ = r.server.Close() // the error of Shutdown is told
	}
	return errors.Join(err, r.Reader.Shutdown(ctx))
}
