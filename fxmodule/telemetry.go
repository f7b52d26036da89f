// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// Telemetry provides an *sdk.SDK that is set up from the OTEL_* environment
// variables and flushed when the application stops. Clients use it where the
// application itself provides no providers; with nothing configured it is
// silent. A *slog.Logger in the graph is told of export errors.
func Telemetry() fx.Option {
	return fx.Module("penstock.telemetry", fx.Provide(newSDK))
}

type sdkParams struct {
	fx.In
	Lifecycle fx.Lifecycle
	Config    sdk.Config   `optional:"true"`
	Logger    *slog.Logger `optional:"true"`
}

func newSDK(in sdkParams) (*sdk.SDK, error) {
	cfg := in.Config
	if cfg.Logger == nil {
		cfg.Logger = in.Logger
	}
	s, err := sdk.Setup(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	in.Lifecycle.Append(fx.StopHook(func(ctx context.Context) {
		// Lost telemetry must not make a graceful stop fail.
		if err := s.Shutdown(ctx); err != nil {
			logger(cfg.Logger).WarnContext(ctx, "penstock: telemetry was not flushed", "error", err)
		}
	}))
	return s, nil
}

// providers are the telemetry providers found in the graph.
type providers struct {
	fx.In
	Tracer    trace.TracerProvider     `optional:"true"`
	SDKTracer *sdktrace.TracerProvider `optional:"true"`
	Meter     metric.MeterProvider     `optional:"true"`
	SDKMeter  *sdkmetric.MeterProvider `optional:"true"`
	SDK       *sdk.SDK                 `optional:"true"`
}

// pick returns the providers that a client uses, and where they come from.
func (p providers) pick(s settings) (trace.TracerProvider, metric.MeterProvider) {
	tracer := s.tracer
	switch {
	case tracer != nil:
	case p.Tracer != nil:
		tracer = p.Tracer
	case p.SDKTracer != nil:
		tracer = p.SDKTracer
	case p.SDK != nil:
		tracer = p.SDK.TracerProvider()
	default:
		tracer = otel.GetTracerProvider()
	}
	meter := s.meter
	switch {
	case meter != nil:
	case p.Meter != nil:
		meter = p.Meter
	case p.SDKMeter != nil:
		meter = p.SDKMeter
	case p.SDK != nil:
		meter = p.SDK.MeterProvider()
	default:
		meter = otel.GetMeterProvider()
	}
	return tracer, meter
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}
