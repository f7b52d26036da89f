// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// leaseOf returns a lease of a connection to the address.
func leaseOf(t *testing.T, lb *endpoint.Balancer[*conn], address string) core.Lease[*conn] {
	t.Helper()
	for range 1000 {
		lease, err := lb.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if lease.Conn().at.address == address {
			return lease
		}
		time.Sleep(time.Millisecond)
		lease.Release()
	}
	t.Fatalf("no lease is of %s", address)
	return core.Lease[*conn]{}
}

func TestCallersThatFindNoFreeConnectionDoNotUseAnEjectedEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(10*time.Millisecond, three...)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three, Pool: pool.Config{MinSize: 1, MaxSize: 1, MaxSharing: 1}})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for range 5 {
			leaseOf(t, lb, "a:1").Return(core.Keep, errDown)
		}
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Fatalf("the endpoint is %s, want ejected", s)
		}
		before := b.node("a:1").calls.Load()
		stop := load(t.Context(), client(t, lb), 6) // more than b and c have connections
		time.Sleep(500 * time.Millisecond)
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Fatalf("the endpoint is %s, want ejected still", s)
		}
		n := b.node("a:1").calls.Load() - before
		took, failed := stop()
		if n > 0 || failed > 0 {
			t.Errorf("%d of %d calls went to an ejected endpoint, %d failed; want none", n, len(took), failed)
		}
	})
}

func TestALookupThatHangsIsTheOnlyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b       backend
			hangs   atomic.Bool
			running atomic.Int64
			most    atomic.Int64
			asked   atomic.Int64
		)
		lb := b.open(t, endpoint.Config[*conn]{
			Addresses: []string{"dns:///milvus.internal:19530"},
			LookupHost: func(ctx context.Context, _ string) ([]string, error) {
				asked.Add(1)
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				if hangs.Load() {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return []string{"10.0.0.1"}, nil
			},
		})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		hangs.Store(true)
		time.Sleep(10 * time.Minute)
		if most.Load() > 1 || asked.Load() < 10 {
			t.Errorf("of %d lookups %d ran at once, want one after the other, each with an end", asked.Load(), most.Load())
		}
		hangs.Store(false)
	})
}

// odd is a node whose functions may call runtime.Goexit.
type odd struct {
	*node
	pingExits, aliveExits *atomic.Bool
}

func (o odd) Ping(ctx context.Context, c *conn) error {
	if o.pingExits.Load() {
		runtime.Goexit()
	}
	return o.node.Ping(ctx, c)
}

func (o odd) Alive(c *conn) bool {
	if o.aliveExits.Load() {
		runtime.Goexit()
	}
	return o.node.Alive(c)
}

func TestFunctionsThatCallGoexitLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b            backend
			pings, alive atomic.Bool
		)
		b.setAll(time.Millisecond, three...)
		lb, err := endpoint.New(endpoint.Config[*conn]{
			Addresses: three, Pool: pool.Config{Mode: pool.Shared, CheckIdleAfter: time.Hour},
			Factory: func(a endpoint.Address) (pool.Factory[*conn], error) { return odd{b.factory(a), &pings, &alive}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer lb.Close(context.WithoutCancel(t.Context()))
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		pings.Store(true)
		for range 5 {
			leaseOf(t, lb, "a:1").Return(core.Keep, errDown)
		}
		time.Sleep(5 * time.Second) // the first ping exits
		pings.Store(false)
		time.Sleep(time.Minute)
		if s := state(t, lb, "a:1"); s != endpoint.In {
			t.Errorf("the endpoint is %s after a ping that exited, want in", s)
		}
		leaseOf(t, lb, "b:1").Return(core.Keep, errDown) // now Alive is asked
		alive.Store(true)
		for range 20 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				if lease, err := lb.Acquire(t.Context()); err == nil {
					lease.Release()
				}
			}()
			<-done
		}
		alive.Store(false)
		time.Sleep(time.Minute)
		if n := lb.Stats().InFlight; n != 0 {
			t.Errorf("%d leases are out, want none", n)
		}
	})
}

func TestAStartWithoutDNSKeepsTheMinSizeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b   backend
			dns names
		)
		dns.set(errors.New("no answer"))
		lb := b.open(t, endpoint.Config[*conn]{
			Addresses: []string{"dns:///milvus.internal:19530"}, LookupHost: dns.lookUp, Pool: pool.Config{MinSize: 2},
		})
		if err := lb.Start(t.Context()); err == nil {
			t.Fatal("Start = nil, want an error without DNS")
		}
		dns.set(nil, "10.0.0.1")
		time.Sleep(time.Minute)
		if s := lb.Stats(); s.Idle != 2 {
			t.Errorf("Stats = %+v, want the two connections of MinSize", s)
		}
	})
}

