// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// TestStress lets callers acquire, cancel, fail and discard at random, checks Stats
// meanwhile, and closes the pool while callers use it.
func TestStress(t *testing.T) {
	for _, cfg := range []pool.Config{
		{MaxSize: 1},
		{MaxSize: 3, MinSize: 2, MaxWaiters: 12},
		{Mode: pool.Shared, MaxSize: 2, MinSize: 1, TargetSharing: 2, MaxSharing: 4},
	} {
		t.Run(cfg.Mode.String(), func(t *testing.T) { stress(t, cfg) })
	}
}

func stress(t *testing.T, cfg pool.Config) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	var observer coretest.Recorder
	cfg.Observer = &observer
	cfg.AcquireTimeout = 20 * time.Millisecond
	f := checked{&factory{
		onDial: func(_ context.Context, n int) error {
			if n%10 == 7 {
				return errRefused
			}
			return nil
		},
	}}
	p := open(t, f, cfg)
	_ = p.Start(t.Context()) // may fail: the pool works all the same
	sharing := int32(max(cfg.MaxSharing, 1))

	var callers, watcher sync.WaitGroup
	stop := make(chan struct{})
	watcher.Go(func() {
		for {
			s := p.Stats()
			if s.Idle+s.InUse+s.Dialing > s.Max || s.Idle < 0 || s.InUse < 0 || s.Dialing < 0 || s.InFlight < 0 {
				t.Errorf("Stats = %+v", s)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for range 16 {
		callers.Go(func() {
			for range rounds {
				visit(t, p, sharing)
			}
		})
	}
	callers.Wait()

	// The pool works, and no lease is out.
	if s := p.Stats(); s.InFlight != 0 || s.InUse != 0 || s.Waiters != 0 || s.DoubleReturns != 0 {
		t.Errorf("Stats = %+v, want nothing lent", s)
	}

	for range 16 {
		callers.Go(func() {
			for !errors.Is(visit(t, p, sharing), pool.ErrClosed) {
			}
		})
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	callers.Wait()
	close(stop)
	watcher.Wait()
	if s := p.Stats(); s.Idle+s.InUse+s.Dialing+s.InFlight+s.Waiters != 0 {
		t.Errorf("Stats after Close = %+v", s)
	}
	if err := observer.Check(); err != nil {
		t.Error(err)
	}
}

// visit acquires once and ends the lease at random, if there is one.
func visit(t *testing.T, p *pool.Pool[*conn], sharing int32) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch rand.N(4) {
	case 0:
		ctx, cancel = context.WithTimeout(ctx, rand.N(200*time.Microsecond))
		defer cancel()
	case 1:
		go cancel()
	}
	lease, err := p.Acquire(ctx)
	if err != nil {
		if !errors.Is(err, core.ErrConnection) {
			t.Errorf("Acquire = %v, want a connection error", err)
		}
		return err
	}
	c := lease.Conn()
	if n := c.users.Add(1); n > sharing {
		t.Errorf("%d callers on one connection, want at most %d", n, sharing)
	}
	if c.closed.Load() != 0 {
		t.Error("lent a closed connection")
	}
	switch rand.N(64) {
	case 0:
		c.dead.Store(true)
	case 1:
		c.dead.Store(false)
	}
	fate := core.Keep
	if rand.N(32) == 0 {
		fate = core.ConnFate(rand.N(int(core.Broken) + 1))
	}
	c.users.Add(-1)
	lease.Return(fate, errRefused)
	return nil
}
