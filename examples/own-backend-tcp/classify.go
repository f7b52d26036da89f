// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"syscall"

	"github.com/penstock-go/penstock/core"
)

// classify says what an error of the server, or of the connection to it, means.
func classify(err error) core.Class {
	if busy, ok := errors.AsType[*BusyError](err); ok {
		return core.Busy("rate_limited", busy.After)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return core.Answered("not_found")
	case errors.Is(err, ErrDenied): // not the server's fault, and not better next time
		return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Broken}
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return core.DeadConn("connection_lost")
	}
	return core.Class{} // unknown: the cautious reading
}
