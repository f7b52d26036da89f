// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// FuzzPool plays a script. The low three bits of each byte are a step, and the
// other bits name the caller that takes it. After each step the pool is compared
// with what the callers know.
func FuzzPool(f *testing.F) {
	f.Add([]byte{0, 0, 0, 8, 2, 1, 1, 3})
	f.Add([]byte{0x80, 0, 0, 0, 0, 2, 10, 4, 0, 0, 5, 1, 6})
	f.Add([]byte{0x40, 5, 0, 0, 6, 6, 5, 0, 3, 11, 7})
	f.Add([]byte{0xc3, 0, 0, 0, 0, 0, 0, 3, 11, 19, 7, 2, 2, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 || len(script) > 200 {
			return // nothing to play, or too much
		}
		synctest.Test(t, func(t *testing.T) { play(t, script[0], script[1:]) })
	})
}

// caller has asked for a connection.
type caller struct {
	cancel context.CancelFunc
	result <-chan result
	lease  pool.Lease[*conn]
	state  callerState
}

type callerState int

const (
	waiting callerState = iota
	holding
	gone
)

func play(t *testing.T, setup byte, steps []byte) {
	cfg := pool.Config{MaxSize: 1 + int(setup&3), AcquireTimeout: 10 * time.Second}
	sharing := 1
	if setup&0x80 != 0 {
		cfg.Mode, cfg.TargetSharing, cfg.MaxSharing = pool.Shared, 1, 2
		sharing = 2
	}
	if setup&0x40 != 0 {
		cfg.MinSize = 1
	}
	broken := false
	fact := &factory{onDial: func(ctx context.Context, _ int) error {
		select {
		case <-time.After(30 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if broken {
			return errRefused
		}
		return nil
	}}
	p := open(t, checked{fact}, cfg)
	var (
		callers []*caller
		double  uint64
		closed  = make(chan error, 1)
		closing bool
	)
	if setup&0x20 != 0 {
		go func() { _ = p.Start(t.Context()) }()
	}
	for _, step := range steps {
		var who *caller
		if len(callers) > 0 {
			who = callers[int(step>>3)%len(callers)]
		}
		switch step & 7 {
		case 0: // a caller acquires
			ctx, cancel := context.WithCancel(t.Context())
			callers = append(callers, &caller{cancel: cancel, result: acquireAsync(ctx, p)})
		case 1: // a caller cancels
			if who != nil {
				who.cancel()
			}
		case 2, 3: // a caller returns its lease, perhaps again
			if who == nil || who.state == waiting {
				break
			}
			if who.lease == (pool.Lease[*conn]{}) {
				break // the caller never had a lease
			}
			if who.state == gone {
				double++
			} else {
				who.state = gone
				who.lease.Conn().users.Add(-1)
			}
			who.lease.Return(core.ConnFate(int(step&1)*int(step>>3&3)), errRefused)
		case 4:
			time.Sleep(time.Duration(step>>3) * 10 * time.Millisecond)
		case 5:
			broken = !broken
		case 6: // a connection dies, or recovers
			if who != nil && who.state == holding {
				c := who.lease.Conn()
				c.dead.Store(!c.dead.Load())
			}
		case 7:
			if step>>3 == 31 && !closing {
				closing = true
				go func() { closed <- p.Close(context.Background()) }()
			}
		}
		synctest.Wait()
		check(t, p, callers, sharing, double)
	}

	// When every caller has left, no lease is out and the pool closes at once.
	for _, c := range callers {
		c.cancel()
	}
	synctest.Wait()
	check(t, p, callers, sharing, double)
	for _, c := range callers {
		if c.state == holding {
			c.lease.Conn().users.Add(-1)
			c.lease.Release()
			c.state = gone
		}
	}
	check(t, p, callers, sharing, double)
	if s := p.Stats(); s.InFlight != 0 || s.Waiters != 0 {
		t.Errorf("Stats = %+v, want no lease and no waiter", s)
	}
	if !closing {
		go func() { closed <- p.Close(context.Background()) }()
	}
	if err := <-closed; err != nil {
		t.Errorf("Close = %v", err)
	}
}

// check compares the pool with what its callers know. All goroutines are blocked.
func check(t *testing.T, p *pool.Pool[*conn], callers []*caller, sharing int, double uint64) {
	t.Helper()
	var asking, lent int
	for i, c := range callers {
		if c.state == waiting {
			select {
			case r := <-c.result:
				if c.state = gone; r.err == nil {
					c.state, c.lease = holding, r.lease
					if n := r.lease.Conn().users.Add(1); int(n) > sharing {
						t.Fatalf("caller %d: %d callers on one connection, want at most %d", i, n, sharing)
					}
					if r.lease.Conn().closed.Load() != 0 {
						t.Fatalf("caller %d got a closed connection", i)
					}
				}
			default:
				asking++
			}
		}
		if c.state == holding {
			lent++
		}
	}
	s := p.Stats()
	if s.Idle+s.InUse+s.Dialing > s.Max || s.InFlight != lent || s.Waiters != asking || s.DoubleReturns != double {
		t.Fatalf("Stats = %+v, want %d leases out, %d waiting, %d double returns", s, lent, asking, double)
	}
	if lent > s.Max*sharing {
		t.Fatalf("%d leases are out, want at most %d", lent, s.Max*sharing)
	}
	if asking > 0 && s.Idle > 0 && lent < s.Max*sharing {
		t.Fatalf("Stats = %+v: %d wait while a connection is idle", s, asking)
	}
}
