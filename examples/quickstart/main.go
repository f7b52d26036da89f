// SPDX-License-Identifier: Apache-2.0

// Quickstart shows what Penstock does when a backend fails. It classifies handwritten
// digits with a vector search in Milvus. Then it takes the backend away for two seconds,
// and prints the outcomes of the operations and three of their traces.
//
//	go run ./examples/quickstart
//
// needs nothing but Go: it starts an in-process server that speaks Milvus'
// protocol. Environment variables make it use real servers:
//
//	MILVUS_ADDRESS               host:port of a Milvus
//	OTEL_EXPORTER_OTLP_ENDPOINT  where to send the traces, such as
//	                             http://localhost:4318 for a local Jaeger
//	JAEGER_UI                    base URL of the links that are printed
//	                             (http://localhost:16686)
//
// The exit status is 0 if every promise held, 2 if the server has a collection
// digits that this program did not make, 130 after an interrupt, and 1 otherwise.
// The program drops its own collection at every exit, and never another one.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

const (
	limit       = 24 * time.Second // limit of the run
	cleanup     = 3 * time.Second  // limit of dropping the collection afterwards
	stopping    = 2 * time.Second  // limit of stopping the app afterwards
	minAccuracy = 0.97
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errForeign):
		return 2
	case errors.Is(err, errInterrupted):
		return 130
	default:
		return 1
	}
}

var errInterrupted = errors.New("interrupted")

// dropError says that the collection was not dropped.
type dropError struct{ err error }

func (e *dropError) Error() string { return "the collection was not dropped: " + e.err.Error() }
func (e *dropError) Unwrap() error { return e.err }

// notDropped returns the dropError in err, the only fault to report after an
// interrupt.
func notDropped(err error) error {
	if e, ok := errors.AsType[*dropError](err); ok {
		return e
	}
	return nil
}

// run is the whole program.
func run(interrupted context.Context, w io.Writer) (err error) {
	defer func() {
		if interrupted.Err() != nil {
			err = errors.Join(errInterrupted, notDropped(err))
		}
	}()
	ctx, cancel := context.WithTimeoutCause(interrupted, limit, fmt.Errorf("the run took longer than %v", limit))
	defer cancel()

	stored, kept, err := readDigits()
	if err != nil {
		return err
	}
	address := os.Getenv("MILVUS_ADDRESS")
	server := "Milvus at " + address
	if address == "" {
		fake, err := milvustest.New(milvustest.Config{})
		if err != nil {
			return err
		}
		defer fake.Close()
		address, server = fake.Addr(), "the in-process server"
	}
	if err := reach(ctx, address); err != nil {
		return fmt.Errorf("cannot reach %s (MILVUS_ADDRESS names another): %w", server, err)
	}
	p, err := startProxy(address)
	if err != nil {
		return err
	}
	defer p.close()

	spans := tracetest.NewSpanRecorder()
	app, c, err := start(ctx, p.addr(), spans)
	if err != nil {
		return fmt.Errorf("cannot start: %w", fxmodule.Explain(err))
	}
	defer func() { err = errors.Join(err, stopApp(app)) }()

	fmt.Fprintf(w, "Penstock quickstart, on %s\nchain: %s > [acquire > work]\n\n", server, c.Chain())
	if err := claim(ctx, c); err != nil {
		return err
	}
	defer func() {
		// After an interrupt the context of the run has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
		defer cancel()
		if dropErr := tidyUp(ctx, c, p); dropErr != nil {
			err = errors.Join(err, &dropError{dropErr})
		}
	}()
	return show(ctx, w, c, p, spans, stored, kept)
}

// errNoSpans says that the environment turns traces off.
var errNoSpans = errors.New("OTEL_SDK_DISABLED or OTEL_TRACES_SAMPLER leaves no spans to show; run it without them")

