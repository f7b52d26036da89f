// SPDX-License-Identifier: Apache-2.0

// Package fxmodule wires Penstock into an fx application.
//
//	fx.New(
//		fxmodule.Module(),
//		fxmodule.Telemetry(),
//		fxmodule.Client[*Conn](),
//		fx.Supply(penstock.Backend[*Conn]{Factory: Dialer{}, Classifier: classify}),
//		fxmodule.AsMiddleware(NewAudit, fxmodule.After("retry")),
//		fx.Invoke(func(client *penstock.Client[*Conn]) { ... }),
//	)
//
// [Client] provides a client, and its pool, of one type of connection; package
// milvusfx does so for Milvus, and package pool/milvusv2/milvusv2fx for the current SDK
// of Milvus. [Module] sets what all clients of the application share. [AsMiddleware]
// adds a stage of the application's own.
//
// The order of the stages comes from [Order], [Before] and [After] alone: fx
// shuffles value groups, and Penstock does not rely on their order.
//
// A client takes its telemetry providers from the first of these that has one: the
// option [Config], the application's graph (as the
// interface or as the type of the SDK), [Telemetry], and OpenTelemetry's globals.
//
// [StartMode] says whether a client dials when the application starts. When the
// application stops, each client drains within its share of the remaining time. A client
// flushes no telemetry: [Telemetry] flushes once, as it shuts down after all clients,
// and a provider of the application's own is shut down by the application.
//
// [Ready] is the readiness of all clients, for an HTTP server. [FromFile] configures the
// clients from a file, and applies the file again when it changes.
//
// Wiring that fx would ignore is an error: a stage [For] a client that does not exist,
// a penstock.Backend or a configuration that no client takes, a pointer to either.
// An error names the client and the remedy first. [Explain] takes the frames off the
// errors that fx makes itself, and [WithLogger] logs them so.
//
// An application without fx uses package penstock in the same way. docs/fx.md in the
// repository has all of this on one page.
package fxmodule
