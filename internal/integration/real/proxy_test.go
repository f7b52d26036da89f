// SPDX-License-Identifier: Apache-2.0

package real

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands in front of a server, as one of several nodes. It can be stopped and
// started again at the same address, hang, and be slow.
type proxy struct {
	t        *testing.T
	to, addr string

	mu       sync.Mutex
	listener net.Listener // nil while stopped
	conns    map[net.Conn]struct{}
	later    time.Duration // how much later the server gets what is sent
	free     chan struct{} // closed while the proxy does not hang
	running  sync.WaitGroup
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{t: t, to: to, addr: "127.0.0.1:0", conns: map[net.Conn]struct{}{}, free: make(chan struct{})}
	close(p.free)
	p.start()
	t.Cleanup(func() {
		p.stop()
		p.setHang(false)
		p.running.Wait()
	})
	return p
}

func (p *proxy) start() {
	p.t.Helper()
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.listener, p.addr = l, l.Addr().String()
	p.mu.Unlock()
	p.running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", p.to)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			if p.listener != l { // stopped meanwhile
				p.mu.Unlock()
				in.Close()
				out.Close()
				return
			}
			p.conns[in], p.conns[out] = struct{}{}, struct{}{}
			p.mu.Unlock()
			p.running.Go(func() { p.pass(out, in, true) })
			p.running.Go(func() { p.pass(in, out, false) })
		}
	})
}

// stop resets all connections and refuses new ones.
func (p *proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return
	}
	p.listener.Close()
	p.listener = nil
	for c := range p.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// setLater makes each request reach the server that much later.
func (p *proxy) setLater(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.later = d
}

// setHang holds all requests back, or lets them go.
func (p *proxy) setHang(hang bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.free:
		if hang {
			p.free = make(chan struct{})
		}
	default:
		if !hang {
			close(p.free)
		}
	}
}

func (p *proxy) state() (later time.Duration, free chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.later, p.free
}

// packet is what was read at once, and when to pass it on.
type packet struct {
	data []byte
	due  time.Time
}

// pass passes on what from sends. Only requests are held up: later ones do not wait for
// more than they have to, as each has its own time.
func (p *proxy) pass(to, from net.Conn, requests bool) {
	packets := make(chan packet, 1024)
	p.running.Go(func() {
		defer to.Close()
		for next := range packets {
			if requests {
				_, free := p.state()
				<-free
				if wait := time.Until(next.due); wait > 0 {
					<-time.After(wait)
				}
			}
			_, _ = to.Write(next.data) // an error ends the reading too: the connection is closed
		}
	})
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			later, _ := p.state()
			packets <- packet{append([]byte(nil), buffer[:n]...), time.Now().Add(later)}
		}
		if err != nil {
			break
		}
	}
	close(packets)
	from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
}
