// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

// full returns a balancer with two places at each of three endpoints, and the leases of
// all places by their address.
func (b *backend) full(t *testing.T, cfg endpoint.Config[*conn]) (*endpoint.Balancer[*conn], map[string][]core.Lease[*conn]) {
	t.Helper()
	cfg.Addresses, cfg.Pool.MaxSize, cfg.Pool.MaxSharing = three, 1, 2
	lb := b.open(t, cfg)
	if err := lb.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // all have their connection
	held := map[string][]core.Lease[*conn]{}
	for range 6 {
		lease, err := lb.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held[lease.Conn().at.address] = append(held[lease.Conn().at.address], lease)
	}
	return lb, held
}

// asked is what a caller got.
type asked struct {
	lease core.Lease[*conn]
	err   error
}

// ask lets n callers ask for a connection, one after the other, and returns their answers.
func ask(ctx context.Context, lb core.Source[*conn], n int) chan asked {
	answers := make(chan asked, n)
	for range n {
		go func() {
			lease, err := lb.Acquire(ctx)
			answers <- asked{lease, err}
		}()
		synctest.Wait()
	}
	return answers
}

func TestCallersThatWaitForAnEndpointMoveOnWhenItIsEjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb, held := b.full(t, endpoint.Config[*conn]{Detection: endpoint.Detection{ConsecutiveFailures: 1, BaseEjection: time.Hour, MaxEjection: time.Hour}})
		answers := ask(t.Context(), lb, 9)
		all, _ := lb.Endpoints()
		for _, s := range all {
			if s.Pool.Waiters != 3 {
				t.Errorf("%d callers wait for %s, want 3 at each endpoint", s.Pool.Waiters, s.Address)
			}
		}
		held["a:1"][0].Return(core.Keep, errDown) // the place goes to the first of its three
		synctest.Wait()
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Fatalf("the endpoint is %s, want ejected", s)
		}
		for _, address := range three[1:] {
			held[address][0].Release()
			held[address][1].Release()
		}
		began := time.Now()
		got := map[string]int{}
		for range 5 { // the first, and one for each place that was released
			a := <-answers
			if a.err != nil {
				t.Fatalf("Acquire = %v, want a place", a.err)
			}
			got[a.lease.Conn().at.address]++
			defer a.lease.Release()
		}
		if got["a:1"] != 1 || time.Since(began) > 0 {
			t.Errorf("after %v places were got at %v, want one at a:1 at once", time.Since(began), got)
		}
		if all, _ := lb.Endpoints(); all[0].Pool.Waiters != 0 {
			t.Errorf("%d callers wait for the ejected endpoint, want none", all[0].Pool.Waiters)
		}
		for range 4 {
			a := <-answers
			if _, ok := errors.AsType[*pool.AcquireError](a.err); !ok || !errors.Is(a.err, pool.ErrExhausted) || errors.Is(a.err, context.DeadlineExceeded) || errors.Is(a.err, context.Canceled) {
				t.Errorf("Acquire = %v, want that the pool is exhausted, and no context ended", a.err)
			}
		}
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("the last caller waited %v, want AcquireTimeout for all its waits together", waited)
		}
		if s := lb.Stats(); s.Canceled != 0 || s.Timeouts != 4 {
			t.Errorf("%d waits canceled and %d timed out, want none and four", s.Canceled, s.Timeouts)
		}
		held["a:1"][1].Release()
	})
}

func TestACallerWaitsWhereThereIsRoomToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb, held := b.full(t, endpoint.Config[*conn]{Pool: pool.Config{MaxWaiters: 1}})
		ctx, cancel := context.WithCancel(t.Context())
		answers := ask(ctx, lb, 4)
		if a := <-answers; !errors.Is(a.err, pool.ErrTooManyWaiters) {
			t.Errorf("Acquire = %v, want that too many wait", a.err)
		}
		all, _ := lb.Endpoints()
		for _, s := range all {
			if s.Pool.Waiters != 1 {
				t.Errorf("%d callers wait for %s, want 1 at each endpoint", s.Pool.Waiters, s.Address)
			}
		}
		cancel()
		for range 3 {
			if a := <-answers; !errors.Is(a.err, context.Canceled) {
				t.Errorf("Acquire = %v, want canceled", a.err)
			}
		}
		for _, leases := range held {
			leases[0].Release()
			leases[1].Release()
		}
	})
}

// After a pause the backend as a whole may be slow. The first endpoint to answer has slow
// calls then, and the others have those from before the pause.
func TestAnEndpointIsComparedWithCallsOfTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(time.Millisecond, three...)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := load(t.Context(), client(t, lb), 10)
		time.Sleep(time.Second)
		stop()
		time.Sleep(5 * time.Second)

		held := map[string][]core.Lease[*conn]{}
		for len(held["a:1"]) < 75 {
			lease, err := lb.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held[lease.Conn().at.address] = append(held[lease.Conn().at.address], lease)
		}
		for range 5 { // a:1 answers first, and again and again
			for range 15 {
				time.Sleep(4 * time.Millisecond)
				held["a:1"][0].Release()
				held["a:1"] = held["a:1"][1:]
			}
			time.Sleep(100 * time.Millisecond)
		}
		if lines := b.history(); len(lines) > 0 {
			t.Errorf("changes = %q, want none", lines)
		}
		for _, leases := range held {
			for _, lease := range leases {
				lease.Return(core.Unclean, context.Canceled)
			}
		}
	})
}
