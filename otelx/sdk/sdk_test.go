// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx/sdk"
)

// setenv makes the given variables the only ones of OpenTelemetry.
func setenv(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

// logs is what a logger wrote.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func setup(t *testing.T, cfg sdk.Config) *sdk.SDK {
	t.Helper()
	s, err := sdk.Setup(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// emit makes one span and one measurement.
func emit(ctx context.Context, s *sdk.SDK) {
	_, span := s.TracerProvider().Tracer("test").Start(ctx, "Search docs")
	span.End()
	counter, _ := s.MeterProvider().Meter("test").Int64Counter("penstock.retries")
	counter.Add(ctx, 1)
}

// collector is an OTLP receiver over HTTP.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []string
	metrics []string
	service string
	order   []string // paths
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.order = append(c.order, r.URL.Path)
		switch r.URL.Path {
		case "/v1/traces":
			var msg collectortrace.ExportTraceServiceRequest
			if err := proto.Unmarshal(body, &msg); err != nil {
				t.Error(err)
			}
			for _, rs := range msg.ResourceSpans {
				for _, kv := range rs.Resource.Attributes {
					if kv.Key == "service.name" {
						c.service = kv.Value.GetStringValue()
					}
				}
				for _, ss := range rs.ScopeSpans {
					for _, span := range ss.Spans {
						c.spans = append(c.spans, span.Name)
					}
				}
			}
		case "/v1/metrics":
			var msg collectormetrics.ExportMetricsServiceRequest
			if err := proto.Unmarshal(body, &msg); err != nil {
				t.Error(err)
			}
			for _, rm := range msg.ResourceMetrics {
				for _, sm := range rm.ScopeMetrics {
					for _, m := range sm.Metrics {
						c.metrics = append(c.metrics, m.Name)
					}
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func TestEnvironmentDecidesWhatIsExported(t *testing.T) {
	tests := []struct {
		name            string
		env             map[string]string // URL stands for the collector's
		traces, metrics bool
	}{
		{"nothing", nil, false, false},
		{"endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL"}, true, true},
		{"endpoint of traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "URL/v1/traces"}, true, false},
		{"endpoint of metrics", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "URL/v1/metrics"}, false, true},
		{"endpoint, no metrics", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL", "OTEL_METRICS_EXPORTER": "none"}, true, false},
		{"endpoint, no traces", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL", "OTEL_TRACES_EXPORTER": "none"}, false, true},
		{"exporter", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp"}, true, true},
		{"disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL", "OTEL_SDK_DISABLED": "TRUE"}, false, false},
		{"not disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL", "OTEL_SDK_DISABLED": "1"}, true, true},
		{"prometheus", map[string]string{"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT": "0"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCollector(t)
			for name, value := range tt.env {
				tt.env[name] = strings.Replace(value, "URL", c.URL, 1)
			}
			setenv(t, tt.env)
			var log logs
			s := setup(t, sdk.Config{ServiceName: "shop", Logger: log.logger()})
			emit(t.Context(), s)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown = %v", err)
			}

			c.mu.Lock()
			defer c.mu.Unlock()
			if got := slices.Contains(c.spans, "Search docs"); got != tt.traces {
				t.Errorf("spans arrived = %v, want %v", got, tt.traces)
			}
			if got := slices.Contains(c.metrics, "penstock.retries"); got != tt.metrics {
				t.Errorf("metrics arrived = %v, want %v", got, tt.metrics)
			}
			if tt.traces && c.service != "shop" {
				t.Errorf("service.name = %q, want shop", c.service)
			}
			if tt.traces && tt.metrics && !reflect.DeepEqual(c.order, []string{"/v1/metrics", "/v1/traces"}) {
				t.Errorf("flushed in the order %q", c.order)
			}
			if log.String() != "" {
				t.Errorf("logged %s", &log)
			}
		})
	}
}

func TestWithNothingConfiguredNothingRuns(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing":  nil,
		"none":     {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
		"disabled": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_SDK_DISABLED": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, env)
			before, handler := runtime.NumGoroutine(), otel.GetErrorHandler()
			s := setup(t, sdk.Config{})
			emit(t.Context(), s)
			if _, ok := s.TracerProvider().(tracenoop.TracerProvider); !ok {
				t.Errorf("TracerProvider is a %T, want a no-op", s.TracerProvider())
			}
			if _, ok := s.MeterProvider().(metricnoop.MeterProvider); !ok {
				t.Errorf("MeterProvider is a %T, want a no-op", s.MeterProvider())
			}
			if n := runtime.NumGoroutine(); n > before {
				t.Errorf("%d goroutines, %d before", n, before)
			}
			if otel.GetErrorHandler() != handler {
				t.Error("the error handler of the process was replaced")
			}
			for range 2 {
				if err := s.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown = %v", err)
				}
			}
		})
	}
}

func TestNothingIsPrintedWithNothingConfigured(t *testing.T) {
	const child = "PENSTOCK_TEST_CHILD"
	if os.Getenv(child) != "" {
		s := setup(t, sdk.Config{})
		emit(t.Context(), s)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		return
	}
	setenv(t, map[string]string{child: "1"})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("err = %v, printed %s", err, &stderr)
	}
}

