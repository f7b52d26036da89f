// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
)

// receiver is a collector that unmarshals what it is sent, over gRPC and HTTP.
type receiver struct {
	collectortrace.UnimplementedTraceServiceServer

	mu      sync.Mutex // guards all below
	spans   []string
	metrics []string
	faults  []string
}

// metricsReceiver is the receiver as a service of metrics: both services call
// their method Export.
type metricsReceiver struct {
	collectormetrics.UnimplementedMetricsServiceServer
	*receiver
}

func (r *receiver) Export(_ context.Context, req *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check(req.ProtoReflect())
	for _, resource := range req.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				r.spans = append(r.spans, span.Name)
			}
		}
	}
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

func (m metricsReceiver) Export(_ context.Context, req *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	r := m.receiver
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check(req.ProtoReflect())
	for _, resource := range req.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			for _, metric := range scope.Metrics {
				r.metrics = append(r.metrics, metric.Name)
			}
		}
	}
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// check looks for strings in m that no backend should be sent. The name of a span
// is made of two strings; a character takes four bytes at most.
func (r *receiver) check(m protoreflect.Message) {
	one := func(v protoreflect.Value) {
		switch s := v.Interface().(type) {
		case string:
			if n := utf8.RuneCountInString(s); n > 2*256+len(" attempt") || !utf8.ValidString(s) {
				r.faults = append(r.faults, s[:min(len(s), 80)])
			}
		case protoreflect.Message:
			r.check(s)
		}
	}
	m.Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if list, ok := v.Interface().(protoreflect.List); ok {
			for i := range list.Len() {
				one(list.Get(i))
			}
		} else {
			one(v)
		}
		return true
	})
}

