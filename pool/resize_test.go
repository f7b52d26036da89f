// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

func TestResizeUpServesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		acquire(t, p)
		a, b := acquireAsync(t.Context(), p), acquireAsync(t.Context(), p)
		synctest.Wait()
		if err := p.Resize(2); err != nil {
			t.Fatalf("Resize = %v", err)
		}
		synctest.Wait()
		if pending(a) == pending(b) {
			t.Error("want one of the two waiters served")
		}
		if s := p.Stats(); s.Max != 2 || s.InUse != 2 {
			t.Errorf("Stats = %+v, want 2 of 2 in use", s)
		}
	})
}

func TestResizeDownClosesIdleConnectionsFirstAndTheOthersWhenTheyComeBack(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := pool.Config{Mode: mode, MaxSize: 4}
				if mode == pool.Shared {
					cfg.TargetSharing = 1
				}
				p := grown(t, &factory{}, cfg)
				a, b := acquire(t, p), acquire(t, p)
				if err := p.Resize(1); err != nil {
					t.Fatalf("Resize = %v", err)
				}
				synctest.Wait()
				if s := p.Stats(); s.Max != 1 || s.InUse != 1 || s.Idle != 0 || s.InFlight != 2 || s.Closed[pool.CloseResize] != 2 {
					t.Errorf("Stats = %+v, want 1 in use and 2 closed", s)
				}
				a.Release()
				b.Release()
				synctest.Wait()
				if s := p.Stats(); s.Idle != 1 || s.InFlight != 0 || s.Closed[pool.CloseResize] != 3 {
					t.Errorf("Stats = %+v, want 1 idle and 3 closed", s)
				}
			})
		})
	}
}

func TestResizeDownDestroysWhatIsBeingDialed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }} // ignores its context
		p := open(t, f, pool.Config{MaxSize: 4})
		var waiting []<-chan result
		for range 4 {
			waiting = append(waiting, acquireAsync(t.Context(), p))
		}
		synctest.Wait()
		if err := p.Resize(1); err != nil {
			t.Fatalf("Resize = %v", err)
		}
		if s := p.Stats(); s.Dialing != 1 || s.Max != 1 {
			t.Errorf("Stats = %+v, want 1 dialing of 1", s)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		served := 0
		for _, c := range waiting {
			if !pending(c) {
				served++
			}
		}
		if s := p.Stats(); served != 1 || s.InUse != 1 || s.Closed[pool.CloseResize] != 3 {
			t.Errorf("%d served, Stats = %+v, want 1 and 3 closed", served, s)
		}
	})
}

func TestResizeRefusesWhatCannotBe(t *testing.T) {
	p := open(t, &factory{}, pool.Config{Name: "docs", MinSize: 2})
	err := p.Resize(0)
	if err == nil || !strings.Contains(err.Error(), `pool "docs"`) ||
		!strings.Contains(err.Error(), "size is 0, want at least 1") || !strings.Contains(err.Error(), "size 0 is less than MinSize 2") {
		t.Errorf("Resize = %v, want both faults", err)
	}
	if s := p.Stats(); s.Max != 10 {
		t.Errorf("Max = %d, want 10", s.Max)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Resize after Close", p.Resize(5), pool.ErrClosed)
	p.Reset("after Close") // does nothing
	if s := p.Stats(); s.Resets != 0 {
		t.Errorf("Resets = %d, want 0", s.Resets)
	}
}

func TestResetRetiresEveryConnection(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, &factory{}, pool.Config{Mode: mode, MaxSize: 2, MinSize: 2})
				if err := p.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				old := acquire(t, p)
				p.Reset("new password")
				synctest.Wait()
				s := p.Stats()
				// An exclusive connection takes its room until its caller has returned it.
				idle := 1
				if mode == pool.Shared {
					idle = 2
				}
				if s.Resets != 1 || s.LastReset != "new password" || s.Closed[pool.CloseReset] != 1 || s.Idle != idle || s.Leaving != 1 || s.InFlight != 1 {
					t.Errorf("Stats = %+v, want %d new connections", s, idle)
				}
				if l := acquire(t, p); l.Conn() == old.Conn() {
					t.Error("lent a connection from before the reset")
				}
				old.Release()
				synctest.Wait()
				if s := p.Stats(); s.Closed[pool.CloseReset] != 2 || s.Idle+s.InUse != 2 || s.Leaving != 0 {
					t.Errorf("Stats = %+v, want both old connections closed and two new ones", s)
				}
			})
		})
	}
}

