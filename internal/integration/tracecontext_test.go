// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
)

func TestAnOperationGoesOnWhateverTraceContextCameIn(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	spans := emitted.Spans(t)
	telemetry, err := sdk.Setup(t.Context(), sdk.Config{
		Logger:         slog.New(slog.DiscardHandler),
		SpanProcessors: []sdktrace.SpanProcessor{spans},
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := penstock.Open(t.Context(), penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}},
	}, penstock.Config{TracerProvider: telemetry.TracerProvider()})
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := telemetry.Propagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		if _, err := core.Do(ctx, client, lookUp, func(context.Context, int) (int, error) { return 0, nil }); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})

	for name, row := range map[string]struct {
		headers map[string]string
		ours    bool // the operation begins a trace of its own
	}{
		"good":      {map[string]string{"traceparent": parent}, false},
		"malformed": {map[string]string{"traceparent": "00-zz-01"}, true},
		"oversized": {map[string]string{"traceparent": strings.Repeat(parent, 10_000)}, true},
		"no UTF-8":  {map[string]string{"traceparent": "\xff\xfe"}, true},
		"state":     {map[string]string{"traceparent": parent, "tracestate": strings.Repeat("a=1,", 100_000)}, false},
		"baggage":   {map[string]string{"traceparent": parent, "baggage": strings.Repeat("a=\xff,", 100_000)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			spans.Reset()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			for key, value := range row.headers {
				r.Header.Set(key, value)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Errorf("the operation failed: %s", w.Body)
			}
			for _, span := range spans.Ended() {
				if span.Name() == "Get docs" {
					if got := span.SpanContext().TraceID().String(); (got != id) != row.ours {
						t.Errorf("the operation is in trace %s", got)
					}
					return
				}
			}
			t.Error("the operation has no span")
		})
	}
	if err := errors.Join(client.Close(t.Context()), telemetry.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}
