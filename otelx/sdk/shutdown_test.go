// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// A collector that accepts a connection and never answers, and one that is gone.
func TestShutdownWithoutAnAnswerEndsWithItsContext(t *testing.T) {
	block := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-block }))
	defer silent.Close()
	defer close(block)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()

	for name, setUp := range map[string]func(t *testing.T, url string){
		"HTTP": func(t *testing.T, url string) {
			setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url})
		},
		"gRPC": func(t *testing.T, url string) {
			setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
		},
		"file": func(t *testing.T, url string) {
			useFile(t, exportingFile, map[string]string{"COLLECTOR": url})
		},
		"file with gRPC": func(t *testing.T, url string) {
			useFile(t, grpcFile, map[string]string{"COLLECTOR": strings.TrimPrefix(url, "http://")})
		},
	} {
		for what, url := range map[string]string{"silent": silent.URL, "gone": gone.URL} {
			t.Run(name+" "+what, func(t *testing.T) {
				setUp(t, url)
				s := setup(t, sdk.Config{ServiceName: "shop", Logger: new(logs).logger()})
				emit(t.Context(), s)
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				start := time.Now()
				err := s.Shutdown(ctx)
				// Far from the 5 s that it lasts without an end of ctx.
				if took := time.Since(start); err == nil || took > 4*time.Second {
					t.Errorf("Shutdown = %v after %v, want an error after 100 ms", err, took)
				}
				if again := s.Shutdown(t.Context()); again == nil {
					t.Error("Shutdown again = nil, want the error")
				}
			})
		}
	}
}

// stuck is a span processor that does not end when it is told to.
type stuck struct {
	sdktrace.SpanProcessor
	release chan struct{}
}

func (s stuck) Shutdown(context.Context) error {
	<-s.release
	return errors.New("released")
}

func TestShutdownTakesFiveSecondsAtMost(t *testing.T) {
	setenv(t, nil)
	synctest.Test(t, func(t *testing.T) {
		p := stuck{tracetest.NewSpanRecorder(), make(chan struct{})}
		s := setup(t, sdk.Config{SpanProcessors: []sdktrace.SpanProcessor{p}})
		start := time.Now()
		err := s.Shutdown(context.Background())
		if took := time.Since(start); took != 5*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v after %v, want a deadline after 5s", err, took)
		}
		close(p.release)
		synctest.Wait()
		if err := s.Shutdown(context.Background()); err == nil || !strings.Contains(err.Error(), "released") {
			t.Errorf("Shutdown again = %v, want what the first one came to", err)
		}
	})
}

func TestErrorsAreLoggedAtMostEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logs
		h := sdk.NewErrorHandler(log.logger())
		for range 25 { // one a second: at 0, 10 and 20 s
			h.Handle(errors.New("refused"))
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "left_out=0") || !strings.Contains(lines[2], "left_out=9") {
			t.Errorf("logged %d lines:\n%s", len(lines), &log)
		}
	})
}

func TestErrorsOfExportersGoToTheLogger(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer refusing.Close()
	setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": refusing.URL})
	sdk.ForgetErrors()
	var log logs
	s := setup(t, sdk.Config{ServiceName: "shop", Logger: log.logger()})
	emit(t.Context(), s)
	_ = s.Shutdown(t.Context())
	if !strings.Contains(log.String(), "OpenTelemetry reports an error") || !strings.Contains(log.String(), "400") {
		t.Errorf("logged %q", &log)
	}
}
