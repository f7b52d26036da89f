// SPDX-License-Identifier: Apache-2.0

// Package lab makes services with a fault, so that a diagnosis from their telemetry
// can be tried.
//
// A service is a small program of this process: a client of Penstock with its chain,
// a Milvus server of its own behind a wire that can be cut, an OpenTelemetry SDK of its
// own, and a load of some thirty requests a second. For a while it is healthy. Then its
// scenario breaks one thing, and the load goes on. The name of the service says nothing
// of its fault.
//
//	results, err := lab.Run(ctx, lab.Plan(lab.Kinds(), 1, 5), lab.Options{OTLP: jaeger, Targets: targets, Ratio: 0.01})
//
// A seed decides the load, the names, the limits and what is injected. The clock and
// the scheduler are real, so two runs of a seed are alike and not equal.
//
// To add a scenario, write a function that takes a [*Service] and returns what breaks
// it, and add a row to the table in scenarios.go. The held-out faults, for which no rule
// is written, are in files of their own.
package lab
