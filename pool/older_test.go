// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// idleBut returns a pool of cfg.MaxSize connections, all idle but the one of the lease.
func idleBut(t *testing.T, f pool.Factory[*conn], cfg pool.Config) (*pool.Pool[*conn], pool.Lease[*conn]) {
	t.Helper()
	cfg = effective(t, cfg)
	cfg.MinSize = cfg.MaxSize
	p := open(t, f, cfg)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, acquire(t, p)
}

// old reports whether c was made at the start.
func old(c *conn, cfg pool.Config) bool { return c.id <= cfg.MaxSize }

func TestAConnectionInDoubtIsReplacedWhenItsRoomIsNeeded(t *testing.T) {
	for _, fate := range []core.ConnFate{core.Broken, core.Suspect} {
		synctest.Test(t, func(t *testing.T) {
			f := &factory{}
			cfg := pool.Config{MaxSize: 10}
			p, lease := idleBut(t, f, cfg)
			lease.Return(fate, errRefused)
			for range 50 {
				lease := acquire(t, p)
				if old(lease.Conn(), cfg) {
					t.Fatalf("connection %d is lent unchecked", lease.Conn().id)
				}
				lease.Release()
			}
			synctest.Wait()
			if s := p.Stats(); s.Dials > 12 || s.Idle+s.InUse != 10 {
				t.Errorf("Stats = %+v, want one dial for the room of the broken connection, and one for its caller", s)
			}
			for range 10 { // all places at once
				lease := acquire(t, p)
				if old(lease.Conn(), cfg) {
					t.Fatalf("connection %d is lent unchecked", lease.Conn().id)
				}
				defer lease.Release()
			}
			if s := p.Stats(); s.InUse != 10 || s.Closed[pool.CloseUnhealthy] != 9 {
				t.Errorf("Stats = %+v, want the nine connections in doubt replaced", s)
			}
		})
	}
}

func TestManyCallersReplaceTheConnectionsInDoubtWithoutAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 10 {
				if k := now.Add(1); k > most.Load() {
					most.Store(k)
				}
				time.Sleep(time.Millisecond)
				now.Add(-1)
			}
			return nil
		}}
		cfg := pool.Config{MaxSize: 10, MaxConcurrentDials: 3}
		p, lease := idleBut(t, f, cfg)
		lease.Discard(nil)
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				lease := acquire(t, p)
				if old(lease.Conn(), cfg) {
					t.Errorf("connection %d is lent unchecked", lease.Conn().id)
				}
				if s := p.Stats(); s.Idle+s.InUse+s.Dialing > 10 {
					t.Errorf("Stats = %+v, want 10 connections at most", s)
				}
				time.Sleep(time.Millisecond)
				lease.Release()
			})
		}
		callers.Wait()
		if n := f.dials(); n > 20 || most.Load() > 3 {
			t.Errorf("%d dials, %d at once; want each connection replaced once, 3 at once", n, most.Load())
		}
	})
}

// The failure was of one connection: another one, which a caller had at that time, came
// back as good.
func TestAnOlderConnectionThatWorksEndsTheDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		cfg := pool.Config{MaxSize: 10}
		p, lease := idleBut(t, f, cfg)
		other := acquire(t, p)
		lease.Discard(nil)
		waiting := acquireAsync(t.Context(), p)
		time.Sleep(time.Second) // until the broken connection is replaced
		other.Release()
		(<-waiting).lease.Release()
		before := f.dials()
		var leases []pool.Lease[*conn]
		for range 10 {
			leases = append(leases, acquire(t, p))
		}
		for _, lease := range leases {
			lease.Release()
		}
		if n := f.dials() - before; n > 0 {
			t.Errorf("%d dials after the doubt was over, want none", n)
		}
	})
}

func TestWaitersAreServedWhenTheDoubtIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := slowAfter(4)
		p, lease := idleBut(t, f, pool.Config{MaxSize: 4, MaxConcurrentDials: 1})
		other := acquire(t, p)
		lease.Discard(nil)
		var waiting []<-chan result
		for range 3 {
			waiting = append(waiting, acquireAsync(t.Context(), p))
			synctest.Wait()
		}
		start := time.Now()
		other.Release()
		for i, w := range waiting {
			if r := <-w; r.err != nil {
				t.Errorf("waiter %d: Acquire = %v", i, r.err)
			} else {
				defer r.lease.Release()
			}
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v, want the connections that are in doubt no more", took)
		}
	})
}

