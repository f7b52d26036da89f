// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// openConns returns how many connections have been made and not closed.
func (f *factory) openConns() (n int) {
	for _, c := range f.conns() {
		if c.closed.Load() == 0 {
			n++
		}
	}
	return n
}

// pairs takes two leases of each connection of a pool of two: a and c are of one
// connection, b and d of the other.
func pairs(t *testing.T, p *pool.Pool[*conn]) (a, b, c, d pool.Lease[*conn]) {
	t.Helper()
	a, b, c, d = acquire(t, p), acquire(t, p), acquire(t, p), acquire(t, p)
	if a.Conn() != c.Conn() {
		c, d = d, c
	}
	if a.Conn() != c.Conn() || b.Conn() != d.Conn() || a.Conn() == b.Conn() {
		t.Fatal("callers are not spread evenly")
	}
	return a, b, c, d
}

func TestWithoutACheckerASuspectConnectionWithoutACallerIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := slowAfter(2)
		p := started(t, f, 2)
		for range 2 {
			lease := acquire(t, p)
			lease.Return(core.Suspect, errRefused)
			synctest.Wait()
			if lease.Conn().closed.Load() != 1 {
				t.Error("the connection is open")
			}
		}
		start := time.Now()
		acquire(t, p) // waits for a dial, as in an exclusive pool
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("waited %v, want a second for the dial", waited)
		}
		if s := p.Stats(); s.Closed[pool.CloseUnhealthy] != 2 || s.Dials != 4 {
			t.Errorf("Stats = %+v, want both connections closed and as many dialed", s)
		}
	})
}

func TestWithoutACheckerASuspectConnectionIsLentUntilItIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := slowAfter(1)
		p := started(t, f, 1)
		a, b := acquire(t, p), acquire(t, p)
		a.Return(core.Suspect, errRefused)
		synctest.Wait()
		if s := p.Stats(); s.Replacing != 1 || s.Dialing != 0 {
			t.Errorf("Stats = %+v, want the connection being replaced", s)
		}
		c := acquire(t, p)
		if c.Conn() != b.Conn() {
			t.Error("the old connection is not lent until its successor is there")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if d := acquire(t, p); d.Conn() == b.Conn() {
			t.Error("lent the old connection")
		}
		c.Return(core.Suspect, errRefused)
		if b.Conn().closed.Load() != 0 {
			t.Error("closed while a caller has it")
		}
		b.Release()
		synctest.Wait()
		if s := p.Stats(); b.Conn().closed.Load() != 1 || s.Closed[pool.CloseUnhealthy] != 1 {
			t.Errorf("Stats = %+v, want the old connection closed", s)
		}
	})
}

func TestASuspectConnectionThatSucceedsMeanwhileKeepsItsPlace(t *testing.T) {
	for _, tt := range []struct {
		name     string
		max      int
		wantIdle uint64 // closed: the new connection has no place
	}{
		{"no room for the new one", 1, 1},
		{"room for the new one", 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := slowAfter(1)
				p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: tt.max})
				a, b := acquire(t, p), acquire(t, p)
				a.Return(core.Suspect, errRefused)
				synctest.Wait()
				if s := p.Stats(); s.Replacing != 1 {
					t.Fatalf("Stats = %+v, want the connection being replaced", s)
				}
				b.Release()
				time.Sleep(time.Second)
				synctest.Wait()
				s := p.Stats()
				if a.Conn().closed.Load() != 0 || s.Closed[pool.CloseUnhealthy] != 0 {
					t.Error("the connection is closed, although it has recovered")
				}
				if s.Closed[pool.CloseIdle] != tt.wantIdle || s.Idle != tt.max {
					t.Errorf("Stats = %+v, want %d connections", s, tt.max)
				}
			})
		})
	}
}

