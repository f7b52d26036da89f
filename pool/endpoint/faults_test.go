// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
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
