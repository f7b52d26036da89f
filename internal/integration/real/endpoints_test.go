// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/milvus"
)

// nodes are proxies in front of one Milvus, and a client of all of them.
type nodes struct {
	t       *testing.T
	ctx     context.Context
	client  *penstock.Client[*milvus.Conn]
	changes map[string]chan endpoint.Change // by address

	mu     sync.Mutex
	phase  string
	took   map[string][]time.Duration // by the phase in which a call began
	failed map[string][]error
}

// openNodes opens a client with default settings.
func openNodes(ctx context.Context, t *testing.T, proxies ...*proxy) *nodes {
	t.Helper()
	n := &nodes{
		t: t, ctx: ctx, changes: map[string]chan endpoint.Change{},
		took: map[string][]time.Duration{}, failed: map[string][]error{},
	}
	var cfg milvus.Config
	for _, p := range proxies {
		cfg.Addresses = append(cfg.Addresses, p.addr)
		n.changes[p.addr] = make(chan endpoint.Change, 1000)
	}
	backend, err := cfg.Backend()
	if err != nil {
		t.Fatal(err)
	}
	backend.Endpoints.OnChange = func(_ context.Context, c endpoint.Change) { n.changes[c.Address] <- c }
	if n.client, err = penstock.Open(ctx, backend, penstock.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.client.Close(context.Background()) })
	return n
}

// run runs callers of fn, one call after the other each. The returned function ends them.
func (n *nodes) run(callers int, fn func(context.Context) error) (stop func()) {
	over := make(chan struct{})
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-n.ctx.Done():
					return
				default:
				}
				n.mu.Lock()
				phase := n.phase
				n.mu.Unlock()
				began := time.Now()
				err := fn(n.ctx)
				n.mu.Lock()
				n.took[phase] = append(n.took[phase], time.Since(began))
				if err != nil {
					n.failed[phase] = append(n.failed[phase], err)
				}
				n.mu.Unlock()
			}
		})
	}
	return func() { close(over); running.Wait() }
}

func (n *nodes) enter(phase string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.phase = phase
}

// during returns once the phase has lasted for d, and then what it saw.
func (n *nodes) during(phase string, d time.Duration) (p50, p99 time.Duration) {
	n.t.Helper()
	n.enter(phase)
	select {
	case <-time.After(d):
	case <-n.ctx.Done():
		n.t.Fatalf("%s: the time is over", phase)
	}
	n.enter("between")
	n.mu.Lock()
	defer n.mu.Unlock()
	sorted := slices.Sorted(slices.Values(n.took[phase]))
	if len(sorted) < 100 {
		n.t.Fatalf("%s: %d calls, want more to say anything", phase, len(sorted))
	}
	p50, p99 = sorted[len(sorted)/2], sorted[len(sorted)*99/100]
	n.t.Logf("%s: %d calls, %d failed, p50 %v, p99 %v", phase, len(sorted), len(n.failed[phase]),
		p50.Round(10*time.Microsecond), p99.Round(10*time.Microsecond))
	return p50, p99
}

// await waits until the endpoint at the proxy has changed to a state.
func (n *nodes) await(p *proxy, want endpoint.State) {
	n.t.Helper()
	began := time.Now()
	for {
		select {
		case c := <-n.changes[p.addr]:
			if c.To == want {
				n.t.Logf("%s %s after %v", c.To, c.Reason, time.Since(began).Round(time.Millisecond))
				return
			}
		case <-n.ctx.Done():
			n.t.Fatalf("the endpoint did not become %s: %+v", want, n.client.Endpoints())
		}
	}
}

func TestProxiesOfARealMilvusThatRestartInTurnFailNothing(t *testing.T) {
	m := servers.StartMilvus(t)
	ctx, cancel := context.WithTimeout(m.Context(), 90*time.Second)
	defer cancel()
	proxies := []*proxy{newProxy(t, m.Addr()), newProxy(t, m.Addr())}
	n := openNodes(ctx, t, proxies...)
	version := core.Op{Name: "GetVersion", Safety: core.ReadOnly}
	began := time.Now()
	stop := n.run(64, func(ctx context.Context) error {
		_, err := core.Do(ctx, n.client, version, func(ctx context.Context, conn *milvus.Conn) (string, error) { return conn.GetVersion(ctx) })
		return err
	})
	// The budget of retries begins with ten, and saves up a hundred.
	n.during("before the restarts", 5*time.Second)
	for i := range 10 {
		p := proxies[i%2]
		p.stop()
		n.await(p, endpoint.Ejected)
		p.start()
		n.await(p, endpoint.In)
	}
	n.during("after the restarts", max(time.Minute-time.Since(began), time.Second))
	stop()
	all, failed := 0, 0
	for phase, took := range n.took {
		all, failed = all+len(took), failed+len(n.failed[phase])
		for _, err := range n.failed[phase][:min(3, len(n.failed[phase]))] {
			t.Errorf("%s: Do = %v, want nil", phase, err)
		}
	}
	t.Logf("10 restarts under 64 callers in %v: %d of %d operations failed", time.Since(began).Round(time.Second), failed, all)
}

// Each request to the slow node takes ten times as long as one to the others.
func TestAHangingAndASlowProxyOfARealMilvusAreEjectedAndComeBack(t *testing.T) {
	m := servers.StartMilvus(t)
	ctx, cancel := context.WithTimeout(m.Context(), 90*time.Second)
	defer cancel()
	proxies := []*proxy{newProxy(t, m.Addr()), newProxy(t, m.Addr()), newProxy(t, m.Addr())}
	n := openNodes(ctx, t, proxies...)
	prepare(ctx, t, n.client)
	stop := n.run(12, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return search(ctx, n.client)
	})
	defer stop()
	n.during("warm up", 3*time.Second)
	p50, healthy := n.during("healthy", 8*time.Second)
	trouble := func(what string, p *proxy, begin, end func()) {
		t.Helper()
		begin()
		n.await(p, endpoint.Ejected)
		if _, p99 := n.during(what, 8*time.Second); p99 > 2*healthy {
			t.Errorf("%s: p99 %v, want at most twice %v", what, p99, healthy)
		}
		if failed := len(n.failed[what]); failed > 0 {
			t.Errorf("%s: %d calls failed after the ejection, the first with %v", what, failed, n.failed[what][0])
		}
		end()
		n.await(p, endpoint.In)
	}
	hanging, slow := proxies[1], proxies[2]
	trouble("one hangs", hanging, func() { hanging.setHang(true) }, func() { hanging.setHang(false) })
	trouble("one is slow", slow, func() { slow.setLater(9 * p50) }, func() { slow.setLater(0) })
	if _, p99 := n.during("all are back", 8*time.Second); p99 > 2*healthy {
		t.Errorf("all are back: p99 %v, want at most twice %v", p99, healthy)
	}
}
