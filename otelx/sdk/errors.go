// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
)

// errorInterval is the shortest time between two records of one kind.
const errorInterval = 10 * time.Second

// limiter lets one event in each errorInterval pass: without a collector there is an
// error for every batch. The zero value is ready to use.
type limiter struct {
	mu   sync.Mutex // guards the fields below
	last time.Time  // time of the last event that passed
	left int        // events since then, which did not pass
}

// pass reports whether an event passes, and how many did not since the last one.
func (l *limiter) pass() (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if !l.last.IsZero() && now.Sub(l.last) < errorInterval {
		l.left++
		return 0, false
	}
	left = l.left
	l.last, l.left = now, 0
	return left, true
}

// forget makes l let the next event pass.
func (l *limiter) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.left = time.Time{}, 0
}

// errorHandler handles the errors of OpenTelemetry in this process, from the first
// Setup that exports something.
var errorHandler handler

// handler logs at most one error in each errorInterval.
type handler struct {
	set    sync.Once
	logger atomic.Pointer[slog.Logger]
	limiter
}

// use makes h log to logger, and makes h the error handler of OpenTelemetry.
func (h *handler) use(logger *slog.Logger) {
	h.logger.Store(logger)
	h.set.Do(func() { otel.SetErrorHandler(h) })
}

// Handle implements [otel.ErrorHandler].
func (h *handler) Handle(err error) {
	// No lock is held while the logger is called, because the logger may be one that
	// reports its own errors to this handler.
	if left, ok := h.pass(); ok {
		h.logger.Load().Warn("OpenTelemetry reports an error, telemetry may be lost", "error", err, "left_out", left)
	}
}
