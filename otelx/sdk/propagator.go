// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/internal/text"
)

// propagators are the names in OTEL_PROPAGATORS. A program may have registered
// further ones.
const propagators = "tracecontext, baggage, b3, b3multi, jaeger, xray, ottrace and none"

// propagatorFromEnv returns the propagators that the environment names. It leaves
// out unknown ones, and falls back to the two of the W3C.
func propagatorFromEnv(ctx context.Context, logger *slog.Logger) propagation.TextMapPropagator {
	if value := os.Getenv("OTEL_PROPAGATORS"); value != "" {
		names := strings.Split(value, ",")
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
		p, err := autoprop.TextMapPropagator(names...)
		if err != nil {
			logger.WarnContext(ctx, "OTEL_PROPAGATORS names an unknown propagator: there are "+propagators, "error", err)
		}
		if p != nil {
			return p
		}
	}
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

// The headers of the W3C's format.
const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
)

// watchedPropagator tells what its propagator cannot read. A broken trace context is
// ignored without a word: the trace of the caller then ends here, and who looks for the
// rest of the trace finds nothing.
type watchedPropagator struct {
	propagation.TextMapPropagator
	logger *slog.Logger
	told   limiter
}

// watch returns p, watched if it reads the W3C's format.
func watch(p propagation.TextMapPropagator, logger *slog.Logger) propagation.TextMapPropagator {
	if !slices.Contains(p.Fields(), traceparent) {
		return p
	}
	return &watchedPropagator{TextMapPropagator: p, logger: logger}
}

// Extract implements [propagation.TextMapPropagator].
func (p *watchedPropagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	read := p.TextMapPropagator.Extract(ctx, carrier)
	header := traceparent
	value := carrier.Get(header)
	if value == "" {
		return read
	}
	// Equal too if the header was read before.
	sc := trace.SpanContextFromContext(read)
	if !sc.Equal(trace.SpanContextFromContext(ctx)) || sc.IsValid() && strings.Contains(value, sc.TraceID().String()) {
		header = tracestate
		value = carrier.Get(header)
		if value == "" || sc.TraceState().Len() > 0 {
			return read
		}
	}
	if left, ok := p.told.pass(); ok {
		p.logger.WarnContext(ctx, "a trace context that came in is malformed, and is ignored",
			"header", header, "value", text.Clean(value), "left_out", left)
	}
	return read
}