// hold has three calls that hang on a:1 until it is ejected, and waits until it is back.
func hold(t *testing.T, lb *endpoint.Balancer[*conn], b *backend) (held []core.Lease[*conn]) {
	t.Helper()
	c := client(t, lb)
	for range 200 {
		if _, err := do(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	var others []core.Lease[*conn]
	for len(held) < 6 {
		lease, err := lb.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if lease.Conn().at.address == "a:1" {
			held = append(held, lease)
		} else {
			others = append(others, lease) // so that the loads stay alike
		}
	}
	for _, lease := range others {
		lease.Release()
	}
	for state(t, lb, "a:1") != endpoint.Ejected {
		if _, err := do(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for state(t, lb, "a:1") != endpoint.In {
		time.Sleep(100 * time.Millisecond)
	}
	return held
}

func TestCallsFromBeforeAnEjectionDoNotEjectAgain(t *testing.T) {
	for _, row := range []struct {
		name string
		then func(*testing.T, *endpoint.Balancer[*conn], []core.Lease[*conn])
	}{
		{"they hang still", func(t *testing.T, lb *endpoint.Balancer[*conn], _ []core.Lease[*conn]) {
			// No call goes to a:1, so that none succeeds there.
			for range 100 {
				time.Sleep(100 * time.Millisecond)
				leaseOf(t, lb, "b:1").Release()
			}
		}},
		{"they fail", func(_ *testing.T, _ *endpoint.Balancer[*conn], held []core.Lease[*conn]) {
			for _, lease := range held {
				lease.Return(core.Keep, errDown)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				b.setAll(time.Millisecond, three...)
				lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
				if err := lb.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				held := hold(t, lb, &b)
				row.then(t, lb, held)
				ejected := 0
				for _, line := range b.history() {
					if line == "a:1 ejected hanging" || line == "a:1 ejected consecutive_failures" {
						ejected++
					}
				}
				if ejected != 1 {
					t.Errorf("changes = %q, want one ejection", b.history())
				}
				for _, lease := range held {
					lease.Release()
				}
			})
		})
	}
}

func TestALeaseThatIsKeptLongKeepsNoOtherCallsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(time.Millisecond, "a:1", "b:1")
		lb := b.open(t, endpoint.Config[*conn]{Addresses: []string{"a:1", "b:1"}})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := client(t, lb)
		for range 200 {
			if _, err := do(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		held := leaseOf(t, lb, "a:1")
		time.Sleep(5 * time.Second)
		before := b.node("a:1").calls.Load()
		stop := load(t.Context(), c, 8)
		time.Sleep(time.Second)
		took, _ := stop()
		if n := b.node("a:1").calls.Load() - before; n < int64(len(took)/4) {
			t.Errorf("the endpoint with a long call had %d of %d calls, want about half", n, len(took))
		}
		held.Release()
	})
}

// moody is a node of which every other ping takes long.
type moody struct {
	*node
	pings *atomic.Int64
}

func (m moody) Ping(ctx context.Context, c *conn) error {
	if m.address == "c:1" && m.pings.Add(1)%2 == 1 {
		time.Sleep(200 * time.Millisecond)
	}
	return m.node.Ping(ctx, c)
}

func TestOnePingThatTakesLongKeepsNoEndpointOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b     backend
			pings atomic.Int64
		)
		b.setAll(10*time.Millisecond, three...)
		lb, err := endpoint.New(endpoint.Config[*conn]{
			Addresses: three, Pool: pool.Config{Mode: pool.Shared}, OnChange: b.told,
			Factory: func(a endpoint.Address) (pool.Factory[*conn], error) { return moody{b.factory(a), &pings}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer lb.Close(context.WithoutCancel(t.Context()))
		b.setAll(100*time.Millisecond, "c:1")
		stop := load(t.Context(), client(t, lb), 64)
		for state(t, lb, "c:1") != endpoint.Ejected {
			time.Sleep(10 * time.Millisecond)
		}
		stop()
		b.setAll(10*time.Millisecond, "c:1") // it has recovered
		time.Sleep(2 * time.Second)          // more than the ejection, less than a second one
		if s := state(t, lb, "c:1"); s != endpoint.In {
			t.Errorf("the endpoint is %s after %q, want in", s, b.history())
		}
	})
}

func TestNobodyWaitsForTheOnlyConnectionOfAnEndpointThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(10*time.Millisecond, "a:1", "b:1")
		lb := b.open(t, endpoint.Config[*conn]{Addresses: []string{"a:1", "b:1"}, Pool: pool.Config{MaxSize: 1, MaxSharing: 1}})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := client(t, lb)
		for range 100 {
			if _, err := do(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		held, err := lb.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop := load(t.Context(), c, 4)
		time.Sleep(2 * time.Second)
		took, failed := stop()
		if p := p99(took); p > 100*time.Millisecond || failed > 0 {
			t.Errorf("p99 of %d calls %v, %d failed; want the time of a few calls to the other endpoint, and none", len(took), p, failed)
		}
		held.Release()
	})
}
