// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// Telemetry provides an *sdk.SDK that is set up from the OTEL_* environment
// variables, and flushed when the application stops. Clients use it if the
// application itself provides no telemetry providers. It is set up on first use;
// with nothing configured it is silent. An sdk.Config in the graph configures it. A
// *slog.Logger in the graph gets export errors.
func Telemetry() fx.Option {
	return fx.Module("penstock.telemetry",
		fx.Supply(leaveOutTheSecondTelemetry{}),
		fx.Provide(newTelemetry, (*telemetry).setUp),
		fx.Invoke(check),
	)
}

// leaveOutTheSecondTelemetry is provided by each Telemetry, so that the error of fx for
// two of them says what to do.
type leaveOutTheSecondTelemetry struct{}

// telemetry sets the SDK up on first use.
type telemetry struct {
	setUpOnce func() (*sdk.SDK, error)
	used      atomic.Bool
}

func (t *telemetry) setUp() (*sdk.SDK, error) {
	t.used.Store(true)
	return t.setUpOnce()
}

type telemetryParams struct {
	fx.In
	Lifecycle fx.Lifecycle
	Config    sdk.Config   `optional:"true"`
	Pointer   *sdk.Config  `optional:"true"` // a mistake
	Logger    *slog.Logger `optional:"true"`
}

func newTelemetry(in telemetryParams) *telemetry {
	cfg := in.Config
	if cfg.Logger == nil {
		cfg.Logger = in.Logger
	}
	t := &telemetry{setUpOnce: sync.OnceValues(func() (*sdk.SDK, error) {
		if in.Pointer != nil {
			return nil, errors.New("Telemetry does not take the *sdk.Config in the graph: provide the sdk.Config itself, not a pointer to it")
		}
		return sdk.Setup(context.Background(), cfg)
	})}
	in.Lifecycle.Append(fx.StopHook(func(ctx context.Context) {
		if !t.used.Load() {
			return
		}
		s, err := t.setUp()
		if err == nil {
			// Leaves a quarter of the time. What is over when fx's time is over is told as
			// a deadline alone, without the reports of the clients.
			within, cancel := share(ctx, 3, 4)
			defer cancel()
			err = s.Shutdown(within)
		}
		// Lost telemetry is no reason for a graceful stop to fail.
		if err != nil {
			logger(cfg.Logger).WarnContext(ctx, "penstock: telemetry was not flushed", "error", err)
		}
	}))
	return t
}

// providers holds the telemetry providers in the graph.
type providers struct {
	fx.In
	Tracer    trace.TracerProvider     `optional:"true"`
	SDKTracer *sdktrace.TracerProvider `optional:"true"`
	Meter     metric.MeterProvider     `optional:"true"`
	SDKMeter  *sdkmetric.MeterProvider `optional:"true"`
	Telemetry *telemetry               `optional:"true"`
}

// pick returns the providers that a client uses: the given ones, if they are not
// nil, or else those in the graph.
func (p providers) pick(tracer trace.TracerProvider, meter metric.MeterProvider) (trace.TracerProvider, metric.MeterProvider, error) {
	switch {
	case tracer != nil:
	case p.Tracer != nil:
		tracer = p.Tracer
	case p.SDKTracer != nil:
		tracer = p.SDKTracer
	}
	switch {
	case meter != nil:
	case p.Meter != nil:
		meter = p.Meter
	case p.SDKMeter != nil:
		meter = p.SDKMeter
	}
	if p.Telemetry != nil && (tracer == nil || meter == nil) {
		s, err := p.Telemetry.setUp()
		if err != nil {
			return nil, nil, err
		}
		if tracer == nil {
			tracer = s.TracerProvider()
		}
		if meter == nil {
			meter = s.MeterProvider()
		}
	}
	if tracer == nil {
		tracer = otel.GetTracerProvider()
	}
	if meter == nil {
		meter = otel.GetMeterProvider()
	}
	return tracer, meter, nil
}