// A server that ends one connection from time to time costs the pool that connection,
// and a dial.
func TestAFailureOfOneConnectionCostsOneDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		cfg := pool.Config{MaxSize: 10}
		p, lease := idleBut(t, f, cfg)
		lease.Discard(nil)
		synctest.Wait()
		before := f.dials()
		for range 100 {
			for range 5 {
				acquire(t, p).Release()
			}
			acquire(t, p).Discard(nil)
			synctest.Wait()
		}
		if n := f.dials() - before; n > 201 {
			t.Errorf("%d dials after 100 failures, want one for each, and one to keep MinSize", n)
		}
	})
}

func TestTheCheckerIsAskedAboutConnectionsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{&factory{}}
		cfg := pool.Config{MaxSize: 10, CheckIdleAfter: time.Hour}
		p, lease := idleBut(t, f, cfg)
		for _, c := range f.conns() {
			c.dead.Store(c.id%2 == 0)
		}
		lease.Discard(nil)
		synctest.Wait()
		var leases []pool.Lease[*conn]
		for range 10 {
			leases = append(leases, acquire(t, p))
		}
		kept := 0
		for _, lease := range leases {
			if c := lease.Conn(); old(c, cfg) {
				kept++
				if c.dead.Load() || c.asked.Load() != 1 {
					t.Errorf("connection %d is lent: dead %v, asked %d times", c.id, c.dead.Load(), c.asked.Load())
				}
			}
			lease.Release()
		}
		if kept < 4 {
			t.Errorf("%d of the older connections are left, want those that are alive", kept)
		}
	})
}

func TestConnectionsInDoubtArePinged(t *testing.T) {
	for _, every := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var (
				now, most atomic.Int32
				cfg       = pool.Config{MaxSize: 10, CheckEvery: every, MaxConcurrentDials: 3}
				p         *pool.Pool[*conn]
				lease     pool.Lease[*conn]
			)
			f := pinged{&factory{}, func(_ context.Context, c *conn) error {
				if k := now.Add(1); k > most.Load() {
					most.Store(k)
				}
				defer now.Add(-1)
				time.Sleep(10 * time.Millisecond)
				c.asked.Add(1)
				if c.dead.Load() {
					return errors.New("dead")
				}
				return nil
			}}
			p, lease = idleBut(t, f, cfg)
			for _, c := range f.conns() {
				c.dead.Store(c.id%2 == 0)
			}
			lease.Discard(nil)
			var callers sync.WaitGroup
			for range 20 {
				callers.Go(func() {
					lease := acquire(t, p)
					if c := lease.Conn(); old(c, cfg) && (c.asked.Load() != 1 || c.dead.Load()) {
						t.Errorf("connection %d is lent: dead %v, pinged %d times", c.id, c.dead.Load(), c.asked.Load())
					}
					time.Sleep(time.Millisecond)
					lease.Release()
				})
			}
			callers.Wait()
			time.Sleep(time.Second)
			if s := p.Stats(); s.Idle != 10 || most.Load() > 3 {
				t.Errorf("%d pings at once, Stats = %+v", most.Load(), s)
			}
			asked := int32(0)
			for _, c := range f.conns() {
				asked += c.asked.Load()
			}
			if asked > 9 {
				t.Errorf("%d pings, want one for each connection in doubt at most", asked)
			}
		})
	}
}

// The server is gone: the connections in doubt are no reason to wait.
func TestConnectionsInDoubtDoNotHideThatTheServerIsGone(t *testing.T) {
	gone := func(dial func(context.Context) error) *factory {
		return &factory{onDial: func(ctx context.Context, n int) error {
			if n <= 10 {
				return nil
			}
			return dial(ctx)
		}}
	}
	t.Run("it refuses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, lease := idleBut(t, gone(func(context.Context) error { return errRefused }), pool.Config{MaxSize: 10})
			lease.Discard(nil)
			start := time.Now()
			trials := 0
			for range 20 {
				lease, err := p.Acquire(t.Context())
				if err == nil {
					trials++
					lease.Discard(nil)
					continue
				}
				wantErr(t, "Acquire", err, pool.ErrDial)
			}
			if took := time.Since(start); trials != 1 || took > 0 {
				t.Errorf("%d trials in %v, want one after the one dial, and the refusal at once", trials, took)
			}
		})
	})
	t.Run("it does not answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			p, lease := idleBut(t, gone(hang), pool.Config{MaxSize: 10, DialTimeout: time.Hour})
			lease.Discard(nil)
			_, err := p.Acquire(t.Context())
			e, ok := errors.AsType[*pool.AcquireError](err)
			if !ok || e.Class().Verdict != core.Failure {
				t.Errorf("Acquire = %v, want a failure of the backend", err)
			}
		})
	})
}

func TestTryAcquireReplacesAConnectionInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := pool.Config{MaxSize: 3}
		p, lease := idleBut(t, &factory{}, cfg)
		lease.Discard(nil)
		synctest.Wait() // until MinSize is there again
		lease = acquire(t, p)
		defer lease.Release() // the only connection that is not in doubt
		for range 10 {
			if lease, ok := p.TryAcquire(); ok {
				if old(lease.Conn(), cfg) {
					t.Errorf("connection %d is lent unchecked", lease.Conn().id)
				}
				lease.Release()
				return
			}
			synctest.Wait()
		}
		t.Error("TryAcquire finds no connection, and begins no dial")
	})
}

// Connections of a shared pool are suspect one by one.
func TestAConnectionOfASharedPoolIsNotInDoubtForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := pool.Config{Mode: pool.Shared, MaxSize: 3}
		p, lease := idleBut(t, &factory{}, cfg)
		lease.Discard(nil)
		for range 10 {
			acquire(t, p).Release()
		}
		synctest.Wait()
		if s := p.Stats(); s.Dials != 4 || s.Idle != 3 {
			t.Errorf("Stats = %+v, want one dial more than at the start", s)
		}
	})
}

// One connection is broken, the others are well, and no dial succeeds: the password was
// changed, say.
func TestConnectionsInDoubtAreLentWhenTheyCannotBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 10 {
				return errRefused
			}
			return nil
		}}
		p, lease := idleBut(t, f, pool.Config{MaxSize: 10})
		lease.Discard(nil)
		for n := range 100 {
			lease, err := p.Acquire(t.Context())
			if err != nil {
				t.Fatalf("Acquire %d = %v, want one of nine that are well", n, err)
			}
			lease.Release()
			time.Sleep(100 * time.Millisecond)
		}
		if s := p.Stats(); s.Idle != 9 {
			t.Errorf("Stats = %+v, want nine idle", s)
		}
	})
}

// Range has every connection, so none can be replaced.
func TestConnectionsInDoubtAreLentWhileRangeHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, lease := idleBut(t, &factory{}, pool.Config{MaxSize: 10})
		done := make(chan struct{})
		go p.Range(func(*conn) bool { <-done; return false })
		synctest.Wait()
		lease.Discard(nil)
		start := time.Now()
		for range 3 {
			acquire(t, p).Release()
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v, want one of nine that are idle", took)
		}
		close(done)
	})
}

// A connection that Reset removed may have led to another server.
func TestARemovedConnectionThatWorksEndsNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		p := open(t, f, pool.Config{MaxSize: 4})
		first, a := acquire(t, p), acquire(t, p)
		first.Discard(nil) // now a is in doubt
		p.Reset("another address")
		b, c := acquire(t, p), acquire(t, p)
		doubted := c.Conn()
		c.Release()
		b.Discard(nil) // now c is in doubt
		a.Release()
		if l := acquire(t, p); l.Conn() == doubted {
			t.Error("a connection in doubt was lent")
		} else {
			l.Release()
		}
	})
}

// Resize takes the room in which the next dial would have begun.
func TestConnectionsInDoubtAreLentWhenNoDialCanBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 10 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 10})
		var leases []pool.Lease[*conn]
		for range 10 {
			leases = append(leases, acquire(t, p))
		}
		for _, lease := range leases[1:] {
			lease.Release()
		}
		leases[0].Discard(nil)
		trial := acquire(t, p) // after the dial that failed
		trial.Discard(nil)
		if err := p.Resize(8); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		start := time.Now()
		acquire(t, p).Release()
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v, want one of eight that are idle", took)
		}
	})
}
