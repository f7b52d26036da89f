// SPDX-License-Identifier: Apache-2.0

// Package otelx turns what Penstock does into OpenTelemetry spans and metrics.
//
// Package penstock makes the [Observer] of a client from the providers in its
// Config. A program that builds its client from the packages below makes an
// Observer itself, and gives it to the client and to the pool:
//
//	observer, err := otelx.NewObserver(
//		otelx.WithTracerProvider(tp),
//		otelx.WithMeterProvider(mp),
//		otelx.WithSystem("postgresql"),
//		otelx.WithServer("db.internal", 5432),
//		otelx.WithDefaultPort(5432),
//	)
//
// Each operation becomes one CLIENT span and one measurement of
// db.client.operation.duration, with all its attempts inside. The span shows what
// went wrong: a retry is an event, a further attempt and a wait for a connection
// are child spans, and a rejection by an open circuit breaker is a link to the
// span that opened the breaker. docs/telemetry.md lists every name.
//
// The package uses the OpenTelemetry API only, and never its global providers: a
// signal without a provider is not emitted. Package sdk makes providers from the
// environment.
package otelx
