// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// Leases of removed connections count for the bulkhead.
func TestASharedPoolNeverHasMoreLeasesThanItsPlaces(t *testing.T) {
	for name, end := range map[string]func(*pool.Pool[*conn], []pool.Lease[*conn]) []pool.Lease[*conn]{
		"Reset": func(p *pool.Pool[*conn], out []pool.Lease[*conn]) []pool.Lease[*conn] {
			p.Reset("again")
			return out
		},
		"Discard": func(_ *pool.Pool[*conn], out []pool.Lease[*conn]) []pool.Lease[*conn] {
			out[len(out)-1].Discard(errRefused)
			return out[:len(out)-1]
		},
		"lifetime": func(_ *pool.Pool[*conn], out []pool.Lease[*conn]) []pool.Lease[*conn] {
			time.Sleep(time.Hour)
			return out
		},
	} {
		for _, size := range []int{1, 2} {
			for _, sharing := range []int{2, 70} {
				t.Run(fmt.Sprintf("%s %dx%d", name, size, sharing), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						f := &counted{factory: &factory{}}
						p := open(t, f, pool.Config{
							Mode: pool.Shared, MaxSize: size, TargetSharing: 1, MaxSharing: sharing, AcquireTimeout: time.Second,
							MaxLifetime: time.Hour, LifetimeJitter: pool.NoJitter,
						})
						places := size * sharing
						var out []pool.Lease[*conn]
						fill := func() {
							t.Helper()
							for {
								lease, err := p.Acquire(t.Context())
								if err != nil {
									return
								}
								if out = append(out, lease); len(out) > places {
									t.Fatalf("%d leases are out, want %d at most", len(out), places)
								}
								synctest.Wait()
							}
						}
						fill()
						if len(out) != places {
							t.Fatalf("%d leases are out, want %d", len(out), places)
						}
						for range 4 {
							out = end(p, out)
							synctest.Wait()
							fill()
						}
						f.wantMost(t, size+1)
						// Each place that is returned is free again, wherever its connection is.
						waiting := acquireAsync(t.Context(), p)
						synctest.Wait()
						out[0].Release()
						out = out[1:]
						if name == "Discard" {
							// A removed connection may take the last room until all its callers are gone.
							for _, l := range out {
								l.Release()
							}
							out = nil
						}
						if r := <-waiting; r.err != nil {
							t.Errorf("Acquire = %v after a lease was returned", r.err)
						} else {
							r.lease.Release()
						}
						for _, l := range out {
							l.Release()
						}
						synctest.Wait()
						out = nil
						fill()
						if len(out) != places {
							t.Errorf("%d leases in the end, want %d", len(out), places)
						}
						for _, l := range out {
							l.Release()
						}
					})
				})
			}
		}
	}
}

func TestCallersAreSpreadAlthoughSeatsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 2, TargetSharing: 5, MaxSharing: 8})
		for range 4 {
			defer acquire(t, p).Release()
		}
		p.Reset("test")
		for range 5 {
			defer acquire(t, p).Release() // the last one begins to dial the second connection
		}
		synctest.Wait()
		// Four seats of the second connection are kept. It has the fewest callers all the same.
		for range 3 {
			l := acquire(t, p)
			defer l.Release()
			if l.Conn().id != 3 {
				t.Errorf("lent connection %d, want 3, which has the fewest callers", l.Conn().id)
			}
		}
	})
}

func TestKeptSeatsAreFreedWhenAnIdleConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		f := &factory{onDial: func(context.Context, int) error {
			if down.Load() {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 2, TargetSharing: 1, MaxSharing: 2, IdleTimeout: time.Minute})
		old := acquire(t, p)
		synctest.Wait() // the pool has grown
		p.Reset("test")
		synctest.Wait() // the idle connection is closed
		acquire(t, p).Release()
		other := acquire(t, p)
		synctest.Wait() // the pool has grown again; one seat of the newest connection is kept
		newest := acquire(t, p)
		if newest.Conn() == other.Conn() {
			t.Fatal("both callers are on one connection")
		}
		other.Release()
		down.Store(true)
		time.Sleep(2 * time.Minute)
		if s := p.Stats(); s.InUse != 1 || s.Idle != 0 || s.Leaving != 1 {
			t.Fatalf("Stats = %+v, want the idle connection closed", s)
		}
		start := time.Now()
		acquire(t, p).Release()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v, although three of four places are free", waited)
		}
		newest.Release()
		old.Release()
	})
}

func TestAfterResizeDownNothingIsLentUntilThereIsAPlace(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		for _, last := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, last first %v", mode, last), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sharing := 1
					cfg := pool.Config{Mode: mode, MaxSize: 4, AcquireTimeout: time.Hour}
					if mode == pool.Shared {
						sharing = 3
						cfg.TargetSharing, cfg.MaxSharing = 1, sharing
					}
					f := &counted{factory: &factory{}}
					p := open(t, f, cfg)
					var out []pool.Lease[*conn]
					for range 4 * sharing {
						out = append(out, acquire(t, p))
						synctest.Wait()
					}
					waiting := acquireAsync(t.Context(), p)
					synctest.Wait()
					time.Sleep(2 * pool.MaxBarging)
					out[0].Release()
					out[0] = acquire(t, p) // overtakes the waiter, so that returns hand over their seats
					synctest.Wait()
					if err := p.Resize(2); err != nil {
						t.Fatal(err)
					}
					for places := 2 * sharing; len(out) >= places; {
						synctest.Wait()
						if _, ok := p.TryAcquire(); ok || !pending(waiting) {
							t.Fatalf("another lease with %d out of %d", len(out), places)
						}
						i := 0
						if last {
							i = len(out) - 1
						}
						out[i].Release()
						out = append(out[:i], out[i+1:]...)
					}
					r := <-waiting
					if r.err != nil {
						t.Fatalf("Acquire = %v", r.err)
					}
					for _, l := range append(out, r.lease) {
						l.Release()
					}
					synctest.Wait()
					if now, _ := f.counts(); now > 2 {
						t.Errorf("%d connections are open in the end, want 2 at most", now)
					}
				})
			})
		}
	}
}

func TestKeptSeatsAreFreedWhenADeadConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, checked{&factory{}}, pool.Config{MaxSize: 3})
		a, b, c := acquire(t, p), acquire(t, p), acquire(t, p)
		if err := p.Resize(2); err != nil { // removes the first connection
			t.Fatal(err)
		}
		b.Release() // kept: the first connection has a caller
		c.Conn().dead.Store(true)
		c.Release()
		start := time.Now()
		if l := acquire(t, p); l.Conn() != b.Conn() || time.Since(start) != 0 {
			t.Errorf("lent connection %d after %v, want the second one at once", l.Conn().id, time.Since(start))
		} else {
			l.Release()
		}
		a.Release()
	})
}
