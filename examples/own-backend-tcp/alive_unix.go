// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"net"
	"syscall"
)

// silent reports whether an idle connection is open and has nothing to read. It
// tries to read one byte, which takes a microsecond and does not wait: the end of
// the stream, an error, or a byte that nobody asked for means that the connection
// is of no use.
func silent(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return true // no socket, or TLS on top of one: it cannot tell
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Read(func(fd uintptr) bool {
		n, err := syscall.Read(int(fd), make([]byte, 1))
		open = n < 0 && err == syscall.EAGAIN
		return true // done: do not wait for something to read
	})
	return err == nil && open
}
