// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// grown makes a pool with MaxSize connections.
func grown(t *testing.T, f pool.Factory[*conn], cfg pool.Config) *pool.Pool[*conn] {
	t.Helper()
	p := open(t, f, cfg)
	var leases []pool.Lease[*conn]
	for range cfg.MaxSize * max(cfg.TargetSharing, 1) {
		leases = append(leases, acquire(t, p))
		synctest.Wait() // the pool may grow
	}
	for _, l := range leases {
		l.Release()
	}
	if s := p.Stats(); s.Idle != cfg.MaxSize {
		t.Fatalf("Stats = %+v, want %d idle", s, cfg.MaxSize)
	}
	return p
}

func TestAnExclusiveConnectionEndsWithItsLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := grown(t, &factory{}, pool.Config{MaxSize: 2, MaxLifetime: time.Hour, LifetimeJitter: pool.NoJitter})
		used := acquire(t, p)
		time.Sleep(time.Hour - time.Second)
		wantUsage(t, p, usage{Idle: 1, InUse: 1, InFlight: 1})
		time.Sleep(time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{InFlight: 1})
		if n := used.Conn().closed.Load(); n != 0 {
			t.Error("closed while a caller had it")
		}
		if l := acquire(t, p); l.Conn() == used.Conn() {
			t.Error("lent beyond its lifetime")
		}
		used.Release()
		synctest.Wait()
		if n := p.Stats().Closed[pool.CloseLifetime]; n != 2 || used.Conn().closed.Load() != 1 {
			t.Errorf("Closed[lifetime] = %d, want 2", n)
		}
	})
}

func TestJitterShortensLifetimesAndNeverLengthensThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ages []time.Duration
		start := time.Now()
		f := &factory{}
		f.onClose = func(context.Context, *conn) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			ages = append(ages, time.Since(start))
			return nil
		}
		grown(t, f, pool.Config{MaxSize: 50, MaxLifetime: 100 * time.Minute}) // the default jitter is a tenth
		time.Sleep(100 * time.Minute)
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		slices.Sort(ages)
		if len(ages) != 50 || ages[0] < 90*time.Minute || ages[0] > 93*time.Minute || ages[49] < 97*time.Minute {
			t.Errorf("%d connections ended between %v and %v, want 50 between 90m and 100m", len(ages), ages[0], ages[len(ages)-1])
		}
	})
}

func TestMinSizeIsKeptBeyondALifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MinSize: 3, MaxLifetime: time.Hour})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 3})
	})
}

func TestASharedConnectionIsReplacedBeforeItIsRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 1 {
				time.Sleep(time.Second)
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 1, MaxLifetime: time.Hour, LifetimeJitter: pool.NoJitter})
		old := acquire(t, p)
		time.Sleep(time.Hour)
		synctest.Wait()
		// While the successor is being dialed, the old connection is lent without a wait.
		if s := p.Stats(); s.Replacing != 1 || s.Dialing != 0 || s.InUse != 1 {
			t.Errorf("Stats = %+v, want 1 replacing", s)
		}
		if l := acquire(t, p); l.Conn() != old.Conn() {
			t.Error("not lent while its successor is dialed")
		} else {
			l.Release()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if l := acquire(t, p); l.Conn() == old.Conn() {
			t.Error("lent beyond its lifetime")
		}
		if n := old.Conn().closed.Load(); n != 0 {
			t.Error("closed while a caller had it")
		}
		old.Release()
		synctest.Wait()
		if n := p.Stats().Closed[pool.CloseLifetime]; n != 1 {
			t.Errorf("Closed[lifetime] = %d, want 1", n)
		}
	})
}

func TestASharedConnectionStaysUntilItsSuccessorCanBeDialed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		f := &factory{onDial: func(context.Context, int) error {
			if down.Load() {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 1, MaxLifetime: time.Hour, LifetimeJitter: pool.NoJitter})
		old := acquire(t, p)
		old.Release()
		down.Store(true)
		time.Sleep(2 * time.Hour)
		if l := acquire(t, p); l.Conn() != old.Conn() {
			t.Error("the connection was retired without a successor")
		}
		down.Store(false)
		time.Sleep(5 * time.Second) // the longest pause between dials
		synctest.Wait()
		if l := acquire(t, p); l.Conn() == old.Conn() {
			t.Error("the connection was not replaced when it could be")
		}
		if n := f.dials(); n > 2000 {
			t.Errorf("%d dials in an hour", n)
		}
	})
}

func TestConnectionsAreReplacedOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 3 {
				time.Sleep(time.Second)
			}
			return nil
		}}
		p := grown(t, f, pool.Config{Mode: pool.Shared, MaxSize: 3, TargetSharing: 1, MaxLifetime: time.Hour, LifetimeJitter: pool.NoJitter})
		time.Sleep(time.Hour)
		for i := range 3 {
			synctest.Wait()
			if s := p.Stats(); s.Idle != 3 || s.Replacing != 1 || s.Closed[pool.CloseLifetime] != uint64(i) {
				t.Errorf("Stats = %+v, want 3 connections and the %d. replaced", s, i+1)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if s := p.Stats(); s.Idle != 3 || s.Replacing != 0 || s.Closed[pool.CloseLifetime] != 3 {
			t.Errorf("Stats = %+v, want 3 new connections", s)
		}
	})
}

