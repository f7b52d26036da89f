// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// TestThereAreNeverTooManyConnections takes a million random steps.
func TestThereAreNeverTooManyConnections(t *testing.T) {
	steps := 1_000_000
	if testing.Short() {
		steps /= 20
	}
	const callers = 8
	for _, cfg := range []pool.Config{
		{MaxSize: 6, MinSize: 1, MaxLifetime: 20 * time.Millisecond, IdleTimeout: 10 * time.Millisecond, CheckIdleAfter: time.Millisecond},
		{Mode: pool.Shared, MaxSize: 4, MinSize: 1, TargetSharing: 2, MaxSharing: 3, MaxLifetime: 20 * time.Millisecond, IdleTimeout: 10 * time.Millisecond, ReplaceAfter: 5 * time.Millisecond},
	} {
		t.Run(cfg.Mode.String(), func(t *testing.T) {
			var open atomic.Int32 // connections
			f := checked{&factory{
				onDial:  func(context.Context, int) error { open.Add(1); return nil },
				onClose: func(context.Context, *conn) error { open.Add(-1); return nil },
			}}
			p := openLoosely(t, f, cfg)
			_ = p.Start(t.Context())
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					var held []pool.Lease[*conn]
					for range steps / 2 / callers {
						switch n := rand.N(100); {
						case n < 45:
							if lease, ok := p.TryAcquire(); ok {
								if users := lease.Conn().users.Add(1); int(users) > max(cfg.MaxSharing, 1) {
									t.Errorf("%d callers on one connection", users)
								}
								held = append(held, lease)
							}
						case n < 90:
							if len(held) > 0 {
								lease := held[len(held)-1]
								held = held[:len(held)-1]
								lease.Conn().users.Add(-1)
								fate := core.Keep
								if rand.N(50) == 0 {
									fate = core.ConnFate(rand.N(int(core.Broken) + 1))
								}
								lease.Return(fate, errRefused)
							}
						case n < 97:
							s := p.Stats()
							if s.Idle+s.InUse+s.Dialing > s.Max || s.Max > 6 || s.Replacing > 1 || s.InFlight < len(held) {
								t.Errorf("Stats = %+v", s)
							}
						case n < 99:
							if err := p.Resize(1 + rand.N(6)); err != nil {
								t.Errorf("Resize = %v", err)
							}
						default:
							if rand.N(20) == 0 {
								p.Reset("test")
							}
						}
					}
					for _, lease := range held {
						lease.Conn().users.Add(-1)
						lease.Release()
					}
				})
			}
			all.Wait()
			if s := p.Stats(); s.InFlight != 0 || s.InUse != 0 || s.DoubleReturns != 0 || s.Waiters != 0 {
				t.Errorf("Stats = %+v, want nothing lent", s)
			}
			if err := p.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
			if n := open.Load(); n != 0 {
				t.Errorf("%d connections are open after Close", n)
			}
		})
	}
}

// openLoosely is open without the check of each connection, for pools with very
// many.
func openLoosely(t *testing.T, f pool.Factory[*conn], cfg pool.Config) *pool.Pool[*conn] {
	t.Helper()
	p, err := pool.New(f, cfg)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

// TestAStormOfExpiredWaitersTakesNoConnection guards against this: a pool that
// hands connections to abandoned waiters stops to serve all other callers.
func TestAStormOfExpiredWaitersTakesNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			storm = 20_000
			turns = 1000
			hold  = time.Millisecond
		)
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Hour})
		lease := acquire(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		var (
			gone   sync.WaitGroup
			served atomic.Int32
		)
		for range storm {
			gone.Go(func() {
				if lease, err := p.Acquire(ctx); err == nil {
					served.Add(1)
					lease.Release()
				}
			})
		}
		synctest.Wait()
		wantUsage(t, p, usage{InUse: 1, InFlight: 1, Waiters: storm})
		cancel()
		lease.Release()
		start := time.Now()
		for range turns {
			lease := acquire(t, p)
			time.Sleep(hold)
			lease.Release()
		}
		if took := time.Since(start); took > turns*hold*10/9 {
			t.Errorf("%d turns of %v took %v", turns, hold, took)
		}
		gone.Wait()
		if n := served.Load(); n != 0 {
			t.Errorf("%d connections were lent to callers that had gone", n)
		}
		if s := p.Stats(); s.Canceled != storm || s.Timeouts != 0 || s.Waiters != 0 || s.Idle != 1 {
			t.Errorf("Stats = %+v, want %d waits canceled", s, storm)
		}
	})
}