func TestSpanProcessorsGetSpansWithoutAnExporter(t *testing.T) {
	setenv(t, nil)
	spans := emitted.Spans(t)
	var log logs
	s := setup(t, sdk.Config{Logger: log.logger(), SpanProcessors: []sdktrace.SpanProcessor{spans}})
	emit(t.Context(), s)
	if n := len(spans.Ended()); n != 1 {
		t.Errorf("%d spans, want 1", n)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if log.String() != "" {
		t.Errorf("logged %s", &log)
	}
}

func TestServiceNameOfTheEnvironmentWins(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		cfg  string
		want string
	}{
		{"none", nil, "", "unknown_service:sdk.test"},
		{"fallback", nil, "shop", "shop"},
		{"variable", map[string]string{"OTEL_SERVICE_NAME": "till"}, "shop", "till"},
		{"resource attribute", map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=till,team=a"}, "shop", "till"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.env)
			spans := emitted.Spans(t)
			s := setup(t, sdk.Config{ServiceName: tt.cfg, SpanProcessors: []sdktrace.SpanProcessor{spans}})
			emit(t.Context(), s)
			set := spans.Ended()[0].Resource().Set()
			if got, _ := set.Value("service.name"); got.AsString() != tt.want {
				t.Errorf("service.name = %q, want %q", got.AsString(), tt.want)
			}
			if got, _ := set.Value("service.instance.id"); got.AsString() == "" {
				t.Error("no service.instance.id")
			}
		})
	}
}

func TestDoubtfulSettingsAreLogged(t *testing.T) {
	c := newCollector(t)
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"no service name":     {nil, "set OTEL_SERVICE_NAME"},
		"unknown propagator":  {map[string]string{"OTEL_PROPAGATORS": "tracecontext,pigeon"}, "pigeon"},
		"resource attributes": {map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "nonsense"}, "OTEL_RESOURCE_ATTRIBUTES"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, tt.env)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
			var log logs
			s := setup(t, sdk.Config{Logger: log.logger()})
			if !strings.Contains(log.String(), tt.want) {
				t.Errorf("logged %q, want %q in it", &log, tt.want)
			}
			if err := s.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown = %v", err)
			}
		})
	}
}

func TestSettingsThatCannotBeObeyedAreErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		env  map[string]string
		want []string // in the error; none means no error
	}{
		"unknown exporters": {
			map[string]string{"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_METRICS_EXPORTER": "statsd"},
			[]string{"OTEL_TRACES_EXPORTER=zipkin", "OTEL_METRICS_EXPORTER=statsd"},
		},
		"one unknown": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "statsd"}, []string{"statsd"}},
		"no scheme":   {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT"}},
		"no URL":      {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "127.0.0.1:4318"}, []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}},
		"protocol": {
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "pigeon"},
			[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=pigeon is unknown, want http/protobuf or grpc"},
		},
		"gRPC needs no scheme":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_METRICS_EXPORTER": "none"}, nil},
		"endpoint of no matter": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:1", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, tt.env)
			s, err := sdk.Setup(t.Context(), sdk.Config{ServiceName: "shop"})
			for _, part := range tt.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("Setup = %v, want %q in it", err, part)
				}
			}
			if err == nil {
				_ = s.Shutdown(t.Context())
			} else if len(tt.want) == 0 {
				t.Errorf("Setup = %v, want no error", err)
			}
		})
	}
}

func TestErrorsDoNotTellTheEndpoint(t *testing.T) {
	setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "user:secret@127.0.0.1:4318"})
	if _, err := sdk.Setup(t.Context(), sdk.Config{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Setup = %v", err)
	}
}

func TestPropagatorsComeFromTheEnvironment(t *testing.T) {
	for env, want := range map[string][]string{
		"":       {"baggage", "traceparent", "tracestate"},
		"b3":     {"b3"},
		"none":   nil,
		"pigeon": {"baggage", "traceparent", "tracestate"},
	} {
		setenv(t, map[string]string{"OTEL_PROPAGATORS": env, "OTEL_SDK_DISABLED": "true"})
		s := setup(t, sdk.Config{Logger: new(logs).logger()})
		fields := slices.Clone(s.Propagator().Fields())
		slices.Sort(fields)
		if !slices.Equal(fields, want) {
			t.Errorf("OTEL_PROPAGATORS=%s: fields = %q, want %q", env, fields, want)
		}
	}
}
