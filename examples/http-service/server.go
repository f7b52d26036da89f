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

	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool/milvus"
)

// Settings are those of the command line.
type Settings struct {
	Address string
	Admin   string
	Linger  time.Duration
}

// Stop says whether the service is about to stop.
type Stop struct{ begun atomic.Bool }

func newStop() *Stop { return &Stop{} }

var errStopping = errors.New("the service is stopping")

// readyChecks returns what /readyz asks beside each client's own check.
func readyChecks(stop *Stop, client Client) []health.Check {
	return []health.Check{
		{Name: "service", Ask: func(context.Context) error {
			if stop.begun.Load() {
				return errStopping
			}
			return nil
		}},
		{Name: "parts of milvus", Ask: health.Cached(10*time.Second, milvus.ReadyCheck(client))},
	}
}

// newHandler mounts the API and the endpoints for an orchestrator. The requests of the
// API continue the trace of their caller.
func newHandler(colors *Colors, telemetry *sdk.SDK, ready fxmodule.Ready) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /colors/nearest", otelhttp.NewHandler(http.HandlerFunc(colors.serve), "nearest",
		otelhttp.WithTracerProvider(telemetry.TracerProvider()),
		otelhttp.WithMeterProvider(telemetry.MeterProvider()),
		otelhttp.WithPropagators(telemetry.Propagator())))
	mux.Handle("GET /livez", health.Liveness())
	mux.Handle("GET /readyz", ready.Handler())
	return mux
}

// serve lets the HTTP server start last and stop first: fx stops in the reverse order of
// the start, so that the client is there until the last request has ended.
func serve(lifecycle fx.Lifecycle, end fx.Shutdowner, settings Settings, handler http.Handler, stop *Stop, page *admin.Admin) {
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
			fmt.Printf("live page http://%s\n", page.Addr())
			go func() {
				if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
					slog.Error("the server ended", "error", err)
					_ = end.Shutdown(fx.ExitCode(1)) // fails only if the application is not running
				}
			}()
			return nil
		},
		func(ctx context.Context) error {
			stop.begun.Store(true)
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
