// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// The operations of a client are declared once.
var (
	Search = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly, Timeout: 2 * time.Second}
	Upsert = core.Op{Name: "Upsert", Target: "docs", Safety: core.Idempotent}
	Insert = core.Op{Name: "Insert", Target: "docs"} // unsafe
)

// Reads returns a chain that repeats operations soon and often.
func Reads() middleware.Config {
	return middleware.Config{
		Retry: retry.Config{MaxRetries: 3, Interval: 50 * time.Millisecond, MaxInterval: time.Second},
		Ops:   []core.Op{Search},
	}
}

// Writes returns a chain with long attempts and a limit for the operation.
func Writes() middleware.Config {
	return middleware.Config{
		OperationTimeout: time.Minute,
		Timeout:          timeout.Config{Attempt: 15 * time.Second},
		Retry:            retry.Config{MaxRetries: 2},
		Ops:              []core.Op{Upsert, Insert},
	}
}

// Batch returns a chain whose operations outlast a restart of the backend.
func Batch() middleware.Config {
	return middleware.Config{
		OperationTimeout: 10 * time.Minute,
		Timeout:          timeout.Config{Attempt: time.Minute},
		Breaker:          breaker.Config{RecoveryTimeout: time.Minute},
		Retry:            retry.Config{MaxRetries: 5, Interval: 2 * time.Second, MaxInterval: 30 * time.Second},
	}
}

// StrictLatency returns a chain that answers within half a second, with a result
// or an error.
func StrictLatency() middleware.Config {
	return middleware.Config{
		OperationTimeout: 500 * time.Millisecond,
		Timeout:          timeout.Config{Attempt: 200 * time.Millisecond},
		Breaker:          breaker.Config{FairRun: 50 * time.Millisecond},
		Retry:            retry.Config{MaxRetries: 1, Interval: 20 * time.Millisecond, MaxInterval: 20 * time.Millisecond},
	}
}

// Backends returns the chains of two clients of one backend, and of one client
// of another.
func Backends() (readers, writers, archive middleware.Config) {
	readers, writers, archive = Reads(), Writes(), Reads()
	// A budget belongs to a backend: all clients of the backend share it.
	budget, err := core.NewBudget(0.1, 10)
	if err != nil {
		panic(err) // the numbers are in range
	}
	readers.Name, readers.Retry.Budget = "milvus", budget
	writers.Name, writers.Retry.Budget = "milvus", budget
	archive.Name = "archive"
	return readers, writers, archive
}

// Rough returns a chain for tests: one search in ten fails, one in a hundred
// hangs.
func Rough() middleware.Config {
	cfg := Reads()
	cfg.Chaos = &chaos.Config{Faults: []chaos.Fault{
		{Share: 0.1, Ops: []string{"Search"}, Err: errors.New("connection reset")},
		{Share: 0.01, Ops: []string{"Search"}, Hang: true},
	}}
	return cfg
}
