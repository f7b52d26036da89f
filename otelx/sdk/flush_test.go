// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// received counts exports, by signal.
type received struct {
	collectortrace.UnimplementedTraceServiceServer
	mu              sync.Mutex // guards the fields below
	traces, metrics int
}

func (r *received) Export(_ context.Context, _ *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.traces++
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

// receivedMetrics is received as the service for metrics, whose method has the same
// name.
type receivedMetrics struct {
	collectormetrics.UnimplementedMetricsServiceServer
	*received
}

func (r receivedMetrics) Export(context.Context, *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.metrics++
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// grpcCollector is an OTLP receiver over gRPC.
func grpcCollector(t *testing.T) (addr string, r *received) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r = &received{}
	server := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(server, r)
	collectormetrics.RegisterMetricsServiceServer(server, receivedMetrics{received: r})
	go func() { _ = server.Serve(l) }() // ends with Stop
	t.Cleanup(server.Stop)
	return l.Addr().String(), r
}

// grpcFile is a declarative configuration with OTLP over gRPC.
const grpcFile = `file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_grpc:
            endpoint: http://${COLLECTOR}
meter_provider:
  readers:
    - periodic:
        exporter:
          otlp_grpc:
            endpoint: http://${COLLECTOR}
`

func TestEachExporterIsFlushedOnce(t *testing.T) {
	for name, setUp := range map[string]func(t *testing.T) (count func() (traces, metrics int)){
		"OTLP over HTTP": func(t *testing.T) func() (int, int) {
			c := newCollector(t)
			setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL})
			return c.exports
		},
		"OTLP over gRPC": func(t *testing.T) func() (int, int) {
			addr, r := grpcCollector(t)
			setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + addr, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
			return r.exports
		},
		"file with HTTP": func(t *testing.T) func() (int, int) {
			c := newCollector(t)
			useFile(t, exportingFile, map[string]string{"COLLECTOR": c.URL})
			return c.exports
		},
		"file with gRPC": func(t *testing.T) func() (int, int) {
			addr, r := grpcCollector(t)
			useFile(t, grpcFile, map[string]string{"COLLECTOR": addr})
			return r.exports
		},
	} {
		t.Run(name, func(t *testing.T) {
			count := setUp(t)
			s := setup(t, sdk.Config{ServiceName: "shop", Logger: new(logs).logger()})
			emit(t.Context(), s)
			var calls sync.WaitGroup
			for range 3 {
				calls.Go(func() {
					if err := s.Shutdown(t.Context()); err != nil {
						t.Errorf("Shutdown = %v", err)
					}
				})
			}
			calls.Wait()
			emit(t.Context(), s)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown again = %v", err)
			}
			if traces, metrics := count(); traces != 1 || metrics != 1 {
				t.Errorf("%d exports of traces and %d of metrics, want one of each", traces, metrics)
			}
		})
	}
}

func (r *received) exports() (traces, metrics int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.traces, r.metrics
}

func (c *collector) exports() (traces, metrics int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, path := range c.order {
		if strings.HasSuffix(path, "traces") {
			traces++
		} else {
			metrics++
		}
	}
	return traces, metrics
}

// The exporters print to the standard output that the process began with.
func TestTheConsoleIsFlushedOnce(t *testing.T) {
	const child = "PENSTOCK_TEST_CHILD"
	if os.Getenv(child) != "" {
		s := setup(t, sdk.Config{ServiceName: "shop"})
		emit(t.Context(), s)
		for range 2 {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
		return
	}
	setenv(t, map[string]string{child: "1", "OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "console"})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	text, err := cmd.Output()
	if traces, metrics := strings.Count(string(text), `"Search docs"`), strings.Count(string(text), `"penstock.retries"`); err != nil || traces != 1 || metrics != 1 {
		t.Errorf("err = %v, printed %d spans and %d metrics, want one of each:\n%s", err, traces, metrics, text)
	}
}
