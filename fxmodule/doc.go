// SPDX-License-Identifier: Apache-2.0

// Package fxmodule wires Penstock into an fx application.
//
//	fx.New(
//		fxmodule.Module(),
//		fxmodule.Telemetry(),
//		fxmodule.Client[*Conn](),
//		fx.Provide(NewFactory), // of pool.Factory[*Conn]
//		fxmodule.AsMiddleware(NewAudit, fxmodule.After("retry")),
//		fx.Invoke(func(client *core.Client[*Conn]) { ... }),
//	)
//
// [Client] provides a *pool.Pool[C] and a *core.Client[C] for one type of
// connection; package milvusfx does it for Milvus. [Module] holds what all
// clients of the application share. [AsMiddleware] adds a stage of one's own.
//
// fx shuffles value groups on purpose, so the order of stages never depends on
// it: it comes from [Order] and from [Before] and [After] alone.
//
// Telemetry providers are taken, in this order, from the options
// [TracerProvider] and [MeterProvider], from the application's graph (as the
// interface or as the SDK's type), from [Telemetry], and from OpenTelemetry's
// globals.
//
// At start a client dials its pool, or not, as [StartMode] says. At stop each
// client drains within half of the time that is left, and telemetry is flushed
// last. Nothing here is needed to use Penstock without fx.
package fxmodule
