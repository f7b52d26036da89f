// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

// errorInterval is the shortest time between two logged errors.
const errorInterval = 10 * time.Second

// errorHandler handles the errors of OpenTelemetry in this process, from the first
// Setup that exports something.
var errorHandler handler

// handler logs at most one error in each errorInterval: without a collector there
// is an error for every batch.
type handler struct {
	set sync.Once

	mu     sync.Mutex // guards the fields below
	logger *slog.Logger
	last   time.Time // time of the last logged error
	left   int       // errors since then, which were not logged
}

// use makes h log to logger, and makes h the error handler of OpenTelemetry.
func (h *handler) use(logger *slog.Logger) {
	h.mu.Lock()
	h.logger = logger
	h.mu.Unlock()
	h.set.Do(func() { otel.SetErrorHandler(h) })
}

// Handle implements [otel.ErrorHandler].
func (h *handler) Handle(err error) {
	h.mu.Lock()
	now := time.Now()
	if !h.last.IsZero() && now.Sub(h.last) < errorInterval {
		h.left++
		h.mu.Unlock()
		return
	}
	logger, left := h.logger, h.left
	h.last, h.left = now, 0
	h.mu.Unlock()
	// Without the lock, because the logger may be one that reports its own errors
	// to this handler.
	logger.Warn("telemetry is not exported", "error", err, "left_out", left)
}