// posted is an endpoint of OTLP over HTTP that hands what it is sent to export.
func posted[Request any, P interface {
	*Request
	proto.Message
}, Response any](export func(context.Context, P) (Response, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		in := P(new(Request))
		if err == nil {
			err = proto.Unmarshal(body, in)
		}
		if err == nil {
			_, err = export(req.Context(), in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
}

// start starts r with the protocol, and returns its URL.
func (r *receiver) start(t *testing.T, protocol string) string {
	t.Helper()
	metrics := metricsReceiver{receiver: r}
	if protocol != "grpc" {
		mux := http.NewServeMux()
		mux.HandleFunc("/v1/traces", posted(r.Export))
		mux.HandleFunc("/v1/metrics", posted(metrics.Export))
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		return server.URL
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(server, r)
	collectormetrics.RegisterMetricsServiceServer(server, metrics)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

// exporting sets the SDK up to export to url, and returns it with a record of the
// spans that it was given.
func exporting(t *testing.T, protocol, url, service string) (*sdk.SDK, *tracetest.SpanRecorder) {
	t.Helper()
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": url,
		"OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
		"OTEL_TRACES_EXPORTER":        "",
		"OTEL_METRICS_EXPORTER":       "",
		"OTEL_RESOURCE_ATTRIBUTES":    "bad=%FF%FE",
		"OTEL_SERVICE_NAME":           "",
	} {
		t.Setenv(name, value)
	}
	spans := tracetest.NewSpanRecorder()
	s, err := sdk.Setup(t.Context(), sdk.Config{
		ServiceName: service, Logger: slog.New(slog.DiscardHandler), SpanProcessors: []sdktrace.SpanProcessor{spans},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, spans
}

// hostile are strings that users, servers and configurations may bring.
var hostile = map[string]string{
	"bad bytes":          "docs-\xff\xfe",
	"very long":          strings.Repeat("long", 2500),
	"long and bad":       strings.Repeat("a\xff", 5000),
	"control characters": "a\x00b\x1b[31mc\nd\u2028e\x7f",
}

// fill sets every string in the struct that v points at to s.
func fill(v reflect.Value, s string) {
	for _, field := range v.Elem().Fields() {
		switch {
		case field.Kind() == reflect.String:
			field.SetString(s)
		case field.Kind() == reflect.Struct && field.CanSet() && field.NumField() > 0 && field.Type() != reflect.TypeFor[time.Time]():
			fill(field.Addr(), s)
		}
	}
}

// brought is an error of a backend that has the same string everywhere.
type brought string

func (e brought) Error() string              { return string(e) }
func (e brought) ErrorType() string          { return string(e) }
func (e brought) ResponseStatusCode() string { return string(e) }

// tellEverything tells o of every kind of scope and event there is, with s as every
// string.
func tellEverything(t *testing.T, o *otelx.Observer, s string) {
	t.Helper()
	if err := o.RegisterPool(s, func() pool.Stats {
		return pool.Stats{Closed: map[pool.CloseReason]uint64{pool.CloseReason(s): 1}}
	}); err != nil {
		t.Fatal(err)
	}
	o.RecordUse(s, time.Second)
	outer := core.Scope{Kind: core.ScopeOperation, Start: time.Now()}
	fill(reflect.ValueOf(&outer), s)
	ctx := o.Begin(t.Context(), outer)
	for kind := core.ScopeOperation; kind.String() != "unknown"; kind++ {
		scope := core.Scope{Kind: kind, Start: time.Now(), Ref: o.Ref(ctx, core.Scope{})}
		fill(reflect.ValueOf(&scope), s)
		o.End(o.Begin(ctx, scope), scope, brought(s))
	}
	for kind := core.EventRetry; kind.String() != "unknown"; kind++ {
		e := core.Event{Kind: kind, Delay: time.Second, Limit: time.Second, Attempt: 2, Err: brought(s), Ref: o.Ref(ctx, core.Scope{})}
		fill(reflect.ValueOf(&e), s)
		o.Event(ctx, e)
	}
	o.End(ctx, outer, brought(s))
}

// options has s in each option that takes a string.
func options(s string) []otelx.Option {
	return []otelx.Option{
		otelx.WithSystem(s), otelx.WithNamespace(s), otelx.WithServer(s, 1), otelx.WithPoolName(s), otelx.WithPeerService(s),
		otelx.WithAttributes(attribute.String(s, s), attribute.StringSlice("list"+s, []string{s, s})),
	}
}

func TestAReceiverAcceptsWhateverTheObserverIsTold(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for name, s := range hostile {
			t.Run(protocol+"/"+name, func(t *testing.T) {
				r := &receiver{}
				telemetry, ended := exporting(t, protocol, r.start(t, protocol), s)
				o, err := otelx.NewObserver(slices.Concat([]otelx.Option{
					otelx.WithTracerProvider(telemetry.TracerProvider()), otelx.WithMeterProvider(telemetry.MeterProvider()),
				}, options(s))...)
				if err != nil {
					t.Fatal(err)
				}
				tellEverything(t, o, s)
				// Metrics are exported twice: what is bad once is bad for good.
				if err := telemetry.MeterProvider().(*sdkmetric.MeterProvider).ForceFlush(t.Context()); err != nil {
					t.Errorf("ForceFlush = %v", err)
				}
				if err := telemetry.Shutdown(t.Context()); err != nil {
					t.Errorf("Shutdown = %v", err)
				}
				r.expect(t, ended, otelxMetrics)
			})
		}
	}
}

// otelxMetrics are the metrics that tellEverything leads to.
var otelxMetrics = []string{
	"db.client.operation.duration", "db.client.connection.count", "db.client.connection.use_time",
	"db.client.connection.wait_time", "db.client.connection.create_time", "penstock.retries",
	"penstock.retry.outcomes", "penstock.circuit_breaker.transitions", "penstock.health.transitions",
	"penstock.timeouts", "penstock.pool.connections.closed", "penstock.wait.duration", "penstock.panics",
}

// expect fails the test unless every span that ended and all the metrics arrived.
func (r *receiver) expect(t *testing.T, ended *tracetest.SpanRecorder, metrics []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var want []string
	for _, span := range ended.Ended() {
		want = append(want, span.Name())
	}
	slices.Sort(want)
	slices.Sort(r.spans)
	if len(want) == 0 || !slices.Equal(r.spans, want) {
		t.Errorf("%d spans arrived, %d ended", len(r.spans), len(want))
	}
	for _, name := range metrics {
		if !slices.Contains(r.metrics, name) {
			t.Errorf("%s did not arrive", name)
		}
	}
	for _, fault := range r.faults {
		t.Errorf("a bad string arrived: %q", fault)
	}
}

func TestAReceiverAcceptsWhateverAClientIsMadeOf(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			r := &receiver{}
			telemetry, ended := exporting(t, "grpc", r.start(t, "grpc"), s)
			client, err := penstock.Open(t.Context(), penstock.Backend[int]{
				Factory:    &coretest.Factory[int]{},
				Classifier: func(error) core.Class { return core.NotApplied(s) },
				Pool:       pool.Config{Name: s},
				System:     s, Namespace: s, Address: s,
			}, penstock.Config{
				Chain: middleware.Config{
					Name:     s,
					Breaker:  breaker.Config{FailureThreshold: 1},
					Retry:    retry.Config{MaxRetries: 1, Interval: time.Millisecond},
					Bulkhead: &bulkhead.Config{MaxConcurrent: 1},
				},
				TracerProvider: telemetry.TracerProvider(), MeterProvider: telemetry.MeterProvider(),
				Telemetry: []otelx.Option{otelx.WithPeerService(s), otelx.WithAttributes(attribute.String(s, s))},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []error{errBackend(s), breaker.ErrOpen} {
				_, err := core.Do(t.Context(), client, core.Op{Name: s, Target: s}, func(context.Context, int) (int, error) {
					return 0, errBackend(s)
				})
				if !errors.Is(err, want) {
					t.Errorf("Do = %v, want %v", err, want)
				}
			}
			if err := client.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
			if err := telemetry.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown = %v", err)
			}
			r.expect(t, ended, []string{
				"db.client.operation.duration", "db.client.connection.count", "penstock.retries",
				"penstock.circuit_breaker.transitions",
			})
		})
	}
}

// errBackend is an error of a backend that tells nothing but its text.
type errBackend string

func (e errBackend) Error() string { return string(e) }
