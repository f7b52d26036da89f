// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
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

// maxShutdown is the longest time that Shutdown takes.
const maxShutdown = 5 * time.Second

// Config has the settings that the environment does not. The zero value is ready
// to use.
type Config struct {
	// ServiceName names the program if neither OTEL_SERVICE_NAME nor
	// OTEL_RESOURCE_ATTRIBUTES does. If it is empty too, the name is
	// "unknown_service:" and the name of the executable, and Setup logs a warning
	// if it exports anything. It has no effect on a file that OTEL_CONFIG_FILE names.
	ServiceName string
	// Logger gets the errors of exporters, and warnings about settings that look
	// wrong. Nil is slog.Default().
	Logger *slog.Logger
	// SpanProcessors get every span in addition to the exporter, or without an
	// exporter: to print spans, or to see them in a test. Shutdown shuts them down.
	SpanProcessors []sdktrace.SpanProcessor
}

// SDK holds the providers. It is safe for concurrent use.
type SDK struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	propagator propagation.TextMapPropagator

	stop func(context.Context) error // nil if there is nothing to stop
	once sync.Once                   // calls stop
	done chan struct{}               // closed when stop has returned; then err is set
	err  error
}

// Setup makes an SDK from the environment and cfg. It does not connect to the
// collector, so it neither waits for a collector nor fails without one. A variable
// with a bad value is an error.
func Setup(ctx context.Context, cfg Config) (*SDK, error) {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	s := &SDK{
		tracers:    tracenoop.NewTracerProvider(),
		meters:     metricnoop.NewMeterProvider(),
		propagator: watch(propagatorFromEnv(ctx, logger), logger),
		done:       make(chan struct{}),
	}
	if disabled() {
		return s, nil
	}

	if path := os.Getenv(configFile); path != "" {
		if err := s.setupFromFile(ctx, path, cfg, logger); err != nil {
			return nil, err
		}
		return s, nil
	}

	exporter, traceErr := spanExporter(ctx)
	reader, metricErr := metricReader(ctx)
	var sampler sdktrace.Sampler
	var samplerErr error
	if exporter != nil || len(cfg.SpanProcessors) > 0 {
		sampler, samplerErr = samplerFromEnv()
	}
	if err := joinOnce(traceErr, metricErr, samplerErr); err != nil {
		if exporter != nil {
			_ = exporter.Shutdown(ctx)
		}
		if reader != nil {
			_ = reader.Shutdown(ctx)
		}
		return nil, fmt.Errorf("sdk: cannot set up telemetry: %w", err)
	}
	if exporter == nil && reader == nil && len(cfg.SpanProcessors) == 0 {
		return s, nil
	}

	exports := exporter != nil || reader != nil
	if exports {
		errorHandler.use(logger)
	}
	res := resourceFromEnv(ctx, cfg.ServiceName, exports, logger)
	var mp *sdkmetric.MeterProvider
	if reader != nil {
		mp = sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(reader))
		s.meters = mp
	}
	var tp *sdktrace.TracerProvider
	if exporter != nil || len(cfg.SpanProcessors) > 0 {
		opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
		if sampler != nil {
			opts = append(opts, sdktrace.WithSampler(sampler))
		}
		if exporter != nil {
			queue := newSpanQueue(exporter, logger)
			opts = append(opts, sdktrace.WithSpanProcessor(queue))
			if err := queue.observe(s.meters); err != nil {
				logger.WarnContext(ctx, "dropped spans are not counted", "error", err)
			}
		}
		for _, p := range cfg.SpanProcessors {
			opts = append(opts, sdktrace.WithSpanProcessor(p))
		}
		tp = sdktrace.NewTracerProvider(opts...)
		s.tracers = tp
	}
	s.stop = func(ctx context.Context) error { return shutdown(ctx, tp, mp) }
	return s, nil
}

// TracerProvider returns the provider of spans. It is never nil.
func (s *SDK) TracerProvider() trace.TracerProvider { return s.tracers }

// MeterProvider returns the provider of metrics. It is never nil.
func (s *SDK) MeterProvider() metric.MeterProvider { return s.meters }

// Propagator returns the propagator that carries the trace context between
// processes. It is never nil.
func (s *SDK) Propagator() propagation.TextMapPropagator { return s.propagator }

// Shutdown exports the telemetry that was not exported yet, metrics first, and
// stops the SDK. It takes no longer than ctx lasts, and at most 5 seconds;
// telemetry that is not exported by then is lost, and the error says so. Only the
// first call stops the SDK. Any other call waits for the first one, no longer than
// its own ctx lasts, and returns the same error.
func (s *SDK) Shutdown(ctx context.Context) error {
	if s.stop == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxShutdown)
	defer cancel()
	s.once.Do(func() {
		// On a goroutine, because a SpanProcessor of the user may ignore ctx.
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

// shutdown gives the metrics half of the time that ctx has, so that a collector
// that does not answer leaves time for the traces.
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