func TestADialThatEndsAfterResetIsDestroyedAndItsWaiterGetsANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }} // ignores its context
		p := open(t, f, pool.Config{MaxSize: 1})
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		p.Reset("")
		synctest.Wait()
		if s := p.Stats(); f.dials() != 1 || s.Leaving != 1 {
			t.Fatalf("%d dials, want no other one while the first may make a connection; Stats = %+v", f.dials(), s)
		}
		time.Sleep(pool.CallGrace)
		synctest.Wait()
		if s := p.Stats(); f.dials() != 2 || s.Stuck != 1 || s.Leaving != 0 {
			t.Fatalf("%d dials, want another one as the first one is stuck; Stats = %+v", f.dials(), s)
		}
		time.Sleep(500*time.Millisecond - pool.CallGrace)
		synctest.Wait()
		if !pending(waiting) {
			t.Fatal("the waiter got a connection from before the reset")
		}
		time.Sleep(500*time.Millisecond + pool.CallGrace)
		if r := <-waiting; r.err != nil || r.lease.Conn().id != 2 {
			t.Errorf("Acquire = %v, want the second connection", r)
		}
		if s := p.Stats(); s.Closed[pool.CloseReset] != 1 {
			t.Errorf("Stats = %+v, want the first one closed", s)
		} else if s.Stuck != 0 {
			t.Errorf("Stats = %+v, want no stuck call", s)
		}
	})
}

func TestResetEndsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		f := &factory{onDial: func(context.Context, int) error {
			if down.Load() {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{})
		for range 10 {
			_, _ = p.Acquire(t.Context())
			time.Sleep(5 * time.Second)
		}
		_, _ = p.Acquire(t.Context())
		down.Store(false)
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire in the backoff", err, pool.ErrDial)
		p.Reset("it is up again")
		acquire(t, p).Release()
	})
}

func TestRangeSeesEveryConnectionAndKeepsItOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := grown(t, &factory{}, pool.Config{MaxSize: 3})
		lent := acquire(t, p)
		leaving := acquire(t, p)
		if err := p.Resize(2); err != nil { // removes the idle connection
			t.Fatal(err)
		}
		p.Reset("") // removes the two connections that are lent
		seen := map[*conn]bool{}
		p.Range(func(c *conn) bool {
			seen[c] = true
			if len(seen) == 1 {
				lent.Release()
				leaving.Release()
				synctest.Wait()
			}
			if c.closed.Load() != 0 {
				t.Errorf("connection %d is closed", c.id)
			}
			return true
		})
		if len(seen) < 2 || !seen[lent.Conn()] || !seen[leaving.Conn()] {
			t.Errorf("saw %d connections, want those that are lent", len(seen))
		}
		synctest.Wait()
		if lent.Conn().closed.Load() != 1 || leaving.Conn().closed.Load() != 1 {
			t.Error("not closed after Range")
		}
		calls := 0
		acquire(t, p).Release()
		acquire(t, p).Release()
		p.Range(func(*conn) bool { calls++; return false })
		if calls != 1 {
			t.Errorf("%d calls after false, want 1", calls)
		}
	})
}

func TestTryAcquireDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		p := open(t, f, pool.Config{MaxSize: 1})
		start := time.Now()
		for range 5 {
			if _, ok := p.TryAcquire(); ok {
				t.Error("TryAcquire of an empty pool = true")
			}
		}
		if time.Since(start) != 0 {
			t.Error("TryAcquire waited")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		lease, ok := p.TryAcquire()
		if !ok || f.dials() != 1 {
			t.Fatalf("TryAcquire = %v after %d dials, want the one that was begun", ok, f.dials())
		}
		if _, ok := p.TryAcquire(); ok {
			t.Error("TryAcquire = true, but nothing is free")
		}
		lease.Release()
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := p.TryAcquire(); ok {
			t.Error("TryAcquire of a closed pool = true")
		}
	})
}

// Whichever comes second has to heed the first. Without one lock for check and change, a few
// hundred rounds are enough.
func TestResizeAndReconfigureAtTheSameTimeKeepMinSizeBelowTheSize(t *testing.T) {
	p := open(t, &factory{}, pool.Config{MaxSize: 10})
	for range 2000 {
		if err := p.Reconfigure(pool.Config{MaxSize: 10}); err != nil {
			t.Fatalf("Reconfigure = %v", err)
		}
		var both sync.WaitGroup
		both.Go(func() { _ = p.Reconfigure(pool.Config{MaxSize: 10, MinSize: 8}) })
		both.Go(func() { _ = p.Resize(4) })
		both.Wait()
		if s := p.Stats(); s.Max < s.Min {
			t.Fatalf("the pool has %d connections at most and %d at least", s.Max, s.Min)
		}
	}
}
