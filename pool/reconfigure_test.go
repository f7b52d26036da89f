// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

func reconfigure(t *testing.T, p *pool.Pool[*conn], cfg pool.Config) {
	t.Helper()
	if err := p.Accepts(cfg); err != nil {
		t.Fatal(err)
	}
	if err := p.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
}

func TestAWaitLastsAsLongAsTheAcquireTimeoutUnderWhichItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Minute})
		acquire(t, p)
		began := time.Now()
		waits := func(want time.Duration) func() {
			return func() {
				if _, err := p.Acquire(t.Context()); !errors.Is(err, pool.ErrExhausted) || time.Since(began) != want {
					t.Errorf("Acquire = %v after %v, want ErrExhausted after %v", err, time.Since(began), want)
				}
			}
		}
		var wg sync.WaitGroup
		wg.Go(waits(time.Minute))
		synctest.Wait()
		time.Sleep(time.Second)
		reconfigure(t, p, pool.Config{MaxSize: 1, AcquireTimeout: 5 * time.Second})
		wg.Go(waits(6 * time.Second)) // it came after the change
		wg.Wait()
		began = time.Now()
		wg.Go(waits(5 * time.Second))
		wg.Wait()
		reconfigure(t, p, pool.Config{MaxSize: 1, AcquireTimeout: time.Hour})
		began = time.Now()
		wg.Go(waits(time.Hour))
		wg.Wait()
	})
}

func TestSizesChangeWhileCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		lease := acquire(t, p)
		waiter := acquireAsync(t.Context(), p)
		synctest.Wait()
		reconfigure(t, p, pool.Config{MaxSize: 6, MinSize: 4})
		synctest.Wait()
		if pending(waiter) {
			t.Error("the waiter was not served by the greater size")
		}
		if s := p.Stats(); s.Max != 6 || s.Min != 4 || s.Idle+s.InUse != 4 {
			t.Errorf("Stats = %+v, want four connections of six", s)
		}
		reconfigure(t, p, pool.Config{MaxSize: 2})
		synctest.Wait()
		if s := p.Stats(); s.Max != 2 || s.Min != 0 || s.Idle+s.InUse != 2 || s.InFlight != 2 {
			t.Errorf("Stats = %+v, want two connections, which callers have", s)
		}
		lease.Release()
	})
}

func TestAShorterLifetimeHoldsForTheConnectionsThatThereAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		p := open(t, f, pool.Config{MaxSize: 1})
		acquire(t, p).Release()
		time.Sleep(time.Minute)
		reconfigure(t, p, pool.Config{MaxSize: 1, MaxLifetime: 2 * time.Minute, LifetimeJitter: pool.NoJitter})
		time.Sleep(time.Minute - time.Second)
		if s := p.Stats(); s.Idle != 1 {
			t.Errorf("Stats = %+v a second before the end of the lifetime", s)
		}
		time.Sleep(2 * time.Second)
		if s := p.Stats(); s.Idle != 0 || s.Closed[pool.CloseLifetime] != 1 {
			t.Errorf("Stats = %+v, want the connection closed two minutes after its dial", s)
		}
		acquire(t, p).Release()
		reconfigure(t, p, pool.Config{MaxSize: 1})
		time.Sleep(time.Hour)
		if s := p.Stats(); s.Idle != 1 {
			t.Errorf("Stats = %+v, want no limit any more", s)
		}
		reconfigure(t, p, pool.Config{MaxSize: 1, IdleTimeout: time.Minute})
		time.Sleep(time.Minute)
		if s := p.Stats(); s.Idle != 0 || s.Closed[pool.CloseIdle] != 1 {
			t.Errorf("Stats = %+v, want the idle connection closed", s)
		}
	})
}

func TestChecksAndPingsBeginAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		p := open(t, checked{f}, pool.Config{MaxSize: 1, CheckIdleAfter: time.Hour})
		acquire(t, p).Release()
		acquire(t, p).Release()
		asked := func() int32 { return f.conns()[0].asked.Load() }
		if n := asked(); n != 0 {
			t.Errorf("the checker was asked %d times, want only after an hour", n)
		}
		reconfigure(t, p, pool.Config{MaxSize: 1})
		acquire(t, p).Release()
		if n := asked(); n != 1 {
			t.Errorf("the checker was asked %d times, want before each lease", n)
		}
		if err := p.Reconfigure(pool.Config{MaxSize: 1, CheckEvery: time.Second}); err == nil || !strings.Contains(err.Error(), "Ping") {
			t.Errorf("Reconfigure = %v, want the missing method named", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var pings atomic.Int32
		p := open(t, pinged{factory: &factory{}, ping: func(context.Context, *conn) error { pings.Add(1); return nil }}, pool.Config{MaxSize: 1})
		acquire(t, p).Release()
		reconfigure(t, p, pool.Config{MaxSize: 1, CheckEvery: time.Second})
		time.Sleep(10*time.Second + 500*time.Millisecond)
		if n := pings.Load(); n < 9 || n > 10 {
			t.Errorf("%d pings in ten seconds, want one in a second", n)
		}
		before := pings.Load()
		reconfigure(t, p, pool.Config{MaxSize: 1})
		time.Sleep(time.Minute)
		if n := pings.Load(); n != before {
			t.Errorf("%d pings after they were switched off", n-before)
		}
	})
}