func TestADialServesAnotherSuspectConnectionIfTheFirstHasRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := started(t, slowAfter(2), 2)
		a, b, c, d := pairs(t, p)
		a.Return(core.Suspect, errRefused)
		b.Return(core.Suspect, errRefused)
		c.Release()
		time.Sleep(time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Dials != 3 || s.Replacing != 0 || s.Idle != 2 {
			t.Errorf("Stats = %+v, want one dial and two connections", s)
		}
		d.Return(core.Suspect, errRefused)
		synctest.Wait()
		if a.Conn().closed.Load() != 0 || b.Conn().closed.Load() != 1 {
			t.Error("want the connection closed that has not recovered")
		}
	})
}

// A connection that was replaced counts until its last caller has returned it.
func TestSuspectConnectionsAreReplacedWithOneConnectionBeyondMaxSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 4
		f := &factory{}
		p := started(t, f, size)
		var failing, slow []pool.Lease[*conn]
		for range size {
			failing = append(failing, acquire(t, p))
		}
		for range size {
			slow = append(slow, acquire(t, p))
		}
		for _, l := range failing {
			l.Return(core.Suspect, errRefused)
			synctest.Wait()
		}
		if f.dials() != size+1 || f.openConns() != size+1 {
			t.Errorf("%d dials and %d open connections, want one more than %d", f.dials(), f.openConns(), size)
		}
		for _, l := range slow {
			l.Return(core.Unclean, context.Canceled) // says nothing
			synctest.Wait()
			if n := f.openConns(); n > size+1 {
				t.Errorf("%d connections are open, want at most %d", n, size+1)
			}
		}
		if s := p.Stats(); s.Closed[pool.CloseUnhealthy] != size || s.Idle != size || f.dials() != 2*size {
			t.Errorf("Stats = %+v, want every connection replaced", s)
		}
	})
}

func TestTheNextReplacementIsDialedWhenTheLastOneIsClosed(t *testing.T) {
	for name, during := range map[string]func(*pool.Pool[*conn], func()){
		"by its last caller": func(_ *pool.Pool[*conn], release func()) { release() },
		"after Range":        func(p *pool.Pool[*conn], release func()) { p.Range(func(*conn) bool { release(); return false }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &factory{}
				p := started(t, f, 2)
				a, b, c, _ := pairs(t, p)
				a.Return(core.Suspect, errRefused)
				synctest.Wait()
				b.Return(core.Suspect, errRefused)
				synctest.Wait()
				if n := f.dials(); n != 3 {
					t.Errorf("%d dials, want 3: a caller has the first connection", n)
				}
				during(p, c.Release)
				synctest.Wait()
				if n := f.dials(); n != 4 || a.Conn().closed.Load() != 1 {
					t.Errorf("%d dials, want 4: the first connection is closed", n)
				}
				for range 4 {
					if l := acquire(t, p); l.Conn() == b.Conn() {
						t.Error("the second connection is lent")
					}
				}
			})
		})
	}
}

// A dial that was to replace a connection takes its room when the connection is
// removed. No other dial may take the room too.
func TestTheRoomOfARemovedConnectionIsGivenAwayOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := slowAfter(2)
		p := open(t, f, pool.Config{Mode: pool.Shared, MinSize: 2, MaxSize: 2, TargetSharing: 2})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		a, c := together(t, p)
		a.Return(core.Suspect, errRefused)
		c.Discard(errRefused)
		for range 4 {
			acquire(t, p)
		}
		synctest.Wait()
		if s := p.Stats(); s.Idle+s.InUse+s.Dialing != 2 || s.Dials != 3 {
			t.Errorf("Stats = %+v, want two connections, one of them being dialed", s)
		}
	})
}

func TestWhenNoConnectionIsAliveAllAreReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{&factory{}}
		p := started(t, f, 4)
		synctest.Wait() // a caller starts no dial while the mutex is busy
		for _, c := range f.conns() {
			c.dead.Store(true)
		}
		start := time.Now()
		l := acquire(t, p) // fails at once instead of waiting
		if !l.Conn().dead.Load() || time.Since(start) != 0 {
			t.Error("want a dead connection at once")
		}
		l.Return(core.Suspect, errRefused)
		synctest.Wait()
		if s := p.Stats(); s.Dials != 8 || s.Closed[pool.CloseUnhealthy] != 4 || s.Idle != 4 {
			t.Errorf("Stats = %+v, want all four replaced", s)
		}
		if l := acquire(t, p); l.Conn().dead.Load() {
			t.Error("lent a dead connection")
		}
	})
}

