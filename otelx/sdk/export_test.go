// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"log/slog"
	"time"
)

// NewErrorHandler returns a handler of its own, which is not the process's.
func NewErrorHandler(logger *slog.Logger) interface{ Handle(error) } {
	return &handler{logger: logger}
}

// ForgetErrors makes the process's handler log the next error.
func ForgetErrors() {
	errorHandler.mu.Lock()
	defer errorHandler.mu.Unlock()
	errorHandler.last, errorHandler.left = time.Time{}, 0
}
