// SPDX-License-Identifier: Apache-2.0

// Package otelxtest tests telemetry: what package otelx emits, and what an
// application emits beside it.
//
// [Check] compares spans and metrics with the contract in docs/registry: names,
// types, units, instruments, required attributes, and values that must not be
// unbounded. It reports whatever differs. An application adds a registry of its own
// with [Config].
//
//	spans, reader := tracetest.NewSpanRecorder(), metric.NewManualReader()
//	// ... providers with both, a client with the providers, some operations ...
//	var metrics metricdata.ResourceMetrics
//	_ = reader.Collect(ctx, &metrics)
//	otelxtest.Check(t, otelxtest.Config{}, spans.Ended(), metrics)
//
// [AssertSpan] and [AssertMetric] look for a span or a series. Their failure shows
// the spans or the series that there are. [Tree] writes spans as text, for failures
// and for golden files. A [Collector] receives OTLP from a program under test.
//
// The package is for tests and demonstrations. It links the OpenTelemetry SDK, gRPC and a
// YAML parser, so a program in production should not import it.
package otelxtest
