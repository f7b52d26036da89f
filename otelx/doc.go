// SPDX-License-Identifier: Apache-2.0

// Package otelx turns what Penstock does into OpenTelemetry spans and metrics.
//
// An [Observer] is made of the application's providers and given to the client
// and its pool:
//
//	observer, err := otelx.NewObserver(
//		otelx.WithTracerProvider(tp),
//		otelx.WithMeterProvider(mp),
//		otelx.WithSystem("milvus"),
//		otelx.WithServer("milvus.internal", 19530),
//	)
//
// Each operation becomes one CLIENT span and one measurement of
// db.client.operation.duration, with all its attempts inside. What goes wrong
// on the way explains itself on that span: retries as events, further attempts
// and waits for a connection as child spans, a rejection by an open circuit
// breaker as a link to the span that opened it. Every name is a constant of
// this package; docs/telemetry.md is the reference.
//
// The package uses the OpenTelemetry API only and never its global providers:
// a provider that is not given is none. Package sdk sets up real ones from the
// environment.
package otelx
