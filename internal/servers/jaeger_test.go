// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/servers"
)

// twoSpans is an OTLP export request in JSON: a parent, and a child that failed and
// has an event.
const twoSpans = `{"resourceSpans":[{
  "resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"checkout"}},
    {"key":"deployment.environment.name","value":{"stringValue":"test"}}]},
  "scopeSpans":[{"scope":{"name":"by-hand"},"spans":[
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"operation","kind":3,
     "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000500000000"},
    {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175","parentSpanId":"eee19b7ec3c1b174","name":"attempt","kind":3,
     "startTimeUnixNano":"1700000000100000000","endTimeUnixNano":"1700000000400000000",
     "attributes":[
       {"key":"penstock.attempt","value":{"intValue":"9007199254740993"}},
       {"key":"db.system.name","value":{"stringValue":"milvus"}}],
     "events":[{"timeUnixNano":"1700000000200000000","name":"retry","attributes":[{"key":"delay","value":{"doubleValue":0.25}}]}],
     "status":{"code":2,"message":"unavailable"}}]}]}]}`

func TestJaegerReturnsTheSpansThatWereExported(t *testing.T) {
	begin := time.Now()
	j := servers.StartJaeger(t)
	t.Logf("Jaeger answered %v after StartJaeger", time.Since(begin))
	export(t, j, twoSpans)

	trace, err := j.TraceOf(j.Context(), "5b8efff798038103d269b633813fc60c", 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Spans) != 2 {
		t.Fatalf("the trace has %d spans, want 2", len(trace.Spans))
	}
	parent, child := trace.Spans[0], trace.Spans[1]
	if parent.Name != "operation" || parent.Parent() != "" || parent.Duration != 500*time.Millisecond || parent.Service != "checkout" {
		t.Errorf("the parent is %+v", parent)
	}
	if !parent.Start.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("the parent starts at %v, want %v", parent.Start, time.Unix(1700000000, 0))
	}
	if child.Name != "attempt" || child.Parent() != parent.ID || child.Duration != 300*time.Millisecond {
		t.Errorf("the child is %+v", child)
	}
	for key, want := range map[string]string{
		"penstock.attempt":        "9007199254740993",
		"db.system.name":          "milvus",
		"span.kind":               "client",
		"otel.status_code":        "ERROR",
		"otel.status_description": "unavailable",
		"error":                   "true",
		"no.such.tag":             "",
	} {
		if got := child.Tag(key); got != want {
			t.Errorf("Tag(%q) = %q, want %q", key, got, want)
		}
	}
	event, ok := child.Event("retry")
	if !ok || event.Tag("delay") != "0.25" || !event.Time.Equal(time.UnixMilli(1700000000200)) {
		t.Errorf("Event(retry) = %+v, %v", event, ok)
	}
	if _, ok := child.Event("other"); ok {
		t.Error("Event(other) found an event, want none")
	}
	if got := trace.Named("attempt"); len(got) != 1 || got[0].ID != child.ID {
		t.Errorf("Named(attempt) = %+v", got)
	}
	if got := trace.Children(parent.ID); len(got) != 1 || got[0].ID != child.ID {
		t.Errorf("Children(parent) = %+v", got)
	}
	if got := trace.Children(""); len(got) != 1 || got[0].ID != parent.ID {
		t.Errorf("Children(none) = %+v", got)
	}

	ctx, cancel := context.WithTimeout(j.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := j.Trace(ctx, "00000000000000000000000000000001"); err == nil {
		t.Error("Trace of an unknown trace returned one, want an error at the deadline")
	}
}

func TestAServerThatDiesUnaskedFailsItsTestAtOnceAndEndsItsContext(t *testing.T) {
	fake := &fakeT{TB: t}
	var pid int
	fake.run(func() {
		j := servers.StartJaeger(fake)
		pid = j.PID()
		process, err := os.FindProcess(pid)
		if err == nil {
			err = process.Kill()
		}
		if err != nil {
			t.Error(err)
			return
		}
		select {
		case <-j.Context().Done():
		case <-time.After(time.Minute):
			t.Error("its context did not end")
		}
		if cause := context.Cause(j.Context()); cause == nil || !strings.Contains(cause.Error(), "Jaeger died") {
			t.Errorf("the cause is %v, want that Jaeger died", cause)
		}
		if _, err := j.Trace(t.Context(), "00000000000000000000000000000001"); err == nil || !strings.Contains(err.Error(), "Jaeger died") {
			t.Errorf("Trace = %v, want that Jaeger died", err)
		}
	})
	switch {
	case fake.skipped != "":
		t.Skip(fake.skipped)
	case pid == 0:
		t.Fatal(fake.failed)
	}
	if !strings.Contains(fake.failed, "Jaeger died (signal: killed)") {
		t.Errorf("the test failed with %q, want that Jaeger died", fake.failed)
	}
	if !gone(pid) {
		t.Errorf("process %d outlived its test", pid)
	}
}

func export(t *testing.T, j *servers.Jaeger, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(j.Context(), http.MethodPost, j.OTLPEndpoint()+"/v1/traces", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() // only read
	if res.StatusCode != http.StatusOK {
		t.Fatalf("export: %s", res.Status)
	}
}
