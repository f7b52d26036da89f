// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
)

// More operations than the queue of spans holds run in each state of the collector. An
// operation that waited for the exporter would end this test by its deadline.
func TestOperationsGoOnWhateverBecomesOfTheExporter(t *testing.T) {
	block := make(chan struct{})
	for name, answer := range map[string]http.HandlerFunc{
		"blocks": func(http.ResponseWriter, *http.Request) { <-block },
		"fails":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"works":  func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			collector := httptest.NewServer(answer)
			defer collector.Close()
			if name == "blocks" {
				defer close(block)
			}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
			t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
			t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
			telemetry, err := sdk.Setup(t.Context(), sdk.Config{ServiceName: "shop", Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			client, err := penstock.Open(t.Context(), penstock.Backend[int]{
				Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}},
			}, penstock.Config{TracerProvider: telemetry.TracerProvider(), MeterProvider: telemetry.MeterProvider()})
			if err != nil {
				t.Fatal(err)
			}
			down := errors.New("down")
			operate := func() {
				for i := range 200 {
					want := []error{nil, down}[i%2]
					op := core.Op{Name: "Get", Target: "docs"}
					_, err := core.Do(t.Context(), client, op, func(context.Context, int) (int, error) { return 0, want })
					// The breaker may be open by then.
					if !errors.Is(err, want) && !errors.Is(err, core.ErrRejected) {
						t.Fatalf("Do = %v, want %v", err, want)
					}
				}
			}
			operate()
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			// With an ended context nothing is waited for: the exporter is shut down in
			// the middle.
			if err := telemetry.Shutdown(ended); err == nil && name == "blocks" {
				t.Error("Shutdown = nil, want that telemetry may be lost")
			}
			operate()
			if err := client.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
