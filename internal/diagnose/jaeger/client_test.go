// SPDX-License-Identifier: Apache-2.0

package jaeger_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/jaeger"
)

const answer = `{"data":[{"traceID":"aa","spans":[
	{"traceID":"aa","spanID":"2","operationName":"Search docs","startTime":2000000,"duration":1500,"processID":"p1",
	 "references":[{"refType":"CHILD_OF","traceID":"aa","spanID":"1"},{"refType":"FOLLOWS_FROM","traceID":"bb","spanID":"9"}],
	 "tags":[{"key":"error.type","type":"string","value":"timeout"},{"key":"penstock.retry.attempts","type":"int64","value":3}],
	 "logs":[{"timestamp":2000500,"fields":[{"key":"event","value":"penstock.retry"},{"key":"penstock.attempt","value":1}]}]},
	{"traceID":"aa","spanID":"1","operationName":"GET /search","startTime":1999000,"duration":3000,"processID":"p1","references":[],"tags":[]}],
	"processes":{"p1":{"serviceName":"svc-1"}}}]}`

// server answers every request, and keeps the last one.
func server(t *testing.T, status int, text string) (*jaeger.Client, *http.Request) {
	t.Helper()
	last := new(http.Request)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return jaeger.NewClient(s.URL), last
}

func TestTracesAreReadWithSpansEventsAndLinks(t *testing.T) {
	c, last := server(t, http.StatusOK, answer)
	begin := time.Unix(1, 0)
	traces, err := c.Traces(t.Context(), jaeger.Search{
		Service: "svc-1", Begin: begin, End: begin.Add(time.Minute), Operation: "Search docs", Tags: map[string]string{"error.type": "timeout"},
		MinDuration: 50 * time.Millisecond,
	})
	if err != nil || len(traces) != 1 || len(traces[0].Spans) != 2 {
		t.Fatalf("Traces = %v, %v, want one of two spans", traces, err)
	}
	root, op := traces[0].Spans[0], traces[0].Spans[1]
	if root.Name != "GET /search" || root.Parent != "" || root.Service != "svc-1" {
		t.Errorf("the first span is %+v, want the root", root)
	}
	if op.Parent != root.ID || op.Duration != 1500*time.Microsecond || !op.Begin.Equal(time.Unix(2, 0)) || op.Text("error.type") != "timeout" {
		t.Errorf("the second span is %+v", op)
	}
	if n, ok := op.Number("penstock.retry.attempts"); !ok || n != 3 {
		t.Errorf("Number = %v, %t, want 3", n, ok)
	}
	if len(op.Events) != 1 || op.Events[0].Name() != "penstock.retry" || !op.Events[0].Time.Equal(time.UnixMicro(2000500)) {
		t.Errorf("the events are %+v", op.Events)
	}
	if len(op.Links) != 1 || op.Links[0] != (jaeger.Link{Trace: "bb", Span: "9"}) {
		t.Errorf("the links are %+v", op.Links)
	}
	query := last.URL.Query()
	for key, want := range map[string]string{
		"service": "svc-1", "start": "1000000", "end": "61000000", "operation": "Search docs", "tags": `{"error.type":"timeout"}`, "limit": "20000",
		"minDuration": "50ms",
	} {
		if got := query.Get(key); got != want {
			t.Errorf("asked for %s=%s, want %s", key, got, want)
		}
	}
}

func TestATraceThatIsNotThere(t *testing.T) {
	c, _ := server(t, http.StatusNotFound, `{"errors":[{"code":404,"msg":"trace not found"}]}`)
	if _, err := c.Trace(t.Context(), "aa"); !errors.Is(err, jaeger.ErrNoTrace) {
		t.Errorf("Trace = %v, want ErrNoTrace", err)
	}
	c, _ = server(t, http.StatusOK, answer)
	if trace, err := c.Trace(t.Context(), "aa"); err != nil || trace.ID != "aa" {
		t.Errorf("Trace = %v, %v, want aa", trace, err)
	}
}

func TestAnErrorOfJaegerIsAnError(t *testing.T) {
	c, _ := server(t, http.StatusBadRequest, "no service")
	if _, err := c.Traces(t.Context(), jaeger.Search{}); err == nil || !strings.Contains(err.Error(), "no service") {
		t.Errorf("Traces = %v, want what Jaeger says", err)
	}
}
