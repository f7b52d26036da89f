// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// startEvidence starts a span as evidence is written: below a remote parent whose
// sampled flag is set. It returns the span and its parent.
func startEvidence(tracer trace.Tracer, kvs ...attribute.KeyValue) (span trace.Span, parent trace.SpanContext) {
	state, _ := trace.ParseTraceState("rojo=00f067aa0ba902b7")
	parent = trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID{15: 1},
		SpanID:     trace.SpanID{7: 1},
		TraceFlags: trace.FlagsSampled,
		TraceState: state,
		Remote:     true,
	})
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), parent)
	_, span = tracer.Start(ctx, "Search docs", trace.WithAttributes(kvs...))
	span.End()
	return span, parent
}

var failed = attribute.String("penstock.evidence", "failed")

func TestTheEvidenceSamplerTakesEvidenceAndAsksItsBaseElse(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(spans),
		sdktrace.WithSampler(sdk.EvidenceSampler(sdktrace.TraceIDRatioBased(0))),
	).Tracer("test")

	if span, _ := startEvidence(tracer); span.IsRecording() || span.SpanContext().IsSampled() || len(spans.Ended()) != 0 {
		t.Error("a span without evidence was sampled, want what the base says")
	}
	span, parent := startEvidence(tracer, attribute.Int("first", 1), failed)
	if got := span.SpanContext(); !got.IsSampled() || got.TraceID() != parent.TraceID() || got.TraceState().String() != parent.TraceState().String() {
		t.Errorf("evidence has the span context %+v, want it sampled and in the trace of %+v", got, parent)
	}
	if len(spans.Ended()) != 1 {
		t.Errorf("%d spans were recorded, want the evidence", len(spans.Ended()))
	}
	all := sdk.EvidenceSampler(sdktrace.AlwaysSample())
	if all.Description() != "EvidenceSampler{AlwaysOnSampler}" {
		t.Errorf("Description = %s", all.Description())
	}
}

func TestEvidenceIsSampledWithEachSamplerButOff(t *testing.T) {
	for sampler, want := range map[string]bool{
		"":                         true,
		"always_on":                true,
		"always_off":               false,
		"traceidratio":             true,
		"TraceIDRatio ":            true,
		"parentbased_always_on":    true,
		"parentbased_always_off":   true,
		"parentbased_traceidratio": true,
	} {
		t.Run(sampler, func(t *testing.T) {
			setenv(t, map[string]string{"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0"})
			spans := tracetest.NewSpanRecorder()
			s := setup(t, sdk.Config{SpanProcessors: []sdktrace.SpanProcessor{spans}})
			tracer := s.TracerProvider().Tracer("test")
			if span, _ := startEvidence(tracer, failed); span.SpanContext().IsSampled() != want {
				t.Errorf("evidence is sampled = %v, want %v", !want, want)
			}
			// A root is the sampler's own decision.
			_, root := tracer.Start(t.Context(), "Search docs")
			if on := sampler == "" || sampler == "always_on" || sampler == "parentbased_always_on"; root.SpanContext().IsSampled() != on {
				t.Errorf("a root is sampled = %v, want %v", !on, on)
			}
		})
	}
}
