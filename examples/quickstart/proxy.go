// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"net"
	"sync"
)

// proxy is a TCP proxy in front of the backend. It makes the outage of the drill,
// because the program cannot stop a real backend.
type proxy struct {
	backend  string
	listener net.Listener
	handlers sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	down  bool          // connections are refused
	held  chan struct{} // closed by the first request that is held back; nil holds nothing back
}

// controlFrames is more bytes than a keepalive of the transport has, and fewer than
// a search has.
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

// forward copies the client's bytes to the server, unless hold holds them back.
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

// hold reports whether to hold back n bytes. They are lost, so the connection must be
// cut afterwards.
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

// holdNext makes the proxy hold back the bytes of clients. The returned channel is
// closed when a request has arrived.
func (p *proxy) holdNext() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(chan struct{})
	return p.held
}

// add registers conn for cut. It reports false if the proxy is down.
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

// cut closes all connections. With down, the proxy closes new connections at once
// until restore.
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
