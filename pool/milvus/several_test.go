// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// proxy passes connections on to a server, and can be stopped and started again at the
// same address.
type proxy struct {
	t        *testing.T
	to, addr string

	mu    sync.Mutex
	l     net.Listener // nil while stopped
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

func newProxy(t *testing.T, to string) *proxy {
	p := &proxy{t: t, to: to, addr: "127.0.0.1:0", conns: map[net.Conn]struct{}{}}
	p.start()
	t.Cleanup(func() { p.stop(); p.wg.Wait() })
	return p
}

func (p *proxy) start() {
	p.t.Helper()
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.l, p.addr = l, l.Addr().String()
	p.mu.Unlock()
	p.wg.Go(func() {
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
			if p.l != l { // stopped meanwhile
				p.mu.Unlock()
				in.Close()
				out.Close()
				return
			}
			p.conns[in], p.conns[out] = struct{}{}, struct{}{}
			p.mu.Unlock()
			p.wg.Go(func() { p.copy(in, out) })
			p.wg.Go(func() { p.copy(out, in) })
		}
	})
}

func (p *proxy) copy(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
	delete(p.conns, to)
}

// stop resets all connections and refuses new ones.
func (p *proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.l == nil {
		return
	}
	p.l.Close()
	p.l = nil
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

func TestProxiesThatRestartInTurnFailNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 operations")
	}
	const (
		callers  = 64
		restarts = 10
		wanted   = 100_000
	)
	srv := start(t, milvustest.Config{})
	proxies := []*proxy{newProxy(t, srv.Addr()), newProxy(t, srv.Addr())}
	var (
		mu    sync.Mutex
		heard = map[string]chan endpoint.State{}
	)
	for _, p := range proxies {
		heard[p.addr] = make(chan endpoint.State, 100)
	}
	backend, err := milvus.Config{Addresses: []string{proxies[0].addr, proxies[1].addr}}.Backend()
	if err != nil {
		t.Fatal(err)
	}
	backend.Endpoints.OnChange = func(_ context.Context, c endpoint.Change) {
		mu.Lock()
		defer mu.Unlock()
		heard[c.Address] <- c.To
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := penstock.Open(ctx, backend, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(ctx))

	var (
		stop         atomic.Bool
		done, failed atomic.Int64
		wg           sync.WaitGroup
		first        sync.Once
		version      = core.Op{Name: "GetVersion", Safety: core.ReadOnly}
		wait         = func(p *proxy, want endpoint.State) {
			for failed.Load() == 0 {
				select {
				case got := <-heard[p.addr]:
					if got == want {
						return
					}
				case <-ctx.Done():
					t.Fatalf("%s did not become %s: %+v", p.addr, want, c.Endpoints())
				}
			}
		}
	)
	for range callers {
		wg.Go(func() {
			for !stop.Load() && failed.Load() == 0 {
				_, err := core.Do(ctx, c, version, func(ctx context.Context, conn *milvus.Conn) (string, error) { return conn.GetVersion(ctx) })
				done.Add(1)
				if err != nil {
					failed.Add(1)
					first.Do(func() { t.Errorf("Do = %v, want nil", err) })
				}
			}
		})
	}
	// The budget of retries begins with ten, and saves up a hundred.
	for done.Load() < wanted/20 && failed.Load() == 0 {
		if _, err := core.Do(ctx, c, version, func(ctx context.Context, conn *milvus.Conn) (string, error) { return conn.GetVersion(ctx) }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range restarts {
		p := proxies[i%2]
		p.stop()
		wait(p, endpoint.Ejected)
		p.start()
		wait(p, endpoint.In)
	}
	for done.Load() < wanted && failed.Load() == 0 {
		if _, err := core.Do(ctx, c, version, func(ctx context.Context, conn *milvus.Conn) (string, error) { return conn.GetVersion(ctx) }); err != nil {
			break
		}
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d restarts under %d callers: %d of %d operations failed", restarts, callers, failed.Load(), done.Load())
	if failed.Load() > 0 || done.Load() < wanted {
		t.Errorf("%d of %d operations failed, want none of %d", failed.Load(), done.Load(), wanted)
	}
}

func TestAWriteThroughOneEndpointIsReadThroughTheOther(t *testing.T) {
	srv := start(t, milvustest.Config{})
	one, other := newProxy(t, srv.Addr()), newProxy(t, srv.Addr())
	c, err := milvus.Open(t.Context(), milvus.Config{Addresses: []string{one.addr, other.addr}, Lanes: lane.ReadWrite()}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if c.Pool() != nil || len(c.PoolStats()) != 2 || len(c.Endpoints()) != 2 {
		t.Errorf("Pool %v, PoolStats %v, Endpoints %v; want two lanes with two endpoints each", c.Pool(), c.PoolStats(), c.Endpoints())
	}
	for name := range c.PoolStats() {
		if !strings.HasSuffix(name, "/default/read") && !strings.HasSuffix(name, "/default/write") {
			t.Errorf("a pool is called %q, want the name of its lane at the end", name)
		}
	}
	do := func(op core.Op, fn func(context.Context, *milvus.Conn) error) {
		t.Helper()
		if _, err := core.Do(t.Context(), c, op, func(ctx context.Context, conn *milvus.Conn) (int, error) { return 0, fn(ctx, conn) }); err != nil {
			t.Fatal(err)
		}
	}
	do(core.Op{Name: "Setup"}, func(_ context.Context, conn *milvus.Conn) error {
		createDocs(t, conn, "v")
		loadDocs(t, conn, "v")
		return nil
	})
	for id := range int64(20) {
		do(core.Op{Name: "Insert"}, func(ctx context.Context, conn *milvus.Conn) error { return insert(ctx, conn, "v", id) })
		do(core.Op{Name: "Search", Safety: core.ReadOnly}, func(ctx context.Context, conn *milvus.Conn) error {
			_, err := search(ctx, conn, "v", 1)
			return err
		})
	}
}

func TestSharedPoolsOfASetOfAddresses(t *testing.T) {
	srv := start(t, milvustest.Config{})
	a, b := newProxy(t, srv.Addr()), newProxy(t, srv.Addr())
	one, err := milvus.Shared(milvus.Config{Addresses: []string{a.addr, b.addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close(context.WithoutCancel(t.Context()))
	other, err := milvus.Shared(milvus.Config{Addresses: []string{b.addr, a.addr}})
	if err != nil {
		t.Fatalf("Shared = %v, want the same pool for the same set", err)
	}
	if err := other.Do(t.Context(), askVersion); err != nil {
		t.Error(err)
	}
	if other.Pool() != nil {
		t.Error("Pool is not nil with several addresses")
	}
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := one.Do(t.Context(), askVersion); err != nil {
		t.Errorf("Do = %v, want success while a handle is open", err)
	}
	if _, err := milvus.Shared(milvus.Config{Addresses: []string{a.addr, b.addr}, Endpoints: endpoint.Detection{Disabled: true}}); !errors.Is(err, milvus.ErrDiffers) {
		t.Errorf("Shared = %v, want ErrDiffers", err)
	}
}

func TestOneAddressOfAListIsOnePool(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c, err := milvus.Open(t.Context(), milvus.Config{Addresses: []string{srv.Addr()}}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if c.Pool() == nil || c.Pool().Name() != srv.Addr()+"/default" {
		t.Errorf("Pool = %v, want one of %s", c.Pool(), srv.Addr())
	}
}

func TestBadAddressesAreNamed(t *testing.T) {
	cfg := milvus.Config{
		Address: "localhost:1", Addresses: []string{"root:hunter2@localhost:1", "nowhere"},
		Endpoints: endpoint.Detection{ConsecutiveFailures: -1}, Lanes: []lane.Lane{{}},
	}
	_, err := cfg.Backend()
	for _, word := range []string{"Address and Addresses", "user information", "nowhere", "ConsecutiveFailures", "lane"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("Backend = %v, want %s in it", err, word)
		}
	}
	if text := err.Error() + cfg.String(); strings.Contains(text, "hunter2") {
		t.Errorf("%s shows a password", text)
	}
	if _, err := milvus.NewPool(milvus.Config{Addresses: []string{"a:1", "b:1"}}); err == nil || !strings.Contains(err.Error(), "milvus.Open") {
		t.Errorf("NewPool = %v, want a refusal of two addresses", err)
	}
}
