// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// Every duration that means "never" in practice is as good as any other.
func TestTheLongestDurationsAreUsable(t *testing.T) {
	const forever = time.Duration(math.MaxInt64)
	for _, longest := range []time.Duration{forever, forever - 1, forever - 50*time.Millisecond} {
		for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
			t.Run(longest.String()+" "+mode.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					pings := 0
					f := pinged{&factory{onDial: func(context.Context, int) error {
						time.Sleep(time.Minute)
						return nil
					}}, func(context.Context, *conn) error {
						pings++
						time.Sleep(time.Minute)
						return nil
					}}
					cfg := pool.Config{
						Mode: mode, MaxSize: 1, AcquireTimeout: longest, DialTimeout: longest,
						MaxLifetime: longest, LifetimeJitter: pool.NoJitter, IdleTimeout: longest,
						CheckEvery: time.Hour, LeakAfter: longest, OnLeak: func(pool.LeakInfo) { t.Error("a lease counts as leaked") },
					}
					if mode == pool.Shared {
						cfg.ReplaceAfter = longest
					}
					p := open(t, f, cfg)
					lease := acquire(t, p)
					time.Sleep(time.Hour)
					lease.Release()
					time.Sleep(100*time.Hour + 30*time.Minute) // between two pings
					if s := p.Stats(); s.Dials != 1 || s.DialErrors != 0 || s.Idle+s.InUse != 1 || pings < 90 {
						t.Errorf("%d pings, Stats = %+v; want the one connection that was dialed", pings, s)
					}
				})
			})
		}
	}
}

func TestTheLongestChecksAreUsable(t *testing.T) {
	const forever = time.Duration(math.MaxInt64)
	synctest.Test(t, func(t *testing.T) {
		f := all{checked{&factory{}}, func() { t.Error("a connection is pinged") }}
		p := open(t, f, pool.Config{CheckEvery: forever, CheckIdleAfter: forever, MaxLifetime: forever, LifetimeJitter: forever})
		acquire(t, p).Release()
		time.Sleep(1000 * time.Hour)
		lease := acquire(t, p)
		if n := lease.Conn().asked.Load(); n != 0 {
			t.Errorf("the checker was asked %d times", n)
		}
		lease.Release()
	})
}

// all is a factory with Alive and Ping.
type all struct {
	checked
	pings func()
}

func (a all) Ping(context.Context, *conn) error { a.pings(); return nil }
