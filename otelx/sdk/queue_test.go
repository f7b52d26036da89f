// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// exportTo sets up an SDK with spans that go to the collector at collectorURL in small
// batches, and metrics to be scraped at url.
func exportTo(t *testing.T, collectorURL string, log *logs) (url string, s *sdk.SDK) {
	t.Helper()
	return prometheus(t, sdk.Config{Logger: log.logger()}, map[string]string{
		"OTEL_TRACES_EXPORTER":        "otlp",
		"OTEL_EXPORTER_OTLP_ENDPOINT": collectorURL,
		// A slow machine must not end an export.
		"OTEL_EXPORTER_OTLP_TIMEOUT":     "600000",
		"OTEL_BSP_EXPORT_TIMEOUT":        "600000",
		"OTEL_BSP_SCHEDULE_DELAY":        "600000",
		"OTEL_BSP_MAX_QUEUE_SIZE":        "20",
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5",
	})
}

func endSpans(t *testing.T, s *sdk.SDK, n int) {
	t.Helper()
	for i := range n {
		_, span := s.TracerProvider().Tracer("test").Start(t.Context(), fmt.Sprintf("Search %d", i))
		span.End()
	}
}

// counts returns what the SDK says of its spans, by metric and error.type.
func counts(t *testing.T, url string) map[string]int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, line := range strings.Split(read(t, request), "\n") {
		m := regexp.MustCompile(`^otel_sdk_([a-z]+)_span_[a-z]+_total\{(?:error_type="(\w+)",)?.*\} (\d+)$`).FindStringSubmatch(line)
		if m != nil {
			found[strings.TrimSuffix(m[1]+" "+m[2], " ")], _ = strconv.Atoi(m[3])
		}
	}
	return found
}

func TestACollectorThatBlocksHoldsNoOperationUpAndDroppedSpansAreCounted(t *testing.T) {
	sdk.ForgetErrors()
	block := make(chan struct{})
	c := newCollector(t)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-block
		c.Config.Handler.ServeHTTP(w, r)
	}))
	defer slow.Close()
	var log logs
	url, s := exportTo(t, slow.URL, &log)
	if got := counts(t, url); !maps.Equal(got, map[string]int{"processor": 0, "processor queue_full": 0, "exporter": 0, "exporter _OTHER": 0}) {
		t.Errorf("before the first span the counts are %v, want each series with zero", got)
	}

	const ended = 100
	endSpans(t, s, ended) // returns, although no export ends
	dropped := counts(t, url)["processor queue_full"]
	// The queue holds 20, and a batch of 5 may be on its way.
	if dropped < ended-25 || dropped > ended-20 {
		t.Errorf("%d of %d spans were dropped, want 75 to 80", dropped, ended)
	}
	if text := log.String(); strings.Count(text, "spans are dropped") != 1 || !strings.Contains(text, "OTEL_BSP_MAX_QUEUE_SIZE") {
		t.Errorf("logged %q, want one record with the remedy", text)
	}

	close(block)
	if err := s.TracerProvider().(*sdktrace.TracerProvider).ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"processor": ended - dropped, "processor queue_full": dropped, "exporter": ended - dropped, "exporter _OTHER": 0}
	if got := counts(t, url); !maps.Equal(got, want) {
		t.Errorf("the counts are %v, want %v", got, want)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) != ended-dropped {
		t.Errorf("%d spans arrived, %d were dropped, %d ended", len(c.spans), dropped, ended)
	}
}

func TestSpansWhoseExportFailsAreCounted(t *testing.T) {
	sdk.ForgetErrors()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer refusing.Close()
	var log logs
	url, s := exportTo(t, refusing.URL, &log)
	endSpans(t, s, 8)
	// The error of the first batch went to the logger, the one of the second is
	// returned or went there too.
	_ = s.TracerProvider().(*sdktrace.TracerProvider).ForceFlush(t.Context())
	want := map[string]int{"processor": 8, "processor queue_full": 0, "exporter": 0, "exporter _OTHER": 8}
	if got := counts(t, url); !maps.Equal(got, want) {
		t.Errorf("the counts are %v, want %v", got, want)
	}
	if text := log.String(); strings.Count(text, "OpenTelemetry reports an error") != 1 {
		t.Errorf("logged %q, want one record", text)
	}
}

func TestSpansMayEndAfterTheShutdown(t *testing.T) {
	c := newCollector(t)
	var log logs
	_, s := exportTo(t, c.URL, &log)
	tracer := s.TracerProvider().Tracer("test")
	_, open := tracer.Start(t.Context(), "open")
	endSpans(t, s, 3)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	open.End()
	for range 50 {
		_, span := tracer.Start(t.Context(), "late")
		span.End()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) != 3 || log.String() != "" {
		t.Errorf("%d spans arrived, want 3; logged %q", len(c.spans), &log)
	}
}
