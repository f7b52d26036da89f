// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

func TestWaitersAreServedInTheirOrder(t *testing.T) {
	for name, first := range map[string]uint32{"from the start": 0, "while their numbers overflow": math.MaxUint32 - 10} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, &factory{}, pool.Config{MaxSize: 1})
				pool.NumberWaiters(p, first)
				lease := acquire(t, p)
				var waiting []<-chan result
				for range 20 {
					waiting = append(waiting, acquireAsync(t.Context(), p))
					synctest.Wait()
				}
				for i := range waiting {
					lease.Release()
					synctest.Wait()
					for j, c := range waiting[i:] {
						if served := !pending(c); served != (j == 0) {
							t.Fatalf("after release %d: waiter %d served = %v", i, i+j, served)
						}
					}
					lease = (<-waiting[i]).lease
				}
				lease.Release()
			})
		})
	}
}

func TestAWaiterIsOvertakenForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hold = 100 * time.Microsecond
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		acquire(t, p).Release()
		// This caller asks for the connection again before a waiter can run. Without
		// a bound it would overtake every waiter for ever.
		stop := make(chan struct{})
		var overtaking sync.WaitGroup
		overtaking.Go(func() {
			for {
				lease := acquire(t, p)
				time.Sleep(hold)
				lease.Release()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		synctest.Wait()
		for range 100 {
			start := time.Now()
			lease := acquire(t, p)
			if waited := time.Since(start); waited > pool.MaxBarging+2*hold {
				t.Errorf("waited %v, want %v and two leases at most", waited, pool.MaxBarging)
			}
			lease.Release()
			time.Sleep(hold / 3)
		}
		close(stop)
		overtaking.Wait()
	})
}

func TestNobodyOvertakesThoseWhoHaveWaitedLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hold = 300 * time.Microsecond
		p := open(t, &factory{}, pool.Config{MaxSize: 2})
		var (
			mu       sync.Mutex
			longest  time.Duration
			finished int
			all      sync.WaitGroup
		)
		// 40 callers share 2 connections: in strict order each caller has 19 before
		// it, and waits 6 ms.
		for range 40 {
			all.Go(func() {
				for range 50 {
					start := time.Now()
					lease := acquire(t, p)
					waited := time.Since(start)
					time.Sleep(hold)
					lease.Release()
					mu.Lock()
					longest = max(longest, waited)
					finished++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if bound := 20*hold + pool.MaxBarging + 2*hold; longest > bound || finished != 2000 {
			t.Errorf("%d leases, the longest wait %v, want %v at most", finished, longest, bound)
		}
	})
}

func TestACanceledWaiterGetsNoSeatAndNoneIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		lease := acquire(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		first := acquireAsync(ctx, p)
		synctest.Wait()
		last := acquireAsync(t.Context(), p)
		synctest.Wait()
		// The canceled waiter has no time to notice; the pool must.
		cancel()
		lease.Release()
		if r := <-last; r.err != nil {
			t.Errorf("the waiter behind: Acquire = %v", r.err)
		}
		wantErr(t, "the canceled waiter: Acquire", (<-first).err, context.Canceled)
		wantUsage(t, p, usage{InUse: 1, InFlight: 1})
		if s := p.Stats(); s.Canceled != 1 || s.Timeouts != 0 {
			t.Errorf("Stats = %+v, want one wait canceled", s)
		}
	})
}

func TestALeaseGrantedAsTheWaitEndsIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Second})
		served := 0
		for range 200 {
			lease := acquire(t, p)
			waiting := acquireAsync(t.Context(), p)
			time.Sleep(time.Second) // wakes at the instant at which the wait ends
			lease.Release()
			if r := <-waiting; r.err == nil {
				served++
				r.lease.Release()
			}
			wantUsage(t, p, usage{Idle: 1})
		}
		if n := p.Stats().Timeouts; int(n)+served != 200 {
			t.Errorf("%d timeouts and %d served, want 200 in all", n, served)
		}
	})
}

func TestWaitersMayLeaveFromAnywhereInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		lease := acquire(t, p)
		var (
			waiting [5]<-chan result
			cancels [5]context.CancelFunc
		)
		for i := range waiting {
			var ctx context.Context
			ctx, cancels[i] = context.WithCancel(t.Context())
			defer cancels[i]()
			waiting[i] = acquireAsync(ctx, p)
			synctest.Wait()
		}
		for _, i := range []int{2, 0, 4} {
			cancels[i]()
			wantErr(t, "Acquire", (<-waiting[i]).err, context.Canceled)
		}
		wantUsage(t, p, usage{InUse: 1, InFlight: 1, Waiters: 2})
		for _, i := range []int{1, 3} {
			lease.Release()
			r := <-waiting[i]
			if r.err != nil {
				t.Fatalf("waiter %d: Acquire = %v", i, r.err)
			}
			lease = r.lease
		}
		lease.Release()
		wantUsage(t, p, usage{Idle: 1})
	})
}

func TestNoWakeUpIsLost(t *testing.T) {
	p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Minute})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				lease, err := p.Acquire(t.Context())
				if err != nil {
					t.Errorf("Acquire = %v", err)
					return
				}
				if n := lease.Conn().users.Add(1); n != 1 {
					t.Errorf("%d callers on an exclusive connection", n)
				}
				lease.Conn().users.Add(-1)
				lease.Release()
			}
		})
	}
	wg.Wait()
	wantUsage(t, p, usage{Idle: 1})
}

func TestExpiredWaitersDoNotSlowALiveOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const expired = 20_000
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Hour})
		lease := acquire(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range expired {
			wg.Go(func() {
				if _, err := p.Acquire(ctx); err == nil {
					t.Error("an expired waiter got a connection")
				}
			})
		}
		synctest.Wait()
		live := acquireAsync(t.Context(), p)
		synctest.Wait()
		wantUsage(t, p, usage{InUse: 1, InFlight: 1, Waiters: expired + 1})
		wg.Wait()
		wantUsage(t, p, usage{InUse: 1, InFlight: 1, Waiters: 1})
		lease.Release()
		if r := <-live; r.err != nil {
			t.Errorf("Acquire = %v", r.err)
		}
	})
}

func TestAWaiterIsServedByADialWhenAConnectionIsLost(t *testing.T) {
	for _, fate := range []core.ConnFate{core.Unclean, core.Suspect, core.Broken} {
		synctest.Test(t, func(t *testing.T) {
			f := &factory{}
			p := open(t, f, pool.Config{MaxSize: 1})
			lease := acquire(t, p)
			waiting := acquireAsync(t.Context(), p)
			synctest.Wait()
			lease.Return(fate, errRefused)
			if r := <-waiting; r.err != nil || r.lease.Conn() == lease.Conn() {
				t.Errorf("Acquire = %v, want a new connection", r)
			}
			if n := f.dials(); n != 2 {
				t.Errorf("%d dials, want 2", n)
			}
		})
	}
}

func TestAWaiterTakesWhicheverComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(ctx context.Context, n int) error {
			if n == 2 {
				time.Sleep(time.Second)
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 2})
		lease := acquire(t, p)
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		lease.Release()
		if r := <-waiting; r.err != nil || r.lease.Conn() != lease.Conn() {
			t.Errorf("Acquire = %v, want the connection that was given back", r)
		}
		wantUsage(t, p, usage{InUse: 1, InFlight: 1, Dialing: 1})
		time.Sleep(time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{InUse: 1, InFlight: 1, Idle: 1})
	})
}
