// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"io"
	"net"
	"sync"
)

// wire carries TCP connections to a server, as the network does. It can refuse new
// connections, and it can swallow everything.
type wire struct {
	addr, to string
	pipes    sync.WaitGroup

	mu     sync.Mutex
	lis    net.Listener          // guarded by mu; nil while the wire refuses
	open   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
	// swallows is closed when the wire does not swallow, and replaced when it begins to.
	swallows chan struct{} // guarded by mu
	ended    chan struct{} // closed by close
}

func newWire(to string) (*wire, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{
		addr: lis.Addr().String(), to: to, lis: lis, open: map[net.Conn]struct{}{},
		swallows: make(chan struct{}), ended: make(chan struct{}),
	}
	close(w.swallows)
	w.pipes.Go(func() { w.accept(lis) })
	return w, nil
}

func (w *wire) accept(lis net.Listener) {
	for {
		near, err := lis.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // the client left before it was accepted
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			near.Close() // as a load balancer does whose server is gone
			continue
		}
		if !w.keep(near, far) {
			return
		}
		w.pipes.Go(func() { w.carry(near, far) })
		w.pipes.Go(func() { w.carry(far, near) })
	}
}

// keep notes two connections for close. It reports false if the wire is closed.
func (w *wire) keep(near, far net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		near.Close()
		far.Close()
		return false
	}
	w.open[near], w.open[far] = struct{}{}, struct{}{}
	return true
}

// carry copies from one connection to the other until one of them ends.
func (w *wire) carry(from, to net.Conn) {
	defer func() {
		from.Close()
		to.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, from)
		delete(w.open, to)
	}()
	_, _ = io.Copy(&gated{to, w}, from) // an error is the end of the connection
}

// gated writes to a connection while its wire does not swallow.
type gated struct {
	to   io.Writer
	wire *wire
}

func (g *gated) Write(b []byte) (int, error) {
	g.wire.mu.Lock()
	swallows := g.wire.swallows
	g.wire.mu.Unlock()
	select {
	case <-swallows:
		return g.to.Write(b)
	case <-g.wire.ended:
		return 0, net.ErrClosed
	}
}

// refuse makes the system refuse new connections. Open ones go on.
func (w *wire) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lis != nil {
		w.lis.Close()
		w.lis = nil
	}
}

// swallow keeps everything that is sent, in both directions. New connections are
// accepted, and get no answer. It lasts until close.
func (w *wire) swallow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.swallows = make(chan struct{})
}

// close closes every connection, and returns when nothing is carried any more.
func (w *wire) close() {
	w.refuse()
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.ended)
	}
	for c := range w.open {
		c.Close()
	}
	w.mu.Unlock()
	w.pipes.Wait()
}
