// SPDX-License-Identifier: Apache-2.0

// Package diagnosis says what a diagnosis of a service is.
package diagnosis

import (
	"context"
	"time"
)

// The kinds that are no faults.
const (
	Healthy = "healthy"
	Unknown = "unknown" // something is wrong that has no name
)

// Verdict is what a diagnoser says of a service.
type Verdict struct {
	// Kind is Healthy, Unknown, or the name of a fault.
	Kind string
	// Part is where the cause is: caller, stage, pool, transport or backend. It is
	// empty for Healthy.
	Part string
	// Evidence proves it: ids of traces, or selectors of series.
	Evidence []string
	// Why says in a sentence what led there.
	Why string
}

// Diagnoser finds out what is wrong with a service from its telemetry alone. It is safe
// for concurrent use.
type Diagnoser interface {
	Diagnose(ctx context.Context, service string, begin, end time.Time) (Verdict, error)
}
