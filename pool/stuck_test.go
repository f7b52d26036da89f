// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// blackhole makes a factory whose dials do not return while lost is true, whatever
// their context says. They return when the test ends.
func blackhole(t *testing.T) (f *factory, lost *atomic.Bool) {
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	lost = new(atomic.Bool)
	lost.Store(true)
	f = &factory{onDial: func(context.Context, int) error {
		if lost.Load() {
			<-end
			return errRefused
		}
		return nil
	}}
	return f, lost
}

// strand lets callers ask until n dials hang.
func strand(t *testing.T, p *pool.Pool[*conn], f *factory, n int) {
	t.Helper()
	for start := time.Now(); f.dials() < n; time.Sleep(time.Second) {
		if time.Since(start) > time.Hour {
			t.Fatalf("%d dials in an hour, want %d", f.dials(), n)
		}
		if _, err := p.Acquire(t.Context()); err == nil {
			t.Fatal("Acquire = nil, but the network is lost")
		}
	}
	time.Sleep(time.Minute)
}

func TestDialsThatNeverReturnDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := blackhole(t)
		p := open(t, f, pool.Config{MaxSize: 4, DialTimeout: time.Second})
		start := time.Now()
		for time.Since(start) < time.Hour {
			_, err := p.Acquire(t.Context())
			wantErr(t, "Acquire", err, pool.ErrDial)
			time.Sleep(time.Second)
		}
		most := pool.MaxStuck + int(time.Hour/pool.StuckPause)
		if n := f.dials(); n > most {
			t.Errorf("%d dials hang after an hour, want %d at most", n, most)
		}
	})
}

func TestANetworkThatIsWellAgainIsFoundAlthoughOldDialsHang(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, lost := blackhole(t)
				p := open(t, f, pool.Config{Mode: mode, MaxSize: 4, TargetSharing: 1, DialTimeout: time.Second})
				strand(t, p, f, pool.MaxStuck+2)
				lost.Store(false)
				time.Sleep(pool.StuckPause)
				// Every connection comes without a further pause.
				start := time.Now()
				for range 4 {
					acquire(t, p)
					synctest.Wait()
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("four dials took %v", took)
				}
				if s := p.Stats(); s.Idle+s.InUse != 4 {
					t.Errorf("Stats = %+v, want 4 connections", s)
				}
			})
		})
	}
}

// Nobody asks while the network is lost for long: MinSize is kept by the pool alone.
func TestMinSizeIsDialedAgainAlthoughOldDialsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, lost := blackhole(t)
		p := open(t, f, pool.Config{MinSize: 2, DialTimeout: time.Second})
		if err := p.Start(t.Context()); err == nil {
			t.Fatal("Start = nil, but the network is lost")
		}
		time.Sleep(24 * time.Hour)
		if n, most := f.dials(), pool.MaxStuck+2+24*60; n <= pool.MaxStuck || n > most {
			t.Errorf("%d dials hang after a day, want more than %d and %d at most", n, pool.MaxStuck, most)
		}
		lost.Store(false)
		// A dial that began a moment ago is stuck after its timeout, and the pause begins then.
		time.Sleep(pool.StuckPause + 5*time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 2})
	})
}

// A shared pool replaces its connections although 64 dials of former successors
// hang.
func TestAConnectionIsReplacedAlthoughOldDialsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, lost := blackhole(t)
		lost.Store(false)
		p := open(t, f, pool.Config{
			Mode: pool.Shared, MaxSize: 1, DialTimeout: time.Second,
			MaxLifetime: time.Hour, LifetimeJitter: pool.NoJitter,
		})
		acquire(t, p).Release()
		lost.Store(true)
		time.Sleep(24 * time.Hour)
		lost.Store(false)
		time.Sleep(pool.StuckPause + time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Closed[pool.CloseLifetime] != 1 || s.Idle != 1 {
			t.Errorf("Stats = %+v, want the old connection replaced", s)
		}
	})
}

func TestCallersHearAtOnceThatDialsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, lost := blackhole(t)
		p := open(t, f, pool.Config{MaxSize: 4, DialTimeout: time.Second})
		strand(t, p, f, pool.MaxStuck+2)
		_, err := p.Acquire(t.Context()) // begins a dial, which hangs
		wantErr(t, "Acquire", err, pool.ErrDialTimeout)
		time.Sleep(10 * time.Second) // longer than the longest backoff
		lost.Store(false)
		start := time.Now()
		_, err = p.Acquire(t.Context())
		wantErr(t, "Acquire in the pause", err, pool.ErrDialTimeout)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v, although no dial may begin", waited)
		}
	})
}
