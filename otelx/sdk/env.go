// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/penstock-go/penstock/internal/text"
)

const (
	prometheusHost = "OTEL_EXPORTER_PROMETHEUS_HOST"
	prometheusPort = "OTEL_EXPORTER_PROMETHEUS_PORT"
)

// disabled reports whether the environment turns the SDK off. The SDK for Go does
// not read the variable itself.
func disabled() bool {
	return strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_SDK_DISABLED")), "true")
}

// spanExporter returns the exporter that the environment names, nil if it names
// none.
func spanExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if on, err := wanted("TRACES"); !on {
		return nil, err
	}
	if err := checkSignal("TRACES"); err != nil {
		return nil, err
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, signalError("TRACES", err)
	}
	if autoexport.IsNoneSpanExporter(exporter) {
		return nil, nil
	}
	return exporter, nil
}

// metricReader returns the reader that the environment names, nil if it names
// none.
func metricReader(ctx context.Context) (sdkmetric.Reader, error) {
	if on, err := wanted("METRICS"); !on {
		return nil, err
	}
	if err := checkSignal("METRICS"); err != nil {
		return nil, err
	}
	newReader := func(ctx context.Context) (sdkmetric.Reader, error) { return autoexport.NewMetricReader(ctx) }
	if os.Getenv("OTEL_METRICS_EXPORTER") == "prometheus" {
		newReader = newPrometheusReader
	}
	reader, err := newReader(ctx)
	if err != nil {
		return nil, signalError("METRICS", err)
	}
	if autoexport.IsNoneMetricReader(reader) {
		return nil, nil
	}
	return reader, nil
}

// wanted reports whether the environment names an exporter of signal. Without this
// check autoexport exports to localhost by default.
func wanted(signal string) (bool, error) {
	exporter := os.Getenv("OTEL_" + signal + "_EXPORTER")
	variable := otlpVariable(signal, "ENDPOINT")
	endpoint := os.Getenv(variable)
	if exporter == "" && endpoint == "" {
		return false, nil
	}
	if endpoint == "" || (exporter != "" && exporter != "otlp") {
		return true, nil
	}
	// An exporter reports a bad endpoint on standard error only, and exports to
	// localhost instead. The error does not repeat the value, which may hold a
	// password.
	protocol := os.Getenv(otlpVariable(signal, "PROTOCOL"))
	u, err := url.Parse(strings.TrimSpace(endpoint))
	if err != nil || (u.Host == "" && protocol != "grpc") {
		return false, fmt.Errorf("%s is not a URL such as http://localhost:4318", variable)
	}
	return true, nil
}

// exporters are the values of OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER. A
// program may have registered further ones.
var exporters = map[string]string{"TRACES": "otlp, console or none", "METRICS": "otlp, prometheus, console or none"}

// signalError adds to an error of autoexport which variable is to blame. The error
// about an unknown exporter does not say which ones there are.
func signalError(signal string, err error) error {
	if exporter := os.Getenv("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		hint := ""
		if strings.HasPrefix(err.Error(), "unknown exporter") {
			hint = ", want " + exporters[signal]
		}
		return fmt.Errorf("OTEL_%s_EXPORTER=%s: %w%s", signal, exporter, err, hint)
	}
	return fmt.Errorf("exporter of %s: %w", strings.ToLower(signal), err)
}

// resourceFromEnv returns the resource that describes the program. The environment
// takes precedence over serviceName. The strings are made clean: the names of files
// and percent-encoded variables need not be valid UTF-8.
func resourceFromEnv(ctx context.Context, serviceName string, exports bool, logger *slog.Logger) *resource.Resource {
	opts := []resource.Option{resource.WithService(), resource.WithTelemetrySDK()}
	if serviceName != "" {
		opts = append(opts, resource.WithAttributes(semconv.ServiceName(serviceName)))
	}
	res, err := resource.New(ctx, append(opts, resource.WithFromEnv())...)
	if err != nil {
		logger.WarnContext(ctx, "OTEL_RESOURCE_ATTRIBUTES is used in part", "error", err)
	}
	attributes := res.Attributes()
	for i, kv := range attributes {
		attributes[i] = text.Attribute(kv)
	}
	res = resource.NewWithAttributes(res.SchemaURL(), attributes...)
	if name, _ := res.Set().Value(semconv.ServiceNameKey); exports && strings.HasPrefix(name.AsString(), "unknown_service") {
		logger.WarnContext(ctx, "telemetry has no service name: set OTEL_SERVICE_NAME", "service.name", name.AsString())
	}
	return res
}
