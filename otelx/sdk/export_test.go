// SPDX-License-Identifier: Apache-2.0

package sdk

import "log/slog"

// NewErrorHandler returns a handler of its own, which is not the process's.
func NewErrorHandler(logger *slog.Logger) interface{ Handle(error) } {
	h := &handler{}
	h.logger.Store(logger)
	return h
}

// ForgetErrors makes the process's handler log the next error.
func ForgetErrors() { errorHandler.forget() }
