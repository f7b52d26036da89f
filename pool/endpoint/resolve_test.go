// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// names is a fake DNS with one host.
type names struct {
	mu    sync.Mutex
	hosts []string
	err   error
	asked int
}

func (n *names) set(err error, hosts ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts, n.err = hosts, err
}

func (n *names) lookUp(_ context.Context, host string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if host != "milvus.internal" {
		return nil, errors.New("no such host")
	}
	return n.hosts, n.err
}

func (n *names) lookups() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func addresses(lb *endpoint.Balancer[*conn]) (all []string) {
	endpoints, _ := lb.Endpoints()
	for _, s := range endpoints {
		all = append(all, s.Address)
	}
	return all
}

func TestTheAddressesOfAHostAreLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b   backend
			dns names
		)
		dns.set(nil, "10.0.0.2", "10.0.0.1")
		lb := b.open(t, endpoint.Config[*conn]{Addresses: []string{"dns:///milvus.internal:19530"}, LookupHost: dns.lookUp})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := addresses(lb), []string{"10.0.0.1:19530", "10.0.0.2:19530"}; !slices.Equal(got, want) {
			t.Errorf("endpoints = %q, want %q", got, want)
		}
		// One is replaced by another while a caller has a connection to it.
		var held core.Lease[*conn]
		for {
			lease, err := lb.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if lease.Conn().at.address == "10.0.0.1:19530" {
				held = lease
				break
			}
			lease.Release()
		}
		gone := b.node("10.0.0.1:19530")
		dns.set(nil, "10.0.0.3", "10.0.0.2")
		time.Sleep(31 * time.Second)
		if got, want := addresses(lb), []string{"10.0.0.2:19530", "10.0.0.3:19530"}; !slices.Equal(got, want) {
			t.Errorf("endpoints = %q, want %q", got, want)
		}
		if n := gone.closes.Load(); n != 0 {
			t.Errorf("%d connections of the endpoint that is gone were closed under a caller, want 0", n)
		}
		c := client(t, lb)
		for range 50 {
			if at, err := do(t.Context(), c); err != nil || at == gone.address {
				t.Fatalf("Do = %q, %v, want another endpoint", at, err)
			}
		}
		dials := lb.Stats().Dials
		held.Release()
		synctest.Wait()
		if n, d := gone.closes.Load(), gone.dials.Load(); n != d || n == 0 {
			t.Errorf("%d of %d connections of the endpoint that is gone are closed, want all", n, d)
		}
		if s := lb.Stats(); s.Dials != dials || s.InFlight != 0 || s.Max != 8 {
			t.Errorf("Stats = %+v, want the %d dials of all endpoints, and places of two", s, dials)
		}
		// While DNS does not answer, the endpoints stay.
		dns.set(errors.New("no answer"))
		time.Sleep(2 * time.Minute)
		if _, err := do(t.Context(), c); err != nil || len(addresses(lb)) != 2 {
			t.Errorf("Do = %v with %q, want the same endpoints", err, addresses(lb))
		}
		want := []string{"10.0.0.3:19530 in found", "10.0.0.1:19530 gone gone", "milvus.internal:19530 gone unknown_host"}
		if got := b.history(); !slices.Equal(got, want) {
			t.Errorf("changes = %q, want %q", got, want)
		}
	})
}

func TestAFailedDialLooksTheHostUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b   backend
			dns names
		)
		dns.set(nil, "10.0.0.1")
		lb := b.open(t, endpoint.Config[*conn]{Addresses: []string{"dns:///milvus.internal:19530"}, LookupHost: dns.lookUp, Pool: pool.Config{MinSize: 1}})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		b.node("10.0.0.1:19530").down.Store(true)
		dns.set(nil, "10.0.0.2")
		lb.Reset("the node is replaced")
		time.Sleep(time.Second)
		if at, err := do(t.Context(), client(t, lb)); err != nil || at != "10.0.0.2:19530" {
			t.Errorf("Do = %q, %v, want the new address", at, err)
		}
		if n := dns.lookups(); n > 3 {
			t.Errorf("%d lookups, want no more than one a second", n)
		}
	})
}

func TestAHostWithoutAddressesIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b   backend
			dns names
		)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: []string{"dns:///milvus.internal:19530"}, LookupHost: dns.lookUp})
		var lookup *endpoint.LookupError
		if err := lb.Start(t.Context()); !errors.As(err, &lookup) || lookup.Host != "milvus.internal" || !errors.Is(err, core.ErrConnection) {
			t.Errorf("Start = %v, want a LookupError", err)
		}
		if _, err := do(t.Context(), client(t, lb)); !errors.As(err, &lookup) {
			t.Errorf("Do = %v, want a LookupError", err)
		}
		dns.set(nil, "10.0.0.1")
		if at, err := do(t.Context(), client(t, lb)); err != nil || at != "10.0.0.1:19530" {
			t.Errorf("Do = %q, %v, want success as soon as there is an address", at, err)
		}
	})
}

