// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
)

func TestClassify(t *testing.T) {
	for _, row := range []struct {
		err  error
		want core.Class
	}{
		{ErrNotFound, core.Answered("not_found")},
		{&BusyError{time.Second}, core.Busy("rate_limited", time.Second)},
		{ErrDenied, core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Broken}},
		{io.EOF, core.DeadConn("connection_lost")},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, core.DeadConn("connection_lost")},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, core.DeadConn("connection_lost")},
		{errors.New("unknown"), core.Class{}},
	} {
		if got := classify(fmt.Errorf("wrapped: %w", row.err)); got != row.want {
			t.Errorf("classify(%v) = %+v, want %+v", row.err, got, row.want)
		}
	}
}