// TestABlockedWaiterIsCheap measures the memory of a waiter, without that of its
// goroutine.
func TestABlockedWaiterIsCheap(t *testing.T) {
	const waiters = 5000
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Hour})
	lease := acquire(t, p)
	measure := func(wait func(context.Context), ready func() bool) float64 {
		ctx, cancel := context.WithCancel(t.Context())
		ctx.Done()
		var all sync.WaitGroup
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range waiters {
			all.Go(func() { wait(ctx) })
		}
		for !ready() {
			runtime.Gosched()
		}
		runtime.ReadMemStats(&after)
		cancel()
		all.Wait()
		return float64(after.TotalAlloc-before.TotalAlloc) / waiters
	}
	var parked atomic.Int32
	elsewhere := func(ctx context.Context) {
		other := make(chan struct{})
		parked.Add(1)
		select {
		case <-ctx.Done():
		case <-other:
		}
	}
	all := func() bool { return parked.Load() == waiters }
	measure(elsewhere, all) // makes goroutines, and the memory that they park with, for the next runs to use
	parked.Store(0)
	base := measure(elsewhere, all)
	cost := measure(
		func(ctx context.Context) { _, _ = p.Acquire(ctx) },
		func() bool { return pool.Waiters(p) == waiters }, // Stats allocates
	) - base + 96 // the channel of elsewhere
	lease.Release()
	if cost >= 300 {
		t.Errorf("a blocked waiter costs %.0f bytes, want less than 300", cost)
	}
	t.Logf("a blocked waiter costs %.0f bytes", cost)
}

func TestTheFastPathDoesNotAllocateWhateverIsConfigured(t *testing.T) {
	for name, cfg := range map[string]pool.Config{
		"limits":   {MaxLifetime: time.Hour, IdleTimeout: time.Hour, CheckIdleAfter: time.Hour, MaxWaiters: 3},
		"checker":  {},
		"use time": {OnUse: func(time.Duration) {}},
		"leaks":    {LeakAfter: time.Hour, OnLeak: func(pool.LeakInfo) {}},
	} {
		for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				cfg := cfg
				cfg.Mode = mode
				p := open(t, checked{&factory{}}, cfg)
				acquire(t, p).Release()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if n := testing.AllocsPerRun(1000, func() {
					lease, err := p.Acquire(ctx)
					if err != nil {
						t.Fatal(err)
					}
					lease.Release()
				}); n != 0 {
					t.Errorf("Acquire and Release allocate %v times, want 0", n)
				}
				if n := testing.AllocsPerRun(1000, func() {
					if lease, ok := p.TryAcquire(); ok {
						lease.Release()
					}
				}); n != 0 {
					t.Errorf("TryAcquire and Release allocate %v times, want 0", n)
				}
			})
		}
	}
}

// TestConnectionsAreLentWhileTheLockIsHeld checks that the fast path takes no lock,
// and that callers whose context has ended take none: there may be thousands.
func TestConnectionsAreLentWhileTheLockIsHeld(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			p := open(t, &factory{}, pool.Config{Mode: mode, MaxSize: 2})
			acquire(t, p).Release()
			unlock := pool.Lock(p)
			defer unlock()
			for range 100 {
				lease, err := p.Acquire(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				lease.Release()
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := p.Acquire(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("Acquire = %v, want the context's error", err)
			}
		})
	}
}
