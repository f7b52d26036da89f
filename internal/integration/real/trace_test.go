// SPDX-License-Identifier: Apache-2.0

package real

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool/milvus"
)

const (
	callers     = "caller-of-the-index"
	eachLevel   = 60 // searches for each consistency level
	leastServer = 8  // spans of the server below an attempt
	waitsFor    = "Delegator-waitTSafe"
)

// level is a consistency level, and what its searches took.
type level struct {
	name          string
	level         entity.ConsistencyLevel
	client, waits []time.Duration // of whole searches, and of the part in which the server waited
}

// A search that the caller samples has the spans of the server below the span of the
// attempt that asked, although the server's own sampling is 0.
func TestATraceGoesOnFromTheAttemptDownToTheIndex(t *testing.T) {
	j := servers.StartJaeger(t)
	m := servers.StartTracedMilvus(t, j.OTLPGRPC())
	ctx, cancel := context.WithTimeout(m.Context(), 8*time.Minute)
	defer cancel()
	w := openTraced(ctx, t, m, j)

	// The spans of these would be there before those of the sampled searches.
	var unsampled []string
	for range 2 * eachLevel {
		sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: newTraceID(), SpanID: trace.SpanID{1}})
		unsampled = append(unsampled, sc.TraceID().String())
		w.search(trace.ContextWithSpanContext(ctx, sc), entity.ClBounded)
	}
	levels := []*level{
		{name: "Strong", level: entity.ClStrong}, {name: "Session", level: entity.ClSession},
		{name: "Bounded", level: entity.ClBounded}, {name: "Eventually", level: entity.ClEventually},
	}
	traces := map[string]*level{}
	for _, l := range levels {
		for range eachLevel {
			w.refuse.Store(len(traces)%10 == 9) // each tenth search needs a second attempt
			caller, span := w.tracers.Tracer("test").Start(ctx, "caller")
			w.search(caller, l.level)
			span.End()
			traces[span.SpanContext().TraceID().String()] = l
		}
	}
	if err := errors.Join(w.Close(ctx), w.flush(ctx)); err != nil {
		t.Fatal(err)
	}

	for id, l := range traces {
		tr, err := j.TraceOf(ctx, id, 2+leastServer)
		if err != nil {
			t.Fatal(err)
		}
		tr = complete(ctx, t, j, tr)
		checkTrace(t, tr, l)
	}
	for _, id := range unsampled {
		checkUnknown(ctx, t, j, id)
	}
	report(t, levels)
}

// traced is a client of a Milvus that exports its spans.
type traced struct {
	*penstock.Client[*milvus.Conn]
	t       *testing.T
	tracers trace.TracerProvider
	flush   func(context.Context) error
	refuse  atomic.Bool // whether the next search is refused before it is sent
	param   entity.SearchParam
}

func openTraced(ctx context.Context, t *testing.T, m *servers.Milvus, j *servers.Jaeger) *traced {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", j.OTLPEndpoint())
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	telemetry, err := sdk.Setup(ctx, sdk.Config{ServiceName: callers, SpanProcessors: []sdktrace.SpanProcessor{tracetest.NewSpanRecorder()}})
	if err != nil {
		t.Fatal(err)
	}
	w := &traced{t: t, tracers: telemetry.TracerProvider(), flush: telemetry.Shutdown}
	once := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if strings.HasSuffix(method, "/Search") && w.refuse.Swap(false) {
			return status.Error(codes.Unavailable, "refused by the test")
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	if w.param, err = entity.NewIndexFlatSearchParam(); err != nil {
		t.Fatal(err)
	}
	w.Client, err = milvus.Open(ctx, milvus.Config{Address: m.Addr(), DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(once)}}, penstock.Config{
		TracerProvider: w.tracers,
		// A loaded server needs some attempts now and then.
		Chain: middleware.Config{Timeout: timeout.Config{Attempt: time.Minute}, Retry: retry.Config{MaxRetries: 20, Interval: 100 * time.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	unsampled := trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: newTraceID(), SpanID: trace.SpanID{1}}))
	if err := w.Pool().Do(unsampled, createDocs); err != nil {
		t.Fatal(err)
	}
	return w
}

var tracedSearch = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}

