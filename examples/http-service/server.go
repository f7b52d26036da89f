// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Settings are those of the HTTP server.
type Settings struct {
	Address string
	Linger  time.Duration
}

// Handler is what the server serves, and whether it is about to stop.
type Handler struct {
	http.Handler
	stopping atomic.Bool
}

var errStopping = errors.New("the service is stopping")

// newHandler mounts the API and the endpoints for an orchestrator. The requests of the
// API continue the trace of their caller.
func newHandler(colors *Colors, client Client, telemetry *sdk.SDK) *Handler {
	api := otelhttp.NewHandler(http.HandlerFunc(colors.serve), "nearest",
		otelhttp.WithTracerProvider(telemetry.TracerProvider()),
		otelhttp.WithMeterProvider(telemetry.MeterProvider()),
		otelhttp.WithPropagators(telemetry.Propagator()))
	mux := http.NewServeMux()
	h := &Handler{Handler: mux}
	mux.Handle("GET /colors/nearest", api)
	mux.Handle("GET /livez", health.Liveness())
	mux.Handle("GET /readyz", health.Readiness(
		health.Check{Name: "service", Ask: func(context.Context) error {
			if h.stopping.Load() {
				return errStopping
			}
			return nil
		}},
		client.Monitor().Ready(),
		health.Check{Name: "milvus", Ask: health.Cached(10*time.Second, milvus.ReadyCheck(client))},
	))
	return h
}

// serve lets the HTTP server start last and stop first: fx stops in the reverse order of
// the start, so that the client is there until the last request has ended.
func serve(lifecycle fx.Lifecycle, stop fx.Shutdowner, settings Settings, handler *Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      maxRequest + 5*time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	lifecycle.Append(fx.StartStopHook(
		func(ctx context.Context) error {
			listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", settings.Address)
			if err != nil {
				return fmt.Errorf("cannot listen, -addr names another address: %w", err)
			}
			fmt.Printf("serving http://%s/colors/nearest?rgb=ff8800\n", listener.Addr())
			go func() {
				if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
					slog.Error("the server ended", "error", err)
					_ = stop.Shutdown(fx.ExitCode(1)) // fails only if the application is not running
				}
			}()
			return nil
		},
		func(ctx context.Context) error {
			handler.stopping.Store(true)
			select {
			case <-time.After(settings.Linger):
			case <-ctx.Done():
			}
			err := server.Shutdown(ctx) // lets requests end
			if err != nil {
				_ = server.Close() // the error of Shutdown is told
			}
			return err
		},
	))
}
