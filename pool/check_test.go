// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

func TestTheCheckerIsAskedOnlyAboutConnectionsThatWereIdle(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, checked{&factory{}}, pool.Config{Mode: mode, MaxSize: 1, CheckIdleAfter: 20 * time.Second})
				use := func(want int32) {
					t.Helper()
					lease := acquire(t, p)
					lease.Release()
					if n := lease.Conn().asked.Load(); n != want {
						t.Errorf("asked %d times, want %d", n, want)
					}
				}
				for range 100 {
					use(0)
					time.Sleep(10 * time.Second) // half of the limit
				}
				time.Sleep(10 * time.Second) // the whole limit
				synctest.Wait()
				use(1)
				use(1)
				time.Sleep(time.Hour)
				synctest.Wait()
				use(2)
				use(2)
			})
		})
	}
}

func TestAConnectionThatDiedWhileIdleIsNotLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, checked{&factory{}}, pool.Config{MaxSize: 1, CheckIdleAfter: time.Second})
		first := acquire(t, p)
		first.Conn().dead.Store(true)
		first.Release()
		if l := acquire(t, p); l.Conn() != first.Conn() {
			t.Error("asked at once")
		} else {
			l.Release()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if l := acquire(t, p); l.Conn() == first.Conn() {
			t.Error("lent a dead connection")
		}
		if n := p.Stats().Closed[pool.CloseDead]; n != 1 {
			t.Errorf("Closed[dead] = %d, want 1", n)
		}
	})
}

func TestIdleConnectionsArePingedAndTheSickAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pings atomic.Int32
		f := pinged{&factory{}, func(_ context.Context, c *conn) error {
			pings.Add(1)
			if c.dead.Load() {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 2, MinSize: 2, CheckEvery: time.Minute})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := pings.Load(); n < 2 || n > 4 {
			t.Errorf("%d pings in 2 minutes of 2 connections, want 2 to 4", n)
		}
		wantUsage(t, p, usage{Idle: 2})
		f.conns()[0].dead.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := p.Stats(); s.Closed[pool.CloseUnhealthy] != 1 || s.Idle != 2 {
			t.Errorf("Stats = %+v, want the sick connection closed and replaced", s)
		}
	})
}

func TestAConnectionInUseIsNotPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := pinged{&factory{}, func(context.Context, *conn) error { return errors.New("pinged") }}
		p := open(t, f, pool.Config{MaxSize: 1, CheckEvery: time.Minute})
		lease := acquire(t, p)
		time.Sleep(time.Hour)
		for range 600 { // the connection is used so often that no ping is due
			lease.Release()
			lease = acquire(t, p)
			time.Sleep(10 * time.Second)
		}
		if s := p.Stats(); s.Closed[pool.CloseUnhealthy] != 0 {
			t.Errorf("Stats = %+v, want no ping", s)
		}
	})
}

func TestASharedConnectionThatFailsAPingIsSuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := pinged{&factory{}, func(_ context.Context, c *conn) error {
			if c.dead.Load() {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 2, MinSize: 2, CheckEvery: 10 * time.Second, ReplaceAfter: time.Minute})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		bad := f.conns()[0]
		bad.dead.Store(true)
		time.Sleep(25 * time.Second)
		synctest.Wait()
		for range 10 {
			l := acquire(t, p)
			if l.Conn() == bad {
				t.Fatal("lent a connection that failed its ping")
			}
			l.Release()
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := p.Stats(); s.Closed[pool.CloseUnhealthy] != 1 || s.Idle != 2 {
			t.Errorf("Stats = %+v, want it replaced", s)
		}
	})
}

func TestACheckDoesNotHoldWhatWaitersNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := pinged{&factory{}, func(ctx context.Context, _ *conn) error { time.Sleep(time.Second); return nil }}
		p := grown(t, f, pool.Config{MaxSize: 8, CheckEvery: time.Minute})
		time.Sleep(2 * time.Minute) // the connections were used in the first minute
		synctest.Wait()
		if s := p.Stats(); s.InUse < 1 || s.InUse > 2 || s.InFlight != 0 {
			t.Errorf("Stats = %+v, want a quarter of the connections checked at once", s)
		}
		start := time.Now()
		var leases []pool.Lease[*conn]
		for range 8 {
			leases = append(leases, acquire(t, p)) // waits if the connection is being pinged
		}
		if waited := time.Since(start); waited > time.Second {
			t.Errorf("waited %v for a check", waited)
		}
		for _, l := range leases {
			l.Release()
		}
	})
}

func TestAPingThatMisbehavesCostsNoSlot(t *testing.T) {
	stop := make(chan struct{})
	for name, ping := range map[string]func(context.Context, *conn) error{
		"panics":       func(context.Context, *conn) error { panic("oops") },
		"calls Goexit": func(context.Context, *conn) error { runtime.Goexit(); return nil },
		"hangs":        func(ctx context.Context, _ *conn) error { <-ctx.Done(); return ctx.Err() },
		"never returns": func(context.Context, *conn) error {
			<-stop
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop = make(chan struct{})
				p := open(t, pinged{&factory{}, ping}, pool.Config{MaxSize: 1, CheckEvery: time.Minute})
				first := acquire(t, p)
				first.Release()
				time.Sleep(2*time.Minute + effective(t, pool.Config{}).DialTimeout + time.Second)
				synctest.Wait()
				if s := p.Stats(); s.Closed[pool.CloseUnhealthy] > 1 || s.Idle+s.InUse != 0 {
					t.Errorf("Stats = %+v, want the connection gone", s)
				}
				if l := acquire(t, p); l.Conn() == first.Conn() {
					t.Error("lent a connection that failed its ping")
				} else {
					l.Release()
				}
				close(stop)
				if err := p.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
			})
		})
	}
}

func TestCloseCutsChecksShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := pinged{&factory{}, func(ctx context.Context, _ *conn) error { <-ctx.Done(); return ctx.Err() }}
		p := open(t, f, pool.Config{MaxSize: 1, CheckEvery: time.Minute})
		acquire(t, p).Release()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		wantUsage(t, p, usage{InUse: 1})
		start := time.Now()
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
	})
}
