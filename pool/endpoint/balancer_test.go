// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("the node is down")

// node is one address of a backend, and the factory of its connections.
type node struct {
	address string
	took    atomic.Int64 // how long a call and a ping take
	down    atomic.Bool  // dials, calls and pings fail, and no connection is alive
	hangs   atomic.Bool  // dials, calls and pings take until their context ends
	dials   atomic.Int64
	calls   atomic.Int64
	closes  atomic.Int64
}

// conn is a connection to a node.
type conn struct{ at *node }

func (n *node) work(ctx context.Context) error {
	if n.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if n.down.Load() {
		return errDown
	}
	if d := time.Duration(n.took.Load()); d > 0 {
		time.Sleep(d)
	}
	return nil
}

func (n *node) Dial(ctx context.Context) (*conn, error) {
	n.dials.Add(1)
	if err := n.work(ctx); err != nil {
		return nil, err
	}
	return &conn{n}, nil
}

func (n *node) Close(context.Context, *conn) error      { n.closes.Add(1); return nil }
func (n *node) Ping(ctx context.Context, _ *conn) error { return n.work(ctx) }
func (n *node) Alive(*conn) bool                        { return !n.down.Load() }
func (c *conn) call(ctx context.Context) error          { c.at.calls.Add(1); return c.at.work(ctx) }
func classify(error) core.Class                         { return core.NotApplied("down") }
func (b *backend) factory(a endpoint.Address) *node     { return b.node(a.HostPort) }
func (b *backend) setAll(d time.Duration, names ...string) {
	for _, name := range names {
		b.node(name).took.Store(int64(d))
	}
}

// backend is some nodes, and what a Balancer told of them.
type backend struct {
	mu      sync.Mutex
	nodes   map[string]*node
	changes []endpoint.Change
}

func (b *backend) node(address string) *node {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nodes == nil {
		b.nodes = map[string]*node{}
	}
	if b.nodes[address] == nil {
		b.nodes[address] = &node{address: address}
	}
	return b.nodes[address]
}

func (b *backend) told(_ context.Context, c endpoint.Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes = append(b.changes, c)
}

// ejections returns what was told of ejections and their ends.
func (b *backend) history() (lines []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.changes {
		lines = append(lines, fmt.Sprintf("%s %s %s", c.Address, c.To, c.Reason))
	}
	return lines
}

// open makes a balancer that is closed when the test ends.
func (b *backend) open(t *testing.T, cfg endpoint.Config[*conn]) *endpoint.Balancer[*conn] {
	t.Helper()
	cfg.Factory = func(a endpoint.Address) (pool.Factory[*conn], error) { return b.factory(a), nil }
	cfg.OnChange = b.told
	cfg.Pool.Mode = pool.Shared
	lb, err := endpoint.New(cfg)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := lb.Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return lb
}

func client(t *testing.T, lb core.Source[*conn]) *core.Client[*conn] {
	t.Helper()
	c, err := core.NewClient(core.ClientConfig[*conn]{Source: lb, Classifier: classify})
	if err != nil {
		t.Fatalf("NewClient = %v", err)
	}
	return c
}

var search = core.Op{Name: "Search", Safety: core.ReadOnly}

// do runs one operation, and returns the address that it ran at.
func do(ctx context.Context, c *core.Client[*conn]) (string, error) {
	return core.Do(ctx, c, search, func(ctx context.Context, conn *conn) (string, error) {
		return conn.at.address, conn.call(ctx)
	})
}

// load runs callers until the returned function is called. Each operation has five
// seconds.
// The function returns how long each operation took, and how many failed.
func load(ctx context.Context, c *core.Client[*conn], callers int) func() (took []time.Duration, failed int) {
	var (
		stop atomic.Bool
		wg   sync.WaitGroup
		mu   sync.Mutex
		all  []time.Duration
		bad  int
	)
	for range callers {
		wg.Go(func() {
			for !stop.Load() {
				began := time.Now()
				ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
				_, err := do(ctx, c)
				cancel()
				mu.Lock()
				all = append(all, time.Since(began))
				if err != nil {
					bad++
				}
				mu.Unlock()
			}
		})
	}
	return func() ([]time.Duration, int) {
		stop.Store(true)
		wg.Wait()
		return all, bad
	}
}

func p99(took []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)*99/100]
}

// state returns the state of an endpoint.
func state(t *testing.T, lb *endpoint.Balancer[*conn], address string) endpoint.State {
	t.Helper()
	all, _ := lb.Endpoints()
	for _, s := range all {
		if s.Address == address {
			return s.State
		}
	}
	t.Fatalf("no endpoint %s in %+v", address, all)
	return ""
}

var three = []string{"a:1", "b:1", "c:1"}

func TestCallsAreSpreadOverTheEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(time.Millisecond, three...)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := load(t.Context(), client(t, lb), 30)
		time.Sleep(time.Second)
		took, failed := stop()
		if failed > 0 || p99(took) > time.Millisecond {
			t.Errorf("%d failed, p99 %v; want none and 1ms", failed, p99(took))
		}
		for _, address := range three {
			if n := b.node(address).calls.Load(); n < int64(len(took)/5) || n > int64(len(took)/2) {
				t.Errorf("%s had %d of %d calls, want about a third", address, n, len(took))
			}
		}
		if s := lb.Stats(); s.Max != 12 || s.InFlight != 0 || s.Dials < 3 {
			t.Errorf("Stats = %+v, want the sum of three pools of four", s)
		}
	})
}

func TestASlowerEndpointGetsFewerCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(time.Millisecond, "a:1", "b:1")
		b.setAll(3*time.Millisecond, "c:1") // not slow enough to be ejected
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		stop := load(t.Context(), client(t, lb), 10)
		time.Sleep(2 * time.Second)
		took, _ := stop()
		if n := b.node("c:1").calls.Load(); n == 0 || n > int64(len(took)/5) {
			t.Errorf("the slower endpoint had %d of %d calls, want some, and less than a fifth", n, len(took))
		}
		if lines := b.history(); len(lines) > 0 {
			t.Errorf("changes = %q, want none", lines)
		}
	})
}
