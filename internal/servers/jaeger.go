// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// traceWithin limits the wait for a trace.
const traceWithin = 30 * time.Second

// Jaeger is a real Jaeger of one test, with its traces in memory. Its methods are
// safe for concurrent use.
type Jaeger struct {
	otlp, otlpGRPC, query string
	http                  *http.Client
	ctx                   context.Context
	proc                  *process
}

// StartJaeger starts an empty Jaeger, and returns when it answers. The end of the
// test ends it. If Jaeger is not built, the test is skipped; with
// PENSTOCK_REQUIRE_REAL=1 it fails.
func StartJaeger(t testing.TB) *Jaeger {
	t.Helper()
	install, err := jaegerInstall()
	if err != nil {
		skipOrFail(t, err)
	}
	j := &Jaeger{http: newHTTP(t)}
	var died *diedError
	for range 2 {
		var c command
		c, err = j.command(install, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		j.proc, err = ready(t, c, j.ask)
		// Another process may have taken a port since freePorts; one more try is
		// enough.
		if !errors.As(err, &died) || !died.portTaken() {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	j.ctx = ctx
	end := guard(t, j.proc, cancel)
	t.Cleanup(func() {
		end()
		cancel(nil)
	})
	return j
}

// JaegerBinary returns the path of Jaeger. If it is not built, the test is skipped; with
// PENSTOCK_REQUIRE_REAL=1 it fails.
func JaegerBinary(t testing.TB) string {
	t.Helper()
	install, err := jaegerInstall()
	if err != nil {
		skipOrFail(t, err)
	}
	return filepath.Join(install, "jaeger")
}

// OTLPEndpoint returns the base URL for OTLP over HTTP, without a path, as
// OTEL_EXPORTER_OTLP_ENDPOINT has it. A trace can be read once its export is
// answered.
func (j *Jaeger) OTLPEndpoint() string { return "http://" + j.otlp }

// OTLPGRPC returns the address for OTLP over gRPC, host:port.
func (j *Jaeger) OTLPGRPC() string { return j.otlpGRPC }

// QueryURL returns the base URL of the UI and of the query API ("/api/traces"),
// without a path.
func (j *Jaeger) QueryURL() string { return "http://" + j.query }

// PID returns the id of the server's process.
func (j *Jaeger) PID() int { return j.proc.pid }

// Context returns the test's context. It ends too if the server dies by itself, with
// the reason as its cause.
func (j *Jaeger) Context() context.Context { return j.ctx }

// Trace returns the trace with that id (32 hex digits) once Jaeger has a span of it.
// It returns an error if ctx ends first or if Jaeger dies. If ctx has no deadline,
// Trace waits 30 seconds at most.
func (j *Jaeger) Trace(ctx context.Context, traceID string) (*Trace, error) {
	return j.TraceOf(ctx, traceID, 1)
}

// TraceOf is [Jaeger.Trace] for a trace of at least n spans, which may arrive in
// several exports.
func (j *Jaeger) TraceOf(ctx context.Context, traceID string, n int) (*Trace, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, traceWithin, fmt.Errorf("not there within %v", traceWithin))
		defer cancel()
	}
	var trace *Trace
	err := j.proc.until(ctx, func(ctx context.Context) error {
		var answer traceJSON
		if err := j.get(ctx, "/api/traces/"+url.PathEscape(traceID), &answer); err != nil {
			return err
		}
		trace = answer.trace()
		if len(trace.Spans) < n {
			return fmt.Errorf("it has %d of %d spans", len(trace.Spans), n)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", traceID, err)
	}
	return trace, nil
}

// ask returns nil if both the query API and the OTLP receiver answer.
func (j *Jaeger) ask(ctx context.Context) error {
	var services struct{}
	if err := j.get(ctx, "/api/services", &services); err != nil {
		return err
	}
	// Only a ready receiver answers an export; an empty export is valid.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.OTLPEndpoint()+"/v1/traces", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	return do(j.http, req, io.Discard)
}

// get decodes the query API's JSON answer to GET path.
func (j *Jaeger) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.QueryURL()+path, nil)
	if err != nil {
		return err
	}
	return do(j.http, req, into)
}

// command writes the configuration of a server into dir, with free ports, and sets
// the ports in j.
func (j *Jaeger) command(install, dir string) (command, error) {
	ports, err := freePorts("127.0.0.1", 4)
	if err != nil {
		return command{}, fmt.Errorf("lay out Jaeger: %w", err)
	}
	j.otlp, j.query, j.otlpGRPC = local(ports[0]), local(ports[1]), local(ports[3])
	// Without a batch processor, spans are stored before their export is answered.
	config := fmt.Sprintf(`service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [jaeger_storage_exporter]
  telemetry:
    metrics:
      level: none
extensions:
  jaeger_storage:
    backends:
      memory:
        memory:
          max_traces: 100000
  jaeger_query:
    storage:
      traces: memory
    http:
      endpoint: %s
    grpc:
      endpoint: %s
receivers:
  otlp:
    protocols:
      http:
        endpoint: %s
      grpc:
        endpoint: %s
exporters:
  jaeger_storage_exporter:
    trace_storage: memory
`, j.query, local(ports[2]), j.otlp, j.otlpGRPC)
	path := filepath.Join(dir, "jaeger.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return command{}, fmt.Errorf("lay out Jaeger: %w", err)
	}
	return command{
		name: "Jaeger",
		dir:  dir,
		env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir},
		path: filepath.Join(install, "jaeger"),
		args: []string{"--config", "file:" + path},
	}, nil
}
