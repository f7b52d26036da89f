// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// maxShutdown is how long Shutdown takes at most.
const maxShutdown = 5 * time.Second

// Config is what the environment does not say. The zero value is ready to use.
type Config struct {
	// ServiceName names the program where neither OTEL_SERVICE_NAME nor
	// OTEL_RESOURCE_ATTRIBUTES does. Empty means "unknown_service:" and the
	// name of the executable, and a warning if anything is exported.
	ServiceName string
	// Logger is told of errors while exporting, and of settings that cannot be
	// right. Nil is slog.Default().
	Logger *slog.Logger
	// SpanProcessors get every span beside the exporter, or without one: to
	// print spans, or to look at them in a test. The SDK shuts them down.
	SpanProcessors []sdktrace.SpanProcessor
}

// SDK holds the providers. It is safe for concurrent use.
type SDK struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	propagator propagation.TextMapPropagator

	stop func(context.Context) error // nil: there is nothing to stop
	once sync.Once                   // stops
	done chan struct{}
	err  error // of stop, once done is closed
}

// Setup makes an SDK as the environment says. It dials nothing, so that it
// neither waits for a collector nor fails without one; a variable that cannot
// be obeyed is an error.
func Setup(ctx context.Context, cfg Config) (*SDK, error) {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	s := &SDK{
		tracers:    tracenoop.NewTracerProvider(),
		meters:     metricnoop.NewMeterProvider(),
		propagator: propagatorFromEnv(ctx, logger),
		done:       make(chan struct{}),
	}
	if disabled() {
		return s, nil
	}

	exporter, traceErr := spanExporter(ctx)
	reader, metricErr := metricReader(ctx)
	if err := errors.Join(traceErr, metricErr); err != nil {
		if exporter != nil {
			_ = exporter.Shutdown(ctx)
		}
		if reader != nil {
			_ = reader.Shutdown(ctx)
		}
		return nil, fmt.Errorf("sdk: cannot set up telemetry: %w", err)
	}
	processors := cfg.SpanProcessors
	if exporter != nil {
		processors = append([]sdktrace.SpanProcessor{sdktrace.NewBatchSpanProcessor(exporter)}, processors...)
	}
	if len(processors) == 0 && reader == nil {
		return s, nil
	}

	exports := exporter != nil || reader != nil
	if exports {
		errorHandler.use(logger)
	}
	res := resourceFromEnv(ctx, cfg.ServiceName, exports, logger)
	var tp *sdktrace.TracerProvider
	if len(processors) > 0 {
		opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
		for _, p := range processors {
			opts = append(opts, sdktrace.WithSpanProcessor(p))
		}
		tp = sdktrace.NewTracerProvider(opts...)
		s.tracers = tp
	}
	var mp *sdkmetric.MeterProvider
	if reader != nil {
		mp = sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(reader))
		s.meters = mp
	}
	s.stop = func(ctx context.Context) error { return shutdown(ctx, tp, mp) }
	return s, nil
}

// TracerProvider returns what spans are made with. It is never nil.
func (s *SDK) TracerProvider() trace.TracerProvider { return s.tracers }

// MeterProvider returns what is measured with. It is never nil.
func (s *SDK) MeterProvider() metric.MeterProvider { return s.meters }

// Propagator returns how trace context travels between processes. It is never
// nil.
func (s *SDK) Propagator() propagation.TextMapPropagator { return s.propagator }

// Shutdown exports what is left, metrics first, and stops. It takes no longer
// than ctx lasts, and 5 seconds at most; what could not be exported by then is
// lost, and the error says so. Only the first call stops; the others wait for
// it, no longer than their own ctx, and return the same error.
func (s *SDK) Shutdown(ctx context.Context) error {
	if s.stop == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxShutdown)
	defer cancel()
	s.once.Do(func() {
		// Beside us, as a processor of the user's may ignore ctx.
		go func() {
			defer close(s.done)
			if err := s.stop(ctx); err != nil {
				s.err = lost(err)
			}
		}()
	})
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return lost(ctx.Err())
	}
}

func lost(err error) error { return fmt.Errorf("sdk: telemetry may be lost: %w", err) }

// shutdown stops metrics in half of the time there is, so that a collector
// that does not answer leaves some for the traces.
func shutdown(ctx context.Context, tp *sdktrace.TracerProvider, mp *sdkmetric.MeterProvider) error {
	var errs []error
	if mp != nil {
		half := ctx
		if deadline, ok := ctx.Deadline(); ok && tp != nil {
			var cancel context.CancelFunc
			half, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
			defer cancel()
		}
		if err := mp.Shutdown(half); err != nil {
			errs = append(errs, fmt.Errorf("metrics: %w", err))
		}
	}
	if tp != nil {
		if err := tp.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("traces: %w", err))
		}
	}
	return errors.Join(errs...)
}
