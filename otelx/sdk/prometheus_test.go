// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// docs/telemetry.md says so.
func TestThePrometheusExporterListensWhereTheEnvironmentSays(t *testing.T) {
	var (
		s          *sdk.SDK
		host, port string
		err        error
	)
	for range 10 { // another process may take the port first
		host, port = free(t)
		setenv(t, map[string]string{
			"OTEL_METRICS_EXPORTER":         "prometheus",
			"OTEL_EXPORTER_PROMETHEUS_HOST": host,
			"OTEL_EXPORTER_PROMETHEUS_PORT": port,
		})
		if s, err = sdk.Setup(t.Context(), sdk.Config{ServiceName: "shop"}); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	counter, err := s.MeterProvider().Meter("test").Int64Counter("orders")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	response, err := http.Get("http://" + net.JoinHostPort(host, port) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(text), "orders_total{") {
		t.Errorf("/metrics has no counter: %v\n%s", err, text)
	}
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
