// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// counted is a factory that counts from outside of the pool: dials under way, and
// connections from their dial to the return of their Close.
type counted struct {
	*factory
	mu        sync.Mutex
	now, most int
}

func (f *counted) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now += n
	f.most = max(f.most, f.now)
}

// counts returns how many connections are open, and the most that ever were.
func (f *counted) counts() (now, most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.most
}

func (f *counted) Dial(ctx context.Context) (*conn, error) {
	f.add(1)
	c, err := f.factory.Dial(ctx)
	if err != nil {
		f.add(-1)
	}
	return c, err
}

func (f *counted) Close(ctx context.Context, c *conn) error {
	defer f.add(-1)
	return f.factory.Close(ctx, c)
}

// wantMost checks the most connections that were ever open.
func (f *counted) wantMost(t *testing.T, want int) {
	t.Helper()
	if _, most := f.counts(); most > want {
		t.Errorf("%d connections were open at once, want %d at most", most, want)
	}
}

func TestALifetimeThatEndsWhileLentAddsNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, hold = 2, 5 * time.Second
		f := &counted{factory: &factory{}}
		p := open(t, f, pool.Config{MaxSize: size, MaxLifetime: 100 * time.Millisecond, AcquireTimeout: time.Hour})
		var (
			all       sync.WaitGroup
			mu        sync.Mutex
			out, most int
		)
		for range 20 {
			all.Go(func() {
				lease := acquire(t, p)
				mu.Lock()
				out++
				most = max(most, out)
				mu.Unlock()
				time.Sleep(hold)
				mu.Lock()
				out--
				mu.Unlock()
				lease.Release()
			})
		}
		start := time.Now()
		time.Sleep(time.Second)
		if s := p.Stats(); s.Leaving != size || s.InFlight != size || s.InUse+s.Idle != 0 {
			t.Errorf("Stats = %+v, want %d connections leaving, with a caller each", s, size)
		}
		all.Wait()
		if most > size {
			t.Errorf("%d leases were out at once, want %d at most", most, size)
		}
		f.wantMost(t, size)
		if took := time.Since(start); took != 20/size*hold {
			t.Errorf("all callers took %v, want %v: each is served when a connection is closed", took, 20/size*hold)
		}
	})
}

func TestAConnectionTakesItsRoomUntilItIsClosed(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const slow = 5 * time.Second
				f := &counted{factory: &factory{onClose: func(context.Context, *conn) error { time.Sleep(slow); return nil }}}
				p := open(t, f, pool.Config{Mode: mode, MaxSize: 2, AcquireTimeout: time.Hour})
				most := 2
				if mode == pool.Shared {
					most = 3 // a connection that is on its way out, and its successor
				}
				start := time.Now()
				for range 10 * most {
					acquire(t, p).Discard(errRefused)
					if s := p.Stats(); s.Closing > most {
						t.Fatalf("Stats = %+v, want %d closing at most", s, most)
					}
				}
				if took := time.Since(start); took != 9*slow {
					t.Errorf("the callers took %v, want %v: each dial begins when a Close ends", took, 9*slow)
				}
				f.wantMost(t, most)
				if s := p.Stats(); s.Closing != most || s.Stuck != 0 {
					t.Errorf("Stats = %+v, want %d closing", s, most)
				}
				time.Sleep(slow)
				synctest.Wait()
				if now, _ := f.counts(); now != 0 || p.Stats().Closing != 0 {
					t.Errorf("%d connections are open in the end", now)
				}
			})
		})
	}
}

func TestResetsAddNoConnection(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &counted{factory: &factory{}}
				p := open(t, f, pool.Config{Mode: mode, MaxSize: 2, TargetSharing: 1})
				most := 2
				if mode == pool.Shared {
					most = 3
				}
				var all []pool.Lease[*conn]
				for range 5 {
					for range 2 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						if lease, err := p.Acquire(ctx); err == nil {
							all = append(all, lease)
						}
						cancel()
					}
					p.Reset("again")
				}
				f.wantMost(t, most)
				if mode == pool.Exclusive && len(all) > most {
					t.Errorf("%d leases are out, want %d at most", len(all), most)
				}
				waiting := acquireAsync(t.Context(), p)
				synctest.Wait()
				for _, l := range all {
					l.Release()
				}
				if r := <-waiting; r.err != nil {
					t.Errorf("Acquire = %v", r.err)
				}
				f.wantMost(t, most)
			})
		})
	}
}

