// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// user is every function of the user that a pool calls: a factory with all methods,
// an observer, and the callbacks.
type user struct {
	factory
	coretest.Recorder
	// on is called by each function with its name.
	on func(name string)

	mu    sync.Mutex
	told  []string // what panicked, as the observer is told
	leaks []pool.LeakInfo
	uses  int
}

func (u *user) Dial(ctx context.Context) (*conn, error) {
	u.on("Dial")
	return u.factory.Dial(ctx)
}

func (u *user) Close(ctx context.Context, c *conn) error {
	err := u.factory.Close(ctx, c)
	u.on("Close")
	return err
}

func (u *user) Alive(c *conn) bool                { u.on("Alive"); return !c.dead.Load() }
func (u *user) Ping(context.Context, *conn) error { u.on("Ping"); return nil }
func (u *user) Ref(ctx context.Context, s core.Scope) any {
	u.on("Ref")
	return u.Recorder.Ref(ctx, s)
}
func (u *user) OnUse(time.Duration)                    { u.count(nil); u.on("OnUse") }
func (u *user) OnLeak(leak pool.LeakInfo)              { u.count(&leak); u.on("OnLeak") }
func (u *user) End(context.Context, core.Scope, error) { u.on("End") }

func (u *user) Begin(ctx context.Context, _ core.Scope) context.Context {
	u.on("Begin")
	return ctx
}

func (u *user) Event(_ context.Context, e core.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.told = append(u.told, e.Kind.String()+" "+e.Name)
}

func (u *user) count(leak *pool.LeakInfo) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if leak == nil {
		u.uses++
	} else {
		u.leaks = append(u.leaks, *leak)
	}
}

// config has all that makes a pool call functions of the user.
func (u *user) config(mode pool.Mode) pool.Config {
	cfg := pool.Config{
		Mode: mode, MaxSize: 2, AcquireTimeout: time.Minute, CheckEvery: time.Second, IdleTimeout: time.Minute,
		LeakAfter: 10 * time.Millisecond, OnLeak: u.OnLeak, OnUse: u.OnUse, Observer: u,
	}
	if mode == pool.Shared {
		cfg.TargetSharing, cfg.MaxSharing, cfg.ReplaceAfter = 1, 2, time.Second
	}
	return cfg
}

// everyUse uses p from many goroutines: callers wait, are overtaken, and are handed
// connections in strict order; some connections are dead or come back broken; some
// leases leak for a while; then all connections are idle and are pinged.
func everyUse(ctx context.Context, p *pool.Pool[*conn]) {
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			_ = p.Start(ctx)
		})
		callers.Go(func() {
			for j := range 10 {
				func() {
					lease, err := p.Acquire(ctx)
					if err != nil {
						return
					}
					fate := core.Keep
					defer func() { lease.Return(fate, nil) }()
					time.Sleep(time.Duration(300+100*i) * time.Microsecond)
					switch {
					case i == 0 && j%5 == 4:
						lease.Conn().dead.Store(true)
					case i == 1 && j%5 == 4:
						fate = core.Suspect
					case i == 2 && j%5 == 4:
						time.Sleep(20 * time.Millisecond)
					}
				}()
				if lease, ok := p.TryAcquire(); ok {
					lease.Release()
				}
			}
		})
	}
	callers.Wait()
	time.Sleep(5 * time.Second)
}

var userFunctions = []string{"Dial", "Close", "Alive", "Ping", "Ref", "Begin", "End", "OnUse", "OnLeak"}

func TestAFunctionOfTheUserMayCallThePool(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var (
					p      *pool.Pool[*conn]
					u      user
					called sync.Map
					inside atomic.Int32
				)
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				u.on = func(name string) {
					if p == nil {
						return
					}
					called.Store(name, true)
					if t.Failed() {
						return // each further check would take seconds
					}
					if !pool.Unlocked(p) {
						t.Errorf("%s is called with the mutex of the pool held", name)
						return
					}
					if inside.Add(1) == 1 { // what it calls calls functions of the user in turn
						_ = p.Stats()
						_ = p.Resize(2)
						p.Range(func(*conn) bool { return true })
						_, _ = p.Acquire(ended)
						if lease, ok := p.TryAcquire(); ok {
							lease.Release()
						}
					}
					inside.Add(-1)
				}
				p = open(t, &u, u.config(mode))
				everyUse(t.Context(), p)
				if err := p.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
				for _, name := range userFunctions {
					if _, ok := called.Load(name); !ok {
						t.Errorf("%s was not called", name)
					}
				}
				if s := p.Stats(); s.Panics != 0 {
					t.Errorf("%d panics", s.Panics)
				}
			})
		})
	}
}

// misdeeds are what a function of the user may do. It always does so on the goroutine
// of its caller.
var misdeeds = map[string]func(){
	"panics": func() { panic("boom") },
	"exits":  runtime.Goexit,
}

// The n-th call of a function of the user misbehaves. Then all callers have had their
// turn, and the pool is as good as before.
func TestAFunctionOfTheUserThatMisbehavesCostsThePoolNothing(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		for _, name := range userFunctions {
			for misdeed, does := range misdeeds {
				t.Run(fmt.Sprintf("%v/%s/%s", mode, name, misdeed), func(t *testing.T) {
					for n := int32(1); n < 100 && misbehaves(t, mode, name, does, n); n += 1 + n/8 {
					}
				})
			}
		}
	}
}

// misbehaves reports whether the n-th call was made.
func misbehaves(t *testing.T, mode pool.Mode, name string, does func(), n int32) (made bool) {
	synctest.Test(t, func(t *testing.T) {
		var (
			u     user
			calls atomic.Int32
		)
		u.on = func(now string) {
			if now == name && calls.Add(1) == n {
				does()
			}
		}
		p, err := pool.New(&u, u.config(mode))
		if err != nil {
			t.Fatal(err)
		}
		everyUse(t.Context(), p)
		made = calls.Load() >= n
		calls.Store(n) // it behaves from now on

		seats := 2
		if mode == pool.Shared {
			seats = 4
		}
		var leases []pool.Lease[*conn]
		for range seats {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			lease, err := p.Acquire(ctx)
			cancel()
			if err != nil {
				t.Fatalf("call %d: Acquire = %v, want all %d seats", n, err, seats)
			}
			leases = append(leases, lease)
		}
		for _, lease := range leases {
			lease.Release()
		}
		synctest.Wait()
		s := p.Stats()
		if s.InFlight != 0 || s.Waiters != 0 || s.Dialing != 0 || s.Replacing != 0 || s.DoubleReturns != 0 {
			t.Errorf("call %d: Stats = %+v, want nothing under way", n, s)
		}
		want := []string{"panic " + name}
		switch name {
		case "Ref", "Begin", "End": // core.Contained tells, and the pool does not count
			want = []string{"panic Observer." + name}
		default:
			if made && s.Panics != 1 {
				t.Errorf("call %d: %d panics counted, want 1", n, s.Panics)
			}
		}
		if !made {
			want = nil
		}
		u.mu.Lock()
		if !slices.Equal(u.told, want) {
			t.Errorf("call %d: told %q, want %q", n, u.told, want)
		}
		u.mu.Unlock()
		err = p.Close(t.Context())
		if name != "Close" && err != nil {
			t.Errorf("call %d: Close = %v", n, err)
		}
		synctest.Wait()
		for _, c := range u.conns() {
			if c.closed.Load() != 1 {
				t.Errorf("call %d: connection %d was closed %d times", n, c.id, c.closed.Load())
			}
		}
	})
	return made
}
