// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// The average of an endpoint is high for a minute after one call that took long.
func TestOneCallThatTookLongDoesNotSendAllCallersToOneEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(10*time.Millisecond, three[:2]...)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three[:2]})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := client(t, lb)
		run := func(d time.Duration) {
			stop := load(t.Context(), c, 12)
			time.Sleep(d)
			stop()
		}
		run(time.Second)
		holdAt(t, lb, "b:1", 1)[0].Release() // it takes three seconds
		first, second := b.node("a:1").calls.Load(), b.node("b:1").calls.Load()
		run(time.Second)
		first, second = b.node("a:1").calls.Load()-first, b.node("b:1").calls.Load()-second
		if second < first/10 {
			t.Errorf("%d calls went to one endpoint and %d to the other, want a tenth as many at least", first, second)
		}

		b.node("a:1").hangs.Store(true)
		run(3 * time.Second)
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Errorf("the hanging endpoint is %s, want ejected", s)
		}
		b.node("a:1").hangs.Store(false)
		time.Sleep(10 * time.Second) // a ping that hangs has ended
	})
}

// holdAt returns n leases at an address, and has had each for three seconds.
func holdAt(t *testing.T, lb core.Source[*conn], address string, n int) (held []core.Lease[*conn]) {
	t.Helper()
	var others []core.Lease[*conn]
	for len(held) < n {
		lease, err := lb.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if lease.Conn().at.address == address {
			held = append(held, lease)
		} else {
			others = append(others, lease)
		}
	}
	time.Sleep(10 * time.Millisecond)
	for _, lease := range others {
		lease.Release()
	}
	time.Sleep(3 * time.Second)
	return held
}

func TestAnEndpointIsEjectedAlsoIfAllCallersHang(t *testing.T) {
	for calls, want := range map[int]endpoint.State{1: endpoint.In, 2: endpoint.Ejected, 3: endpoint.Ejected} {
		hangingCalls(t, calls, want)
	}
}

func hangingCalls(t *testing.T, calls int, want endpoint.State) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(10*time.Millisecond, three...)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := load(t.Context(), client(t, lb), 12)
		time.Sleep(time.Second)
		stop()
		b.node("a:1").hangs.Store(true)
		held := holdAt(t, lb, "a:1", calls) // and no other call comes by
		if s := state(t, lb, "a:1"); s != want {
			t.Errorf("the endpoint is %s while all %d callers hang, want %s", s, calls, want)
		}
		b.node("a:1").hangs.Store(false)
		time.Sleep(10 * time.Second) // a ping that hangs has ended
		for _, lease := range held {
			lease.Release()
		}
	})
}