func TestLeaksAndUsesAreToldFromTheChangeOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 2, Observer: new(coretest.Recorder)})
		old := acquire(t, p)
		time.Sleep(time.Second)
		var (
			uses  []time.Duration
			leaks atomic.Int32 // told, and told again of those that came back
		)
		cfg := pool.Config{
			MaxSize: 2, LeakAfter: time.Minute, OnLeak: func(pool.LeakInfo) { leaks.Add(1) },
			OnUse: func(d time.Duration) { uses = append(uses, d) },
		}
		reconfigure(t, p, cfg)
		leaked := acquire(t, p)
		time.Sleep(3 * time.Minute)
		old.Release()
		if leaks.Load() != 3 || len(uses) != 1 || uses[0] != 3*time.Minute+time.Second {
			t.Errorf("told %d times of leaks, uses of %v; want two leaks, one of which came back, and one use of 3m1s", leaks.Load(), uses)
		}
		reconfigure(t, p, pool.Config{MaxSize: 2})
		leaked.Release()
		acquire(t, p).Release()
		if leaks.Load() > 3 || len(uses) > 1 {
			t.Errorf("told %d times of leaks, uses of %v, after both were switched off", leaks.Load(), uses)
		}
	})
}

func TestAPoolThatWasMadeToFindLeaksFindsThemAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := pool.Config{MaxSize: 1, LeakAfter: time.Minute}
		p := open(t, &factory{}, cfg)
		reconfigure(t, p, pool.Config{MaxSize: 1})
		lease := acquire(t, p) // its connection is made while no leaks are looked for
		lease.Release()
		reconfigure(t, p, cfg)
		lease = acquire(t, p)
		time.Sleep(2 * time.Minute)
		if n := p.Stats().Leaks; n != 1 {
			t.Errorf("%d leaks were found, want 1", n)
		}
		lease.Release()
	})
}

func TestWhatCannotChangeInAPoolIsNamed(t *testing.T) {
	p := open(t, &factory{}, pool.Config{Name: "one", Mode: pool.Shared, MaxSize: 3})
	bad := pool.Config{
		Name: "two", Mode: pool.Exclusive, MaxSize: 5, LeakAfter: time.Second, OnUse: func(time.Duration) {}, CheckEvery: 1, MinSize: -1,
	}
	for name, err := range map[string]error{"Accepts": p.Accepts(bad), "Reconfigure": p.Reconfigure(bad)} {
		if err == nil {
			t.Fatalf("%s = nil", name)
		}
		for _, field := range []string{"Name", "Mode", "MaxSharing", "LeakAfter", "OnUse", "CheckEvery", "MinSize"} {
			if !strings.Contains(err.Error(), "bad configuration: "+field+" ") {
				t.Errorf("%s = %v, want %s named", name, err, field)
			}
		}
	}
	if s := p.Stats(); s.Max != 3 {
		t.Errorf("Max is %d, want 3 as before", s.Max)
	}
	_ = p.Close(t.Context())
	if err := p.Reconfigure(pool.Config{Name: "one", Mode: pool.Shared}); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("Reconfigure = %v after Close, want ErrClosed", err)
	}
}

// TestNoCallerFailsWhileAPoolIsReconfigured is also for the race detector.
func TestNoCallerFailsWhileAPoolIsReconfigured(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		p := open(t, pinged{&factory{}, func(context.Context, *conn) error { return nil }}, pool.Config{Mode: mode, MaxSize: 2, Observer: new(coretest.Recorder)})
		configs := []pool.Config{
			{Mode: mode, MaxSize: 2},
			{Mode: mode, MaxSize: 12, MinSize: 3, AcquireTimeout: time.Hour, MaxLifetime: time.Hour, IdleTimeout: time.Hour, CheckEvery: time.Hour, LeakAfter: time.Hour},
			{Mode: mode, MaxSize: 1, AcquireTimeout: time.Minute, OnUse: func(time.Duration) {}, MaxConcurrentDials: 1},
		}
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 200 {
					if err := p.Do(t.Context(), func(context.Context, *conn) error { return nil }); err != nil {
						t.Errorf("Do = %v", err)
					}
				}
			})
		}
		for i := range 1000 {
			reconfigure(t, p, configs[i%len(configs)])
		}
		wg.Wait()
	}
}
