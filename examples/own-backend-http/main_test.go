// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

func TestTheProgram(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // it may have to compile
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", ".")
	cmd.Env = append(os.Environ(), "OTEL_SDK_DISABLED=true")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	const want = `/books/1: "The Sea, the Sea", <nil> (attempts: 2)
/books/2: "", GetBook: 404 Not Found (attempts: 1)
`
	if err != nil || string(out) != want {
		t.Errorf("it ended with %v and printed\n%s%s\nwant\n%s", err, out, &stderr, want)
	}
}

// fx finds everything that the application asks for.
func TestTheWiringIsWhole(t *testing.T) {
	if err := fx.ValidateApp(app()); err != nil {
		t.Error(err)
	}
}

func TestClassify(t *testing.T) {
	const soon = 3 * time.Second
	for _, row := range []struct {
		err  error
		want core.Class
	}{
		{&StatusError{Code: 404}, core.Answered("404")},
		{&StatusError{Code: 409}, core.Answered("409")},
		{&StatusError{Code: 429, RetryAfter: soon}, core.Busy("rate_limited", soon)},
		{&StatusError{Code: 401}, core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: "unauthenticated"}},
		{&StatusError{Code: 500}, core.Class{Retry: core.RetryIfIdempotent, Conn: core.Keep, ErrorType: "500"}},
		{&StatusError{Code: 503, RetryAfter: soon}, core.Class{Retry: core.RetryIfIdempotent, Conn: core.Keep, RetryAfter: soon, ErrorType: "503"}},
		{errors.New("connection reset"), core.Class{Retry: core.RetryIfIdempotent, Conn: core.Keep}},
	} {
		if got := classify(fmt.Errorf("wrapped: %w", row.err)); got != row.want {
			t.Errorf("classify(%v) = %+v, want %+v", row.err, got, row.want)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	if got := retryAfter("7"); got != 7*time.Second {
		t.Errorf("retryAfter of 7 = %v", got)
	}
	date := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	if got := retryAfter(date); got < 58*time.Second || got > time.Minute {
		t.Errorf("retryAfter of a date in a minute = %v", got)
	}
	for header, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "9999999999": time.Hour, "Sat, 01 Jan 2000 00:00:00 GMT": 0,
	} {
		if got := retryAfter(header); got != want {
			t.Errorf("retryAfter of %q = %v, want %v", header, got, want)
		}
	}
}

// open returns a client of a server, closed with the test.
func open(t *testing.T, handler http.HandlerFunc, cfg penstock.Config) *penstock.Client[*API] {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := penstock.Open(t.Context(), penstock.Backend[*API]{
		Factory:    Site{server.URL, "secret"},
		Classifier: classify,
		Pool:       pool.Config{Mode: pool.Shared},
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client
}

func book(ctx context.Context, client *penstock.Client[*API]) (string, error) {
	return core.Do(ctx, client, getBook, func(ctx context.Context, api *API) (string, error) { return api.Get(ctx, "/books/1") })
}

func TestTheServerIsToldTheTrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	var told atomic.Value
	client := open(t, func(_ http.ResponseWriter, r *http.Request) { told.Store(r.Header.Get("Traceparent")) },
		penstock.Config{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	if _, err := book(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for _, s := range spans.GetSpans() {
		if s.Name == "GetBook" {
			if want := s.SpanContext.TraceID().String() + "-" + s.SpanContext.SpanID().String(); !strings.Contains(told.Load().(string), want) {
				t.Errorf("the server was told %q, want %s in it", told.Load(), want)
			}
			return
		}
	}
	t.Errorf("no span of the operation in %v", spans.GetSpans())
}

func TestAnAnswerIsNoSignOfABadSite(t *testing.T) {
	client := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
		}
	}, penstock.Config{})
	for range 20 {
		if _, err := book(t.Context(), client); core.ErrorType(err) != "404" {
			t.Fatalf("GetBook = %v (%s), want 404", err, core.ErrorType(err))
		}
	}
	if s := client.Breaker().Snapshot(); s.Counters.TotalFailures != 0 || client.Pool().Stats().Dials != 1 {
		t.Errorf("%d failures, %d dials, want none and 1", s.Counters.TotalFailures, client.Pool().Stats().Dials)
	}
}

func TestAWrongTokenEndsTheStart(t *testing.T) {
	s := site()
	s.Token = "guess"
	_, err := penstock.Open(t.Context(), penstock.Backend[*API]{Factory: s, Classifier: classify, Pool: pool.Config{Mode: pool.Shared}}, penstock.Config{})
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Code != http.StatusUnauthorized || !errors.Is(err, pool.ErrStart) {
		t.Errorf("Open = %v, want 401 and %v", err, pool.ErrStart)
	}
}