// A connection that heals itself, as gRPC's do, is not thrown away because others
// were replaced meanwhile, nor because a dial was faster.
func TestAConnectionThatIsAliveAgainKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{slowAfter(2)}
		p := started(t, f, 2)
		for _, c := range f.conns() {
			c.dead.Store(true)
		}
		for range 3 {
			acquire(t, p).Return(core.Suspect, errRefused)
		}
		time.Sleep(time.Second / 2)
		for _, c := range f.conns() {
			c.dead.Store(false)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := p.Stats(); s.Dials != 3 || s.Closed[pool.CloseUnhealthy] != 0 || s.Closed[pool.CloseIdle] != 1 || s.Idle != 2 {
			t.Errorf("Stats = %+v, want both connections kept", s)
		}
	})
}

func TestWithoutACheckerAConnectionThatFailsAPingIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := pinged{&factory{}, func(_ context.Context, c *conn) error {
			if c.dead.Load() {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 2, MinSize: 2, CheckEvery: time.Second})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.conns()[0].dead.Store(true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Closed[pool.CloseUnhealthy] != 1 || s.Dials != 3 || s.Idle != 2 {
			t.Errorf("Stats = %+v, want the connection replaced", s)
		}
	})
}

func TestNeverKeepsSuspectConnections(t *testing.T) {
	for name, f := range map[string]pool.Factory[*conn]{"without a checker": &factory{}, "checker": checked{&factory{}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 1, ReplaceAfter: pool.Never})
				for range 3 {
					l := acquire(t, p)
					l.Conn().dead.Store(true)
					l.Return(core.Suspect, errRefused)
					time.Sleep(time.Hour)
				}
				if s := p.Stats(); s.Dials != 1 || s.Idle != 1 {
					t.Errorf("Stats = %+v, want the connection kept", s)
				}
			})
		})
	}
}

// A restart of the server breaks every connection, for ever. Callers say no more
// than that a connection may be broken.
func TestARestartCostsASharedPoolAsLittleAsAnExclusiveOne(t *testing.T) {
	const size, dialTime, soon = 4, 5 * time.Millisecond, time.Second
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		for name, asked := range map[string]bool{"without a checker": false, "checker": true} {
			for _, callers := range []int{1, 64} {
				t.Run(fmt.Sprintf("%v %s %d", mode, name, callers), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						plain := &factory{onDial: func(context.Context, int) error { time.Sleep(dialTime); return nil }}
						var f pool.Factory[*conn] = plain
						if asked {
							f = checked{plain}
						}
						p := open(t, f, pool.Config{Mode: mode, MaxSize: size, MinSize: size})
						if err := p.Start(t.Context()); err != nil {
							t.Fatal(err)
						}
						for _, c := range plain.conns() {
							c.dead.Store(true)
						}
						restart := time.Now()
						var (
							wg                sync.WaitGroup
							failed, succeeded atomic.Int64
							last              atomic.Int64 // time from the restart to the last failure
						)
						for range callers {
							wg.Go(func() {
								for time.Since(restart) < 10*time.Second {
									l, err := p.Acquire(t.Context())
									if err != nil {
										t.Errorf("Acquire = %v", err)
										return
									}
									time.Sleep(time.Millisecond) // the server answers, or its host says no
									if l.Conn().dead.Load() {
										l.Return(core.Suspect, errors.New("EOF"))
										failed.Add(1)
										last.Store(max(last.Load(), int64(time.Since(restart))))
									} else {
										succeeded.Add(1)
										l.Release()
									}
									time.Sleep(10 * time.Millisecond)
								}
							})
						}
						wg.Wait()
						if n := failed.Load(); n > int64(size+callers) {
							t.Errorf("%d of %d calls failed, want at most %d", n, n+succeeded.Load(), size+callers)
						}
						if d := time.Duration(last.Load()); d > soon {
							t.Errorf("the last call failed %v after the restart, want %v at most", d, soon)
						}
					})
				})
			}
		}
	}
}