// show classifies the digits, runs the drill, and prints three traces.
func show(ctx context.Context, w io.Writer, c client, p *proxy, spans *tracetest.SpanRecorder, stored, kept []digit) error {
	if err := create(ctx, c); err != nil {
		return err
	}
	if err := store(ctx, c, stored); err != nil {
		return err
	}
	result, err := classify(ctx, c, kept)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "classified %d digits by their %d nearest among %d: %d correct, accuracy %.4f\n",
		result.total, neighbours, len(stored), result.correct, result.accuracy())
	fmt.Fprintf(w, "%d searches at a time: %.0f a second, p50 %v, p99 %v\n\n",
		workers, result.throughput(), result.quantile(0.50).Round(time.Microsecond), result.quantile(0.99).Round(time.Microsecond))
	var faults []error
	if result.accuracy() < minAccuracy {
		faults = append(faults, fmt.Errorf("accuracy is %.4f, want at least %v", result.accuracy(), minAccuracy))
	}

	calm, err := normal(ctx, c, spans, kept[0])
	if err != nil {
		return err
	}
	again, err := retried(ctx, c, p, spans, kept[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "drill: the backend is away for %v under load (RecoveryTimeout %v, Interval %v)\n", outage, recoveryTimeout, retryInterval)
	if err := drill(ctx, w, c, p, kept); err != nil {
		faults = append(faults, fmt.Errorf("drill: %w", err))
	}
	if ctx.Err() != nil {
		return errors.Join(append(faults, context.Cause(ctx))...)
	}
	refused, err := rejected(spans)
	if err != nil {
		return errors.Join(append(faults, err)...)
	}

	for _, t := range []struct {
		title string
		span  sdktrace.ReadOnlySpan
	}{
		{"a normal search", calm},
		{"a search whose connection died under it", again},
		{"a search that the open breaker rejected, after the search that opened it", refused},
	} {
		fmt.Fprintf(w, "\n%s, trace %s\n", t.title, t.span.SpanContext().TraceID())
		fmt.Fprint(w, tree(spans.Ended(), t.span))
		if exporting() {
			ui := cmp.Or(os.Getenv("JAEGER_UI"), "http://localhost:16686")
			fmt.Fprintf(w, "%s/trace/%s\n", strings.TrimRight(ui, "/"), t.span.SpanContext().TraceID())
		}
	}
	return errors.Join(faults...)
}

// tidyUp ends the outage, if there is one, and drops the collection.
func tidyUp(ctx context.Context, c client, p *proxy) error {
	p.restore()
	c.Breaker().Reset()
	for {
		err := claim(ctx, c)
		if !errors.Is(err, core.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, recoveryTimeout/10)
	}
}

// reach connects once without the proxy, which would hide the cause of a failure.
func reach(ctx context.Context, address string) error {
	factory, err := milvus.NewFactory(milvus.Config{Address: address})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := factory.Dial(ctx)
	if err != nil {
		return err
	}
	return factory.Close(ctx, conn)
}

// start wires the application and starts it.
func start(ctx context.Context, address string, spans *tracetest.SpanRecorder) (*fx.App, client, error) {
	if exporting() {
		// Jaeger takes no metrics. A short delay shows spans soon.
		setDefault("OTEL_METRICS_EXPORTER", "none")
		setDefault("OTEL_BSP_SCHEDULE_DELAY", "500")
	}
	var c client
	app := fx.New(wiring(address, spans), fx.Populate(&c), fx.NopLogger)
	if err := app.Err(); err != nil {
		return nil, nil, err
	}
	return app, c, app.Start(ctx)
}

// wiring returns all of the application that does not depend on its start.
func wiring(address string, spans *tracetest.SpanRecorder) fx.Option {
	return fx.Options(
		fxmodule.Module(fxmodule.Config(penstock.Config{
			// Every trace is sampled here, and an open breaker refuses operations by the
			// thousand.
			Telemetry: []otelx.Option{otelx.WithRejectionLimit(rejections)},
			Chain: middleware.Config{
				Breaker: breaker.Config{RecoveryTimeout: recoveryTimeout},
				Retry:   retry.Config{Interval: retryInterval},
				// A short recovery needs short attempts and probes. Slow operations have
				// a Timeout of their own.
				Timeout: timeout.Config{Attempt: recoveryTimeout},
				Health:  &health.Config{Interval: recoveryTimeout, DownThreshold: 5},
			},
		})),
		fxmodule.Telemetry(),
		milvusfx.Module(),
		fx.Supply(
			milvus.Config{Address: address},
			sdk.Config{ServiceName: "penstock-quickstart", SpanProcessors: []sdktrace.SpanProcessor{spans}},
		),
	)
}

func stopApp(app *fx.App) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopping)
	defer cancel()
	return app.Stop(ctx)
}

// exporting reports whether the environment makes the SDK export traces.
func exporting() bool {
	switch os.Getenv("OTEL_TRACES_EXPORTER") {
	case "otlp":
		return true
	case "":
		return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	default:
		return false
	}
}

func setDefault(key, value string) {
	if os.Getenv(key) == "" {
		_ = os.Setenv(key, value) // fails only for an invalid key
	}
}
