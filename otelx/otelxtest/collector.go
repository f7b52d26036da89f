// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	metricsservice "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traceservice "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // an exporter may compress
	"google.golang.org/protobuf/proto"
)

// Collector receives telemetry over OTLP, from a program that exports what it emits.
// It keeps everything in memory. Its methods may be used by several goroutines.
type Collector struct {
	// GRPC and HTTP are the endpoints, as OTEL_EXPORTER_OTLP_ENDPOINT has them. Both
	// are on the loopback interface.
	GRPC, HTTP string

	mu      sync.Mutex // guards all below
	spans   []sdktrace.ReadOnlySpan
	metrics []metricdata.ResourceMetrics
}

// NewCollector starts a collector. It stops when the test ends.
func NewCollector(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	traceservice.RegisterTraceServiceServer(server, traceReceiver{c: c})
	metricsservice.RegisterMetricsServiceServer(server, metricsReceiver{c: c})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", posted(traceReceiver{c: c}.Export))
	mux.HandleFunc("POST /v1/metrics", posted(metricsReceiver{c: c}.Export))
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	c.GRPC, c.HTTP = "http://"+listener.Addr().String(), web.URL
	return c
}

// Spans returns the spans that have arrived, in the order of their arrival.
func (c *Collector) Spans() []sdktrace.ReadOnlySpan {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Metrics returns the metrics that have arrived, an element for each export and
// resource, in the order of their arrival.
func (c *Collector) Metrics() []metricdata.ResourceMetrics {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.metrics)
}

type traceReceiver struct {
	traceservice.UnimplementedTraceServiceServer
	c *Collector
}

func (r traceReceiver) Export(_ context.Context, req *traceservice.ExportTraceServiceRequest) (*traceservice.ExportTraceServiceResponse, error) {
	spans := SpansFromOTLP(req.GetResourceSpans())
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.spans = append(r.c.spans, spans...)
	return &traceservice.ExportTraceServiceResponse{}, nil
}

type metricsReceiver struct {
	metricsservice.UnimplementedMetricsServiceServer
	c *Collector
}

func (r metricsReceiver) Export(_ context.Context, req *metricsservice.ExportMetricsServiceRequest) (*metricsservice.ExportMetricsServiceResponse, error) {
	metrics := MetricsFromOTLP(req.GetResourceMetrics())
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.metrics = append(r.c.metrics, metrics...)
	return &metricsservice.ExportMetricsServiceResponse{}, nil
}

// posted is an endpoint of OTLP over HTTP that hands what it is sent to export.
func posted[Request any, In interface {
	*Request
	proto.Message
}, Out proto.Message](export func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		in := In(new(Request))
		body, err := read(req)
		if err == nil {
			err = proto.Unmarshal(body, in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, _ := export(req.Context(), in)
		answer, _ := proto.Marshal(out)
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	}
}

func read(req *http.Request) ([]byte, error) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	}
	return io.ReadAll(body)
}
