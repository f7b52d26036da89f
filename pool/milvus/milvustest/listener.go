// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"net"
	"slices"
	"sync"
)

// conns tracks the TCP connections of a server across its restarts.
type conns struct {
	mu       sync.Mutex
	open     []*trackedConn // guarded by mu, oldest first
	accepted int            // guarded by mu
}

type trackedConn struct {
	net.Conn
	owner *conns
}

func (c *conns) track(conn net.Conn) *trackedConn {
	tracked := &trackedConn{conn, c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted++
	c.open = append(c.open, tracked)
	return tracked
}

// Close closes the connection and stops tracking it.
func (t *trackedConn) Close() error {
	t.owner.mu.Lock()
	if i := slices.Index(t.owner.open, t); i >= 0 {
		t.owner.open = slices.Delete(t.owner.open, i, i+1)
	}
	t.owner.mu.Unlock()
	return t.Conn.Close()
}

// cut closes up to n connections, the oldest first; all of them if n is negative.
func (c *conns) cut(n int) int {
	c.mu.Lock()
	if n < 0 || n > len(c.open) {
		n = len(c.open)
	}
	victims := slices.Clone(c.open[:n])
	c.mu.Unlock()
	for _, v := range victims {
		v.Close()
	}
	return n
}

// cutPeer closes the connection of the client at addr.
func (c *conns) cutPeer(addr string) {
	c.mu.Lock()
	i := slices.IndexFunc(c.open, func(t *trackedConn) bool { return t.RemoteAddr().String() == addr })
	var victim *trackedConn
	if i >= 0 {
		victim = c.open[i]
	}
	c.mu.Unlock()
	if victim != nil {
		victim.Close()
	}
}

func (c *conns) counts() (open, accepted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.accepted
}

// handoff is the listener of one gRPC server. The accept loop hands connections
// to it. So a listener can be closed and replaced by the listener of another
// gRPC server, while the socket stays open.
type handoff struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newHandoff(addr net.Addr) *handoff {
	h := &handoff{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	h.close = sync.OnceFunc(func() { close(h.done) })
	return h
}

func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handoff) Addr() net.Addr { return h.addr }

func (h *handoff) Close() error {
	h.close()
	return nil
}