func TestAReplacementTakesTheRoomOfAConnectionThatBreaksMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 1 {
				time.Sleep(time.Second)
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 1, MaxLifetime: time.Hour, LifetimeJitter: pool.NoJitter})
		lease := acquire(t, p)
		time.Sleep(time.Hour)
		synctest.Wait()
		lease.Discard(errRefused)
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		if s := p.Stats(); s.Replacing != 0 || s.Dialing != 1 {
			t.Errorf("Stats = %+v, want the replacement counted as a dial", s)
		}
		if r := <-waiting; r.err != nil {
			t.Errorf("Acquire = %v", r.err)
		}
		if n := f.dials(); n != 2 {
			t.Errorf("%d dials, want 2", n)
		}
	})
}

func TestIdleConnectionsAreClosedDownToMinSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := grown(t, &factory{}, pool.Config{MaxSize: 8, MinSize: 2, IdleTimeout: time.Minute})
		time.Sleep(59 * time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 8})
		// Half of the connections at a time: one quiet minute must not cost all of them.
		time.Sleep(16 * time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 4})
		time.Sleep(time.Minute)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 2})
		if n := p.Stats().Closed[pool.CloseIdle]; n != 6 {
			t.Errorf("Closed[idle] = %d, want 6", n)
		}
	})
}

func TestAConnectionThatIsLentIsNotIdle(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		synctest.Test(t, func(t *testing.T) {
			p := open(t, &factory{}, pool.Config{Mode: mode, IdleTimeout: time.Minute})
			lease := acquire(t, p)
			time.Sleep(time.Hour)
			wantUsage(t, p, usage{InUse: 1, InFlight: 1})
			lease.Release()
			time.Sleep(59 * time.Second)
			wantUsage(t, p, usage{Idle: 1})
			time.Sleep(time.Minute)
			wantUsage(t, p, usage{})
		})
	}
}

func TestASharedPoolShrinksUnderALowLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := grown(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 4, TargetSharing: 4, MaxSharing: 8, IdleTimeout: time.Minute})
		// Three callers use all connections in turn, so no connection is idle.
		stop := time.Now().Add(10 * time.Minute)
		for time.Now().Before(stop) {
			a, b, c := acquire(t, p), acquire(t, p), acquire(t, p)
			time.Sleep(time.Second)
			a.Release()
			b.Release()
			c.Release()
		}
		// At TargetSharing/2, two connections carry four callers and one carries two:
		// three callers need two connections.
		if s := p.Stats(); s.Idle != 3 && s.Idle != 2 || s.Closed[pool.CloseIdle] == 0 {
			t.Errorf("Stats = %+v, want fewer connections", s)
		}
		if s := p.Stats(); s.Idle+s.InUse < 2 {
			t.Errorf("Stats = %+v, want two connections left", s)
		}
	})
}

func TestWithoutLimitsNothingRunsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := grown(t, checked{&factory{}}, pool.Config{MaxSize: 3, MinSize: 1})
		start := time.Now()
		time.Sleep(24 * time.Hour)
		wantUsage(t, p, usage{Idle: 3})
		if time.Since(start) != 24*time.Hour || p.Stats().Dials != 3 {
			t.Error("something happened")
		}
	})
}

func TestASuspectConnectionThatStaysSuspectIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{&factory{}}
		p := started(t, f, 2)
		bad := acquire(t, p)
		bad.Conn().dead.Store(true)
		bad.Return(core.Suspect, errRefused)
		time.Sleep(effective(t, pool.Config{Mode: pool.Shared}).ReplaceAfter - time.Second)
		if n := f.dials(); n != 2 {
			t.Fatalf("%d dials, want 2", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := p.Stats(); f.dials() != 3 || s.Closed[pool.CloseUnhealthy] != 1 || s.Idle != 2 {
			t.Errorf("Stats = %+v, want the connection replaced", s)
		}
	})
}

func TestASuspectConnectionThatRecoversIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{&factory{}}
		p := started(t, f, 2)
		bad := acquire(t, p)
		bad.Return(core.Suspect, errRefused) // although the connection is alive
		time.Sleep(time.Hour)
		if s := p.Stats(); f.dials() != 2 || s.Closed[pool.CloseUnhealthy] != 0 {
			t.Errorf("Stats = %+v, want the connection kept", s)
		}
	})
}

func TestWithoutAReplacementSuspectConnectionsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		f := checked{&factory{onDial: func(context.Context, int) error {
			if down.Load() {
				return errRefused
			}
			return nil
		}}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 2, MinSize: 2, ReplaceAfter: 10 * time.Second})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		down.Store(true)
		for _, c := range f.conns() {
			c.dead.Store(true)
		}
		for range 2 {
			acquire(t, p).Return(core.Suspect, errRefused)
		}
		time.Sleep(time.Minute)
		// The outage goes on. Callers fail on a connection instead of waiting for one.
		for range 10 {
			l := acquire(t, p)
			l.Return(core.Suspect, errRefused)
		}
		down.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Closed[pool.CloseUnhealthy] != 2 || s.Idle != 2 {
			t.Errorf("Stats = %+v, want both replaced after the outage", s)
		}
	})
}