// The addresses of one host serve while DNS does not know, or does not answer for, another.
func TestAHostThatIsUnknownHoldsNoOtherUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			b       backend
			answers sync.Map // of a host: its address
		)
		answers.Store("a.internal", "10.0.0.1")
		lb := b.open(t, endpoint.Config[*conn]{
			Addresses: []string{"dns:///a.internal:7", "dns:///b.internal:7", "dns:///hangs.internal:7", "10.0.0.9:7"},
			LookupHost: func(ctx context.Context, host string) ([]string, error) {
				if host == "hangs.internal" {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				address, ok := answers.Load(host)
				if !ok {
					return nil, errors.New("no such host")
				}
				return []string{address.(string)}, nil
			},
		})
		next := func(want ...string) {
			t.Helper()
			time.Sleep(time.Minute)
			if got := slices.Sorted(slices.Values(addresses(lb))); !slices.Equal(got, want) {
				t.Errorf("endpoints %q, want %q", got, want)
			}
		}
		if err := lb.Start(t.Context()); err != nil {
			t.Errorf("Start = %v, want success", err)
		}
		next("10.0.0.1:7", "10.0.0.9:7")
		answers.Store("b.internal", "10.0.0.2")
		next("10.0.0.1:7", "10.0.0.2:7", "10.0.0.9:7")
		answers.Delete("a.internal")
		answers.Store("b.internal", "10.0.0.3")
		next("10.0.0.1:7", "10.0.0.3:7", "10.0.0.9:7")
		unknown := slices.DeleteFunc(b.history(), func(change string) bool { return !contains(change, "unknown_host") })
		want := []string{"b.internal:7 gone unknown_host", "hangs.internal:7 gone unknown_host", "a.internal:7 gone unknown_host"}
		if !slices.Equal(unknown, want) {
			t.Errorf("told of %q, want %q: each once", unknown, want)
		}
	})
}

func TestErrorsOfSeveralHostsStandInOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb := b.open(t, endpoint.Config[*conn]{
			Addresses:  []string{"dns:///a.internal:7", "dns:///b.internal:7"},
			LookupHost: func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") },
		})
		_, err := lb.Acquire(t.Context())
		if err == nil || strings.Count(err.Error(), "no such host") != 2 || strings.Contains(err.Error(), "\n") || !errors.Is(err, core.ErrConnection) {
			t.Errorf("Acquire = %v, want both hosts in one line", err)
		}
	})
}

func TestAClosedBalancerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		if _, err := do(t.Context(), client(t, lb)); err != nil {
			t.Fatal(err)
		}
		if err := lb.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if _, err := lb.Acquire(t.Context()); !errors.Is(err, pool.ErrClosed) {
			t.Errorf("Acquire = %v, want ErrClosed", err)
		}
		if err := lb.Start(t.Context()); !errors.Is(err, pool.ErrClosed) {
			t.Errorf("Start = %v, want ErrClosed", err)
		}
		for _, address := range three {
			if n := b.node(address); n.closes.Load() != n.dials.Load() {
				t.Errorf("%s: %d of %d connections closed, want all", address, n.closes.Load(), n.dials.Load())
			}
		}
	})
}

func TestFunctionsThatPanicAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, misbehave := range []func(){func() { panic("oops") }, runtime.Goexit} {
			factory := func(a endpoint.Address) (pool.Factory[*conn], error) { return &node{address: a.HostPort}, nil }
			if _, err := endpoint.New(endpoint.Config[*conn]{
				Addresses: three,
				Factory:   func(endpoint.Address) (pool.Factory[*conn], error) { misbehave(); return nil, nil },
			}); err == nil {
				t.Error("New succeeded without a factory")
			}
			lb, err := endpoint.New(endpoint.Config[*conn]{
				Addresses: []string{"dns:///milvus.internal:1"}, Factory: factory,
				LookupHost: func(context.Context, string) ([]string, error) { misbehave(); return nil, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := lb.Acquire(t.Context()); !errors.Is(err, core.ErrConnection) {
				t.Errorf("Acquire = %v, want a failed lookup", err)
			}
			if err := lb.Close(t.Context()); err != nil {
				t.Error(err)
			}
			lb, err = endpoint.New(endpoint.Config[*conn]{
				Addresses: three, Factory: factory,
				OnChange: func(context.Context, endpoint.Change) { misbehave() },
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 100 {
				lease, err := lb.Acquire(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				lease.Return(core.Keep, errDown)
			}
			if _, panics := lb.Endpoints(); !panics {
				t.Error("no endpoint was ejected")
			}
			if err := lb.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}
