// SPDX-License-Identifier: Apache-2.0

// Http-service shows an HTTP API over Milvus as it would run in production: incoming
// trace context, a deadline for each request, the right status for each failure,
// liveness and readiness, metrics for Prometheus, the live page for operators, and a stop
// that lets requests end.
//
//	go run ./examples/http-service
//
// Then, in another terminal:
//
//	curl 'localhost:8080/colors/nearest?rgb=ff8800'
//	curl -H 'X-Request-Timeout: 250ms' 'localhost:8080/colors/nearest?rgb=ff8800&top=5'
//	curl localhost:8080/readyz
//	curl localhost:9464/metrics
//
// and open the live page, http://localhost:6464, in a browser.
//
// MILVUS_ADDRESS names a Milvus; without it, the program starts one in its process.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx/sdk"
)

func main() {
	var settings Settings
	flag.StringVar(&settings.Address, "addr", "localhost:8080", "where the service listens")
	flag.DurationVar(&settings.Linger, "linger", 0, "how long the service goes on after the signal to stop, not ready, so that load balancers notice")
	flag.StringVar(&settings.Admin, "admin", "localhost:6464", "where the live page is, on the loopback interface")
	flag.Parse()
	if os.Getenv("OTEL_METRICS_EXPORTER") == "" {
		_ = os.Setenv("OTEL_METRICS_EXPORTER", "prometheus") // fails only for an invalid key
	}
	if err := run(fx.New(app(settings))); err != nil {
		fmt.Fprintln(os.Stderr, "http-service:", err)
		os.Exit(1)
	}
}

func app(settings Settings) fx.Option {
	return fx.Options(
		fxmodule.Module(fxmodule.Config(penstock.Config{Chain: middleware.Config{
			Retry:    retry.Config{Interval: 50 * time.Millisecond}, // an API cannot wait for long
			Bulkhead: &bulkhead.Config{MaxConcurrent: 64},           // more is refused at once, with 503
		}})),
		fxmodule.Telemetry(), // from the OTEL_* variables
		milvusfx.Module(),
		admin.Module(admin.Config{Address: settings.Admin, Service: "colors"}),
		fx.Provide(backend, newColors, newHandler, newStop, fx.Annotate(readyChecks, fx.ResultTags(`group:"penstock.ready,flatten"`))),
		fx.Supply(settings, sdk.Config{ServiceName: "colors"}),
		fx.Invoke(serve),
		fx.StartTimeout(time.Minute), // a new collection of a real Milvus takes a while
		fx.NopLogger,                 // run tells of errors
	)
}

// run starts the application, waits for Ctrl-C or SIGTERM, and stops it.
func run(app *fx.App) error {
	if err := app.Err(); err != nil {
		return fxmodule.Explain(err)
	}
	done := app.Wait()
	starting, cancel := context.WithTimeout(context.Background(), app.StartTimeout())
	defer cancel()
	if err := app.Start(starting); err != nil {
		return fxmodule.Explain(err)
	}
	<-done
	stopping, cancel := context.WithTimeout(context.Background(), app.StopTimeout())
	defer cancel()
	return fxmodule.Explain(app.Stop(stopping))
}
