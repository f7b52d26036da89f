// SPDX-License-Identifier: Apache-2.0

// Package penstock makes resilient, observable clients for any backend that is
// called over pooled connections.
//
// An operation passes a chain of stages (trace, breaker, retry, timeout, health
// gate) on its way to a connection, and everything that happens shows up as
// OpenTelemetry spans and metrics:
//
//	client, err := penstock.Open(ctx, penstock.Backend[*Conn]{
//		Factory:    Dialer{},  // Dial and Close; with a Ping, the client probes the backend
//		Classifier: classify,  // which errors speak against the backend
//		System:     "example", // what telemetry calls it
//	}, penstock.Config{
//		TracerProvider: otel.GetTracerProvider(),
//		MeterProvider:  otel.GetMeterProvider(),
//	})
//	if err != nil {
//		return err
//	}
//	defer client.Close(ctx)
//
//	var get = core.Op{Name: "Get", Safety: core.ReadOnly} // once, as a package variable
//
//	value, err := core.Do(ctx, client, get, func(ctx context.Context, conn *Conn) (string, error) {
//		return conn.Get(ctx, "key")
//	})
//
// The example of this package and examples/without-fx are whole programs.
//
// # Where to go on
//
//   - package core: operations, [core.Do] and its asynchronous twin [core.Go],
//     what an error means, and how to write a middleware of one's own
//   - package middleware: the stages, their order, and their settings
//   - package pool: how connections are lent, checked and replaced
//   - package pool/milvus: the client for Milvus
//   - package fxmodule: all of it in an application of go.uber.org/fx
//   - package otelx: what is emitted; otelx/sdk sets OpenTelemetry up from the
//     OTEL_* environment
//   - docs/own-backend.md in the repository: from an empty module to a client for
//     a backend of one's own, in fifteen minutes
package penstock