func TestDroppedDialsTakeTheirRoomUntilTheyReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &counted{factory: &factory{onDial: func(ctx context.Context, _ int) error {
			<-ctx.Done()
			time.Sleep(pool.CallGrace / 2) // the dial ends in order, but not at once
			return ctx.Err()
		}}}
		p := open(t, f, pool.Config{MaxSize: 2})
		for range 2 {
			acquireAsync(t.Context(), p)
		}
		for range 20 {
			synctest.Wait()
			p.Reset("again")
			time.Sleep(pool.CallGrace / 4)
		}
		f.wantMost(t, 2)
		if s := p.Stats(); s.Stuck != 0 || s.Dialing+s.Leaving != 2 {
			t.Errorf("Stats = %+v, want two dials", s)
		}
	})
}

func TestResizeDownAndUpAddsNoConnectionWhileOthersAreBeingClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &counted{factory: &factory{onClose: func(context.Context, *conn) error { time.Sleep(time.Second); return nil }}}
		p := grown(t, f, pool.Config{MaxSize: 4})
		for range 5 {
			for _, size := range []int{1, 4} {
				if err := p.Resize(size); err != nil {
					t.Fatal(err)
				}
				for range 4 {
					go func() {
						if lease, err := p.Acquire(t.Context()); err == nil {
							time.Sleep(time.Second / 2)
							lease.Release()
						}
					}()
				}
				synctest.Wait()
			}
		}
		time.Sleep(time.Minute) // all is over
		f.wantMost(t, 4)
		if s := p.Stats(); s.Idle != 4 || s.Closing != 0 {
			t.Errorf("Stats = %+v, want four connections", s)
		}
	})
}

// Leases of connections that Reset has removed count: with them there must not be
// more than the new size.
func TestResizeDownCountsTheLeasesOfRemovedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &counted{factory: &factory{}}
		p := open(t, f, pool.Config{MaxSize: 4, AcquireTimeout: time.Second})
		a, b := acquire(t, p), acquire(t, p)
		p.Reset("new password")
		acquire(t, p).Release()
		if err := p.Resize(2); err != nil {
			t.Fatal(err)
		}
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire with as many leases out as the size", err, pool.ErrExhausted)
		if now, _ := f.counts(); now != 2 {
			t.Errorf("%d connections are open, want 2", now)
		}
		a.Release()
		acquire(t, p).Release()
		b.Release()
	})
}

func TestAPoolWhoseRoomIsTakenByAClosingIsNotHopeless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{
			onDial: func(_ context.Context, n int) error {
				if n == 2 {
					return errRefused
				}
				return nil
			},
			onClose: func(context.Context, *conn) error { time.Sleep(time.Second / 2); return nil },
		}
		p := open(t, f, pool.Config{MaxSize: 2})
		lease := acquire(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := p.Acquire(ctx)
		wantErr(t, "Acquire after a failed dial", err, errRefused)
		if err := p.Resize(1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // the backoff is over
		lease.Discard(errRefused)
		start := time.Now()
		acquire(t, p).Release()
		if waited := time.Since(start); waited != time.Second/2 {
			t.Errorf("waited %v, want half a second for the Close", waited)
		}
	})
}

// hanging makes a factory whose Close does not return until end is closed.
func hanging() (f *counted, end chan struct{}) {
	end = make(chan struct{})
	return &counted{factory: &factory{onClose: func(context.Context, *conn) error { <-end; return nil }}}, end
}

func TestACloseThatNeverReturnsCostsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, end := hanging()
		p := open(t, f, pool.Config{MaxSize: 1, AcquireTimeout: time.Hour})
		acquire(t, p).Discard(errRefused)
		start := time.Now()
		lease := acquire(t, p)
		if waited, want := time.Since(start), 5*time.Second+pool.CallGrace; waited != want {
			t.Errorf("waited %v, want %v", waited, want)
		}
		if s := p.Stats(); s.Stuck != 1 || s.Closing != 0 || s.InUse != 1 {
			t.Errorf("Stats = %+v, want one stuck", s)
		}
		close(end)
		synctest.Wait()
		if s := p.Stats(); s.Stuck != 0 {
			t.Errorf("Stats = %+v, want none stuck", s)
		}
		lease.Release()
	})
}

func TestClosingsThatNeverReturnDoNotPileUp(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size = 4
				f, end := hanging()
				p := open(t, f, pool.Config{Mode: mode, MaxSize: size})
				start := time.Now()
				for time.Since(start) < 2*time.Hour {
					if lease, err := p.Acquire(t.Context()); err == nil {
						lease.Discard(errRefused)
					}
					s := p.Stats()
					if now, _ := f.counts(); now-s.Stuck > size+1 {
						t.Fatalf("%d connections are open, of which %d are stuck", now, s.Stuck)
					}
				}
				now, _ := f.counts()
				if most := pool.MaxStuck + size + 1 + int(2*time.Hour/pool.StuckPause); now <= pool.MaxStuck || now > most {
					t.Errorf("%d connections hang after two hours, want more than %d and %d at most", now, pool.MaxStuck, most)
				}
				close(end)
				synctest.Wait()
				if now, _ := f.counts(); now != 0 {
					t.Errorf("%d connections are open", now)
				}
				for range 3 * size {
					acquire(t, p).Discard(errRefused) // no pause any more
					synctest.Wait()
				}
				if s := p.Stats(); s.Stuck != 0 || s.Closing != 0 || s.Closed[pool.CloseDiscarded] != s.Dials {
					t.Errorf("Stats = %+v, want nothing stuck", s)
				}
			})
		})
	}
}

// A connection that is lent although its ping hangs is not pinged again and again.
func TestPingsThatNeverReturnDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end, pings := make(chan struct{}), make(chan struct{}, 1000)
		f := pinged{&factory{}, func(context.Context, *conn) error { pings <- struct{}{}; <-end; return nil }}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 1, CheckEvery: time.Minute, ReplaceAfter: pool.Never})
		acquire(t, p).Release()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if s := p.Stats(); len(pings) != 1 || s.Stuck != 1 || s.Idle != 1 {
			t.Errorf("%d pings hang, Stats = %+v, want one of the only connection", len(pings), s)
		}
		close(end)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := p.Stats(); len(pings) < 2 || s.Stuck != 0 {
			t.Errorf("%d pings, Stats = %+v, want the connection pinged again", len(pings), s)
		}
	})
}

func TestAPingThatReturnsLateDoesNotTakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		f := pinged{&factory{}, func(context.Context, *conn) error { <-end; return nil }}
		p := open(t, f, pool.Config{MaxSize: 1, CheckEvery: time.Minute, AcquireTimeout: time.Minute})
		acquire(t, p).Release()
		for p.Stats().InUse == 0 {
			time.Sleep(time.Second)
		}
		other := acquire(t, p) // waits until the ping is stuck
		if s := p.Stats(); s.Stuck != 1 || s.Leaving != 0 || s.InUse != 1 {
			t.Errorf("Stats = %+v, want one stuck and a new connection", s)
		}
		close(end)
		synctest.Wait()
		if s := p.Stats(); s.Stuck != 0 || s.Closed[pool.CloseUnhealthy] != 1 {
			t.Errorf("Stats = %+v, want the old connection closed", s)
		}
		other.Return(core.Keep, nil)
	})
}

func TestADialThatIsDroppedLateIsStuckNoLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := blackhole(t)
		p := open(t, f, pool.Config{DialTimeout: time.Second})
		acquireAsync(t.Context(), p)
		time.Sleep(time.Second + pool.CallGrace/2)
		p.Reset("test")
		time.Sleep(pool.CallGrace / 2)
		synctest.Wait()
		if s := p.Stats(); s.Stuck != 1 || s.Leaving != 0 {
			t.Errorf("Stats = %+v, want the dial stuck", s)
		}
	})
}