func (w *traced) search(ctx context.Context, cl entity.ConsistencyLevel) {
	w.t.Helper()
	_, err := core.Do(ctx, w, tracedSearch, func(ctx context.Context, c *milvus.Conn) (int, error) {
		found, err := c.Search(ctx, "docs", nil, "", nil, []entity.Vector{entity.FloatVector{1, 2}}, "v", entity.L2, 1, w.param,
			client.WithSearchQueryConsistencyLevel(cl))
		return len(found), err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

var lastTraceID atomic.Uint64

func newTraceID() (id trace.TraceID) {
	copy(id[:], fmt.Sprintf("unsampled-%06d", lastTraceID.Add(1)))
	return id
}

func fromServer(s servers.Span) bool { return s.Service != callers }

// below returns the spans of the server whose parents lead to the span with that id,
// before they lead to another span of the caller.
func below(tr *servers.Trace, id string) (found []servers.Span) {
	for _, child := range tr.Children(id) {
		if fromServer(child) {
			found = append(append(found, child), below(tr, child.ID)...)
		}
	}
	return found
}

// asking returns the span of the last attempt: the operation's own for the first one.
func asking(tr *servers.Trace) servers.Span {
	if attempts := tr.Named("Search attempt"); len(attempts) > 0 {
		return attempts[len(attempts)-1]
	}
	return tr.Named("Search docs")[0]
}

// complete returns the trace once the last attempt has its spans. The server exports
// its services one after the other.
func complete(ctx context.Context, t *testing.T, j *servers.Jaeger, tr *servers.Trace) *servers.Trace {
	t.Helper()
	for n := len(tr.Spans); len(below(tr, asking(tr).ID)) < leastServer || len(tr.Named("SegCoreSearch")) == 0; n++ {
		next, err := j.TraceOf(ctx, tr.ID, n+1)
		if err != nil {
			t.Fatalf("the last attempt has %d spans of the server, want %d: %v", len(below(tr, asking(tr).ID)), leastServer, err)
		}
		tr, n = next, len(next.Spans)-1
	}
	return tr
}

// checkTrace checks the parents of the server's spans, and keeps how long things took.
func checkTrace(t *testing.T, tr *servers.Trace, l *level) {
	t.Helper()
	var ours, theirs int
	for _, s := range tr.Spans {
		switch {
		case fromServer(s):
			theirs++
		case s.Name == "Search docs" || s.Name == "Search attempt":
			ours += len(below(tr, s.ID))
		}
	}
	if ours != theirs {
		t.Errorf("%d of %d spans of the server are below an attempt:\n%v", ours, theirs, tr)
	}
	if len(tr.Named("Search attempt")) > 0 {
		return // it counts the backoff
	}
	operation := tr.Named("Search docs")[0]
	l.client = append(l.client, operation.Duration)
	var waited time.Duration
	for _, s := range below(tr, operation.ID) {
		if s.Name == waitsFor {
			waited = max(waited, s.Duration)
		}
	}
	l.waits = append(l.waits, waited)
}

// checkUnknown fails the test unless Jaeger says that it has no trace with that id. A
// Jaeger that does not answer is a failure too.
func checkUnknown(ctx context.Context, t *testing.T, j *servers.Jaeger, id string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.QueryURL()+"/api/traces/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 512)) // for the error; may be cut
		t.Errorf("an unsampled search has a trace: %s: %s", res.Status, text)
	}
}

// report prints what docs/consistency.md shows.
func report(t *testing.T, levels []*level) {
	for _, l := range levels {
		if len(l.client) == 0 {
			t.Errorf("no search with consistency %s needed one attempt only", l.name)
			continue
		}
		t.Logf("consistency %-10s %d searches: client p50 %.1f ms p99 %.1f ms, %s p50 %.1f ms p99 %.1f ms", l.name, len(l.client),
			ms(l.client, 50), ms(l.client, 99), waitsFor, ms(l.waits, 50), ms(l.waits, 99))
	}
}

// ms returns a percentile in milliseconds.
func ms(ds []time.Duration, percent int) float64 {
	sorted := slices.SortedFunc(slices.Values(ds), cmp.Compare[time.Duration])
	return float64(sorted[(len(sorted)*percent+99)/100-1].Microseconds()) / 1000
}
