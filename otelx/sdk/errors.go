// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

// errorInterval is the least time between two logged errors.
const errorInterval = 10 * time.Second

// errorHandler is the process's handler of OpenTelemetry's errors, once
// something is exported.
var errorHandler handler

// handler logs errors, few of them: without a collector there is one for every
// batch.
type handler struct {
	set sync.Once

	mu     sync.Mutex // guards the rest
	logger *slog.Logger
	last   time.Time // when an error was logged
	left   int       // how many were left out since
}

// use makes h log to logger, and makes OpenTelemetry tell h.
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
	// Outside of the lock, as the logger may be one that reports errors here.
	logger.Warn("telemetry is not exported", "error", err, "left_out", left)
}
