// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

const chunk = 16 << 10 // about a frame of gRPC

// narrowLink is a proxy in front of a server, over which all connections together send
// so many bytes in a second to the server, in turns of a chunk, as over a network. What
// waits for the link is in the buffers of its connection, which the kernel sizes. It
// returns its address, and ends with the test.
func narrowLink(t *testing.T, server string, perSecond int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var (
		running sync.WaitGroup
		turns   = make(chan struct{}, 1) // has one while the link is free
	)
	t.Cleanup(func() {
		cancel()
		l.Close()
		running.Wait()
	})
	turns <- struct{}{}
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { carry(ctx, client, server, turns, perSecond) })
		}
	})
	return l.Addr().String()
}

// carry carries one connection until either side or ctx ends it.
func carry(ctx context.Context, client net.Conn, server string, turns chan struct{}, perSecond int) {
	defer client.Close()
	back, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer back.Close()
	stop := context.AfterFunc(ctx, func() { client.Close(); back.Close() })
	defer stop()
	var answers sync.WaitGroup
	defer answers.Wait()
	defer back.Close()
	answers.Go(func() {
		_, _ = io.Copy(client, back)
		client.Close()
	})
	buffer := make([]byte, chunk)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			<-turns
			select {
			case <-time.After(time.Duration(n) * time.Second / time.Duration(perSecond)):
			case <-ctx.Done():
			}
			turns <- struct{}{}
			if _, err := back.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
