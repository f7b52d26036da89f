// SPDX-License-Identifier: Apache-2.0

package otelxtest_test

import (
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/otelx/otelxtest"
)

func TestTelemetryKeepsTheContract(t *testing.T) {
	spans, metrics := emitted() // of a tracetest.SpanRecorder and an sdkmetric.ManualReader
	cfg := otelxtest.Config{Allow: []string{"app.*"}}
	otelxtest.Check(t, cfg, spans, metrics)
	otelxtest.AssertSpan(t, spans, otelxtest.Span{Name: "Get docs", Kind: trace.SpanKindClient})
	otelxtest.AssertMetric(t, metrics, otelxtest.Metric{Name: "db.client.operation.duration", Value: 1})
}
