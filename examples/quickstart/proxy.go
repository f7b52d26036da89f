// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"net"
	"sync"
)

// proxy is a TCP proxy in front of the backend that can be cut, so that the
// drill has an outage also when the backend is not ours to stop.
type proxy struct {
	backend  string
	listener net.Listener
	handlers sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	down  bool          // connections are refused
	held  chan struct{} // not nil: what the client sends is held back; closed by the first bytes
}

// controlFrames is more bytes than the transport sends when it only keeps a
// connection alive, and fewer than a search has.
const controlFrames = 64

// startProxy listens on a free port of the loopback interface.
func startProxy(backend string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{backend: backend, listener: listener, conns: map[net.Conn]struct{}{}}
	p.handlers.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.handlers.Go(func() { p.handle(conn) })
	}
}

func (p *proxy) handle(client net.Conn) {
	defer client.Close()
	if !p.add(client) {
		return
	}
	defer p.remove(client)
	server, err := net.Dial("tcp", p.backend)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.add(server) {
		return
	}
	defer p.remove(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	p.forward(server, client)
	_ = server.Close()
	<-done
}

// forward copies what the client sends to the server, unless it is held back.
func (p *proxy) forward(server, client net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 && !p.hold(n) {
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hold reports whether n bytes are to be held back. What is held is lost, so
// the connection is good for nothing but to be cut.
func (p *proxy) hold(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		return false
	}
	if n > controlFrames {
		select {
		case <-p.held:
		default:
			close(p.held)
		}
	}
	return true
}

// holdNext makes the proxy hold back what clients send, and returns a channel
// that is closed when a request has arrived.
func (p *proxy) holdNext() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(chan struct{})
	return p.held
}

// add keeps conn for cut, unless the proxy is down.
func (p *proxy) add(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.down {
		p.conns[conn] = struct{}{}
	}
	return !p.down
}

func (p *proxy) remove(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// cut ends all connections. If down, new ones end at once until restore.
func (p *proxy) cut(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	p.held = nil
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

func (p *proxy) close() error {
	err := p.listener.Close()
	p.cut(true)
	p.handlers.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
