// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/otelx"
)

// remoteSpan returns a context with a current span of these flags and tracestate.
func remoteSpan(t *testing.T, flags trace.TraceFlags, state string) context.Context {
	t.Helper()
	ts, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags, TraceState: ts,
	}))
}

const injected = "00-01000000000000000000000000000000-0200000000000000-01"

func TestInjectTellsASampledSpanToAnyCarrier(t *testing.T) {
	headers, md := http.Header{}, map[string][]string{"traceparent": {"stale", "staler"}, "other": {"kept"}}
	ctx := remoteSpan(t, trace.FlagsSampled, "vendor=1")
	otelx.Inject(ctx, propagation.HeaderCarrier(headers))
	otelx.Inject(ctx, otelx.MetadataCarrier(md))
	if got := headers.Get("Traceparent"); got != injected {
		t.Errorf("traceparent = %q, want %q", got, injected)
	}
	if got := headers.Get("Tracestate"); got != "vendor=1" {
		t.Errorf("tracestate = %q", got)
	}
	if got := md["traceparent"]; !slices.Equal(got, []string{injected}) {
		t.Errorf("the metadata has %q", got)
	}
	carrier := otelx.MetadataCarrier(md)
	keys := carrier.Keys()
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"other", "traceparent", "tracestate"}) || carrier.Get("tracestate") != "vendor=1" || carrier.Get("none") != "" {
		t.Errorf("the carrier has %q, %q", keys, carrier.Get("tracestate"))
	}
}

func TestInjectSetsNothingForASpanThatIsNotSampled(t *testing.T) {
	headers := http.Header{}
	for _, ctx := range []context.Context{t.Context(), remoteSpan(t, 0, "vendor=1")} {
		carrier := propagation.TextMapCarrier(propagation.HeaderCarrier(headers))
		if n := testing.AllocsPerRun(100, func() { otelx.Inject(ctx, carrier) }); n > 0 || len(headers) > 0 {
			t.Errorf("%v allocations, headers %v, want none", n, headers)
		}
	}
}

func TestInjectLeavesOutATracestateThatIsTooLong(t *testing.T) {
	headers := http.Header{}
	long := "a=" + strings.Repeat("x", 256) + ",b=" + strings.Repeat("y", 256)
	otelx.Inject(remoteSpan(t, trace.FlagsSampled, long), propagation.HeaderCarrier(headers))
	if headers.Get("Traceparent") != injected || headers.Get("Tracestate") != "" {
		t.Errorf("headers %v, want traceparent alone", headers)
	}
}
