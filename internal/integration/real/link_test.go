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

const mtu = 1500 // bytes, as on an Ethernet

// A link carries packets one after the other, so many bytes in a second. Whoever waits
// longest is next, so that connections share it packet by packet.
type link struct {
	turn      chan struct{} // has one while nobody sends
	perSecond int
	free      time.Time // when all that was sent has passed; of whoever has the turn
}

// pass waits until n bytes have passed. A timer may be a millisecond late, so it waits
// only once the link is a millisecond behind.
func (l *link) pass(ctx context.Context, n int) {
	<-l.turn
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(l.perSecond))
	if behind := l.free.Sub(now); behind > time.Millisecond {
		select {
		case <-time.After(behind):
		case <-ctx.Done():
		}
	}
	l.turn <- struct{}{}
}

// narrowLink is a proxy in front of a server, over which all connections together send
// so many bytes in a second to the server. What waits for the link is in the buffers of
// its connection, which the kernel sizes. It returns its address, and ends with the test.
func narrowLink(t *testing.T, server string, perSecond int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var (
		running sync.WaitGroup
		narrow  = &link{turn: make(chan struct{}, 1), perSecond: perSecond}
	)
	t.Cleanup(func() {
		cancel()
		l.Close()
		running.Wait()
	})
	narrow.turn <- struct{}{}
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { carry(ctx, client, server, narrow) })
		}
	})
	return l.Addr().String()
}

// carry carries one connection until either side or ctx ends it.
func carry(ctx context.Context, client net.Conn, server string, narrow *link) {
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
	buffer := make([]byte, mtu)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			narrow.pass(ctx, n)
			if _, err := back.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
