// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"maps"
	"net"
	"slices"
	"sync"
)

// conns tracks the TCP connections of a server across its restarts.
type conns struct {
	mu       sync.Mutex
	open     []*trackedConn          // guarded by mu, oldest first
	byPeer   map[string]*trackedConn // those in open, by the client's address; guarded by mu
	accepted int                     // guarded by mu
}

// Connection is a TCP connection of a client, at the moment of a call of
// [Server.Connections].
type Connection struct {
	Peer     string         // host:port of the client
	Calls    map[string]int // calls received, by the name of the RPC; "" means all
	InFlight int            // calls being handled now
}

type trackedConn struct {
	net.Conn
	owner *conns
	peer  string

	mu       sync.Mutex
	calls    map[string]int // guarded by mu
	inFlight int            // guarded by mu
}

func (t *trackedConn) begin(method string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[method]++
	t.calls[""]++
	t.inFlight++
}

func (t *trackedConn) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
}

func (c *conns) track(conn net.Conn) *trackedConn {
	tracked := &trackedConn{Conn: conn, owner: c, peer: conn.RemoteAddr().String(), calls: make(map[string]int)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byPeer == nil {
		c.byPeer = make(map[string]*trackedConn)
	}
	c.byPeer[tracked.peer] = tracked
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
	if t.owner.byPeer[t.peer] == t {
		delete(t.owner.byPeer, t.peer)
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

// of returns the connection of the client at addr, nil if it is closed.
func (c *conns) of(addr string) *trackedConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byPeer[addr]
}

// cutPeer closes the connection of the client at addr.
func (c *conns) cutPeer(addr string) {
	if victim := c.of(addr); victim != nil {
		victim.Close()
	}
}

func (c *conns) list() []Connection {
	c.mu.Lock()
	open := slices.Clone(c.open)
	c.mu.Unlock()
	list := make([]Connection, len(open))
	for i, t := range open {
		t.mu.Lock()
		list[i] = Connection{t.peer, maps.Clone(t.calls), t.inFlight}
		t.mu.Unlock()
	}
	return list
}

func (c *conns) resetCalls() {
	c.mu.Lock()
	open := slices.Clone(c.open)
	c.mu.Unlock()
	for _, t := range open {
		t.mu.Lock()
		clear(t.calls)
		t.mu.Unlock()
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
