// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

func TestAFailedDialFailsAllWaitersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error {
			time.Sleep(20 * time.Millisecond)
			return errRefused
		}}
		p := open(t, f, pool.Config{Name: "docs", MaxSize: 1})
		start := time.Now()
		var waiting []<-chan result
		for range 5 {
			waiting = append(waiting, acquireAsync(t.Context(), p))
		}
		for _, c := range waiting {
			r := <-c
			e, ok := errors.AsType[*pool.DialError](r.err)
			if !ok || e.Err != errRefused || e.Timeout || e.Pool != "docs" {
				t.Errorf("Acquire = %#v, want a DialError with its cause", r.err)
			}
		}
		if got := time.Since(start); got != 20*time.Millisecond {
			t.Errorf("waited %v, want 20ms", got)
		}
		if s := p.Stats(); s.Dials != 1 || s.DialErrors != 1 || s.Timeouts != 0 || s.Waiters != 0 {
			t.Errorf("Stats = %+v, want 1 dial that failed", s)
		}
	})
}

func TestAcquireFailsAtOnceDuringTheBackoffAndDialsAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		f := &factory{onDial: func(context.Context, int) error {
			time.Sleep(time.Millisecond)
			if up.Load() {
				return nil
			}
			return errRefused
		}}
		p := open(t, f, pool.Config{})
		for round, step := range []time.Duration{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000} {
			step *= time.Millisecond
			_, err := p.Acquire(t.Context())
			wantErr(t, "Acquire", err, pool.ErrDial)
			if n := f.dials(); n != round+1 {
				t.Fatalf("%d dials after round %d", n, round)
			}
			time.Sleep(step/2 - time.Millisecond) // the pause is at least half of the step
			start := time.Now()
			_, err = p.Acquire(t.Context())
			wantErr(t, "Acquire in the backoff", err, errRefused)
			if waited := time.Since(start); waited != 0 || f.dials() != round+1 {
				t.Fatalf("Acquire in the backoff took %v and made %d dials", waited, f.dials()-round-1)
			}
			time.Sleep(step/2 + time.Millisecond)
		}
		up.Store(true)
		acquire(t, p).Discard(nil)

		up.Store(false) // a success begins the backoff anew
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrDial)
		time.Sleep(50 * time.Millisecond)
		n := f.dials()
		_, err = p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrDial)
		if f.dials() != n+1 {
			t.Errorf("%d dials after the first pause, want 1", f.dials()-n)
		}
	})
}

func TestDialsThatFailTogetherBackOffOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error {
			time.Sleep(time.Millisecond)
			return errRefused
		}}
		p := open(t, f, pool.Config{MaxSize: 8})
		for range 8 {
			acquireAsync(t.Context(), p)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		time.Sleep(50 * time.Millisecond)
		acquireAsync(t.Context(), p)
		synctest.Wait()
		if n := f.dials(); n != 9 {
			t.Errorf("%d dials, want 8 and one more after the first pause", n)
		}
	})
}

func TestWaitersOfABusyPoolOutliveAFailedDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n == 2 || n == 3 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 2})
		acquire(t, p)
		start := time.Now()
		second := acquire(t, p) // dials 2 and 3 fail and 4 succeeds during this one call
		if n, waited := f.dials(), time.Since(start); n != 4 || waited > 150*time.Millisecond {
			t.Errorf("%d dials in %v, want 4 with two pauses", n, waited)
		}
		second.Release()
	})
}

func TestTheLastDialErrorExplainsExhaustion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 1 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{Name: "docs", MaxSize: 2})
		acquire(t, p)
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrExhausted)
		wantErr(t, "Acquire", err, errRefused)
		want := `pool "docs" exhausted after 3s: 1 of 2 in use, 0 waiting (last dial: pool "docs": cannot dial: connection refused)`
		if err.Error() != want {
			t.Errorf("Acquire = %q, want %q", err, want)
		}
	})
}

func TestWaitersFailWhenTheLastConnectionIsLostDuringTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 1 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 2})
		lease := acquire(t, p)
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		lease.Discard(errRefused)
		synctest.Wait()
		if pending(waiting) {
			t.Fatal("the waiter waits for nothing")
		}
		wantErr(t, "Acquire", (<-waiting).err, pool.ErrDial)
	})
}

func TestTheLastDialToFailFailsTheWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errSlow := errors.New("no route to host")
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n == 1 {
				time.Sleep(time.Millisecond)
				return errRefused
			}
			time.Sleep(time.Second) // long after the first backoff
			return errSlow
		}}
		p := open(t, f, pool.Config{MaxSize: 2})
		ctx, cancel := context.WithCancel(t.Context())
		other := acquireAsync(ctx, p)
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		cancel()
		wantErr(t, "the other: Acquire", (<-other).err, context.Canceled)
		start := time.Now()
		wantErr(t, "Acquire", (<-waiting).err, errSlow)
		if got := time.Since(start); got != time.Second {
			t.Errorf("waited %v, want 1s", got)
		}
		if n := f.dials(); n != 2 {
			t.Errorf("%d dials, want 2", n)
		}
	})
}

func TestADialEndsAfterDialTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		p := open(t, f, pool.Config{Name: "docs", AcquireTimeout: time.Minute, DialTimeout: 2 * time.Second})
		start := time.Now()
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrDialTimeout)
		wantErr(t, "Acquire", err, context.DeadlineExceeded)
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("waited %v, want 2s", got)
		}
		if want := `pool "docs": dial timed out: context deadline exceeded`; err.Error() != want {
			t.Errorf("Acquire = %q, want %q", err, want)
		}
	})
}

func TestDialingIsNotBoundToTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		p := open(t, f, pool.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := p.Acquire(ctx)
		wantErr(t, "Acquire", err, context.DeadlineExceeded)
		time.Sleep(time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 1})
		acquire(t, p)
		if n := f.dials(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestNoMoreIsDialedThanIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		p := open(t, f, pool.Config{MaxSize: 3})
		for i := range 5 {
			acquireAsync(t.Context(), p)
			synctest.Wait()
			if want := min(i+1, 3); f.dials() != want {
				t.Errorf("%d dials for %d waiters, want %d", f.dials(), i+1, want)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{InUse: 3, InFlight: 3, Waiters: 2})
	})
}

// awkward is a factory that breaks its contract.
type awkward struct {
	dial   func() (*conn, error)
	closed atomic.Int32
}

func (a *awkward) Dial(context.Context) (*conn, error) { return a.dial() }

func (a *awkward) Close(context.Context, *conn) error {
	a.closed.Add(1)
	panic("cannot close either")
}

func TestAFactoryThatMisbehavesCostsNoSlot(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		dial       func() (*conn, error)
		closed     int32
	}{
		{"panics", "the factory panicked: oops", func() (*conn, error) { panic("oops") }, 0},
		{"calls Goexit", "the factory called runtime.Goexit", func() (*conn, error) { runtime.Goexit(); return nil, nil }, 0},
		{"returns nothing", "the factory returned neither a connection nor an error", func() (*conn, error) { return nil, nil }, 0},
		{"returns both", "connection refused (and the connection beside it could not be closed", func() (*conn, error) { return &conn{}, errRefused }, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &awkward{dial: tc.dial}
				p, err := pool.New(f, pool.Config{MaxSize: 1})
				if err != nil {
					t.Fatal(err)
				}
				_, err = p.Acquire(t.Context())
				wantErr(t, "Acquire", err, pool.ErrDial)
				if err == nil || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("Acquire = %v, want %q in it", err, tc.text)
				}
				if n := f.closed.Load(); n != tc.closed {
					t.Errorf("closed %d connections, want %d", n, tc.closed)
				}
				if s := p.Stats(); s.Dialing != 0 || s.DialErrors != 1 {
					t.Errorf("Stats = %+v, want no dial under way and 1 error", s)
				}
				time.Sleep(50 * time.Millisecond)
				f.dial = func() (*conn, error) { return &conn{}, nil }
				if _, err := p.Acquire(t.Context()); err != nil {
					t.Errorf("second Acquire = %v", err)
				}
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				err = p.Close(ended)
				e, ok := errors.AsType[*pool.CloseError](err)
				if !ok || e.Forced != 1 || !strings.Contains(err.Error(), "closing a connection panicked: cannot close either") {
					t.Errorf("Close = %v, want the panic in it", err)
				}
			})
		})
	}
}

func TestConnectionsNeedNotBePointers(t *testing.T) {
	p, err := pool.New[int](numbers{}, pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Do(t.Context(), func(_ context.Context, n int) error {
		if n != 0 {
			t.Errorf("conn = %d, want 0", n)
		}
		return nil
	}); err != nil {
		t.Errorf("Do = %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

type numbers struct{}

func (numbers) Dial(context.Context) (int, error) { return 0, nil }
func (numbers) Close(context.Context, int) error  { return nil }

func TestANilInterfaceIsNoConnection(t *testing.T) {
	p, err := pool.New[any](nothing{}, pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Acquire(t.Context())
	wantErr(t, "Acquire", err, pool.ErrDial)
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

type nothing struct{}

func (nothing) Dial(context.Context) (any, error) { return nil, nil }
func (nothing) Close(context.Context, any) error  { return nil }

func TestAFactoryThatNeverReturnsCostsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		var stuck atomic.Bool
		stuck.Store(true)
		f := &factory{onDial: func(context.Context, int) error {
			if stuck.Load() {
				<-stop
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 1, DialTimeout: time.Second})
		start := time.Now()
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrDialTimeout)
		if waited := time.Since(start); waited > 1100*time.Millisecond {
			t.Errorf("waited %v, want DialTimeout and a moment of grace", waited)
		}
		if s := p.Stats(); s.Dialing != 0 || s.DialErrors != 1 {
			t.Errorf("Stats = %+v, want no dial under way", s)
		}
		stuck.Store(false)
		time.Sleep(50 * time.Millisecond)
		acquire(t, p).Release()
		close(stop) // the pool no longer needs the late connection
		synctest.Wait()
		if s := p.Stats(); s.Idle != 1 || s.Closed[pool.CloseDiscarded] != 1 {
			t.Errorf("Stats = %+v, want the late one closed", s)
		}
	})
}

func TestCloseWhileADialHangsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		f := &factory{onDial: func(context.Context, int) error { <-stop; return nil }}
		p := open(t, f, pool.Config{DialTimeout: time.Second})
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrDialTimeout)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = p.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "calls of the factory that have not returned: 1") {
			t.Errorf("Close = %v, want it to name the dial that hangs", err)
		}
		close(stop)
		synctest.Wait()
	})
}

func TestNoMoreThanMaxConcurrentDialsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		f := &factory{onDial: func(context.Context, int) error {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Second)
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 10, MaxConcurrentDials: 3, AcquireTimeout: time.Minute})
		var waiting []<-chan result
		for range 10 {
			waiting = append(waiting, acquireAsync(t.Context(), p))
		}
		for _, c := range waiting {
			if r := <-c; r.err != nil {
				t.Errorf("Acquire = %v", r.err)
			}
		}
		if n := most.Load(); n != 3 {
			t.Errorf("%d dials at once, want 3", n)
		}
	})
}

func TestADialIsNotBegunForThoseWhoHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		p := open(t, f, pool.Config{MaxSize: 20, MaxConcurrentDials: 1})
		ctx, cancel := context.WithCancel(t.Context())
		for range 20 {
			acquireAsync(ctx, p)
		}
		synctest.Wait()
		cancel()
		time.Sleep(time.Minute)
		if n := f.dials(); n != 1 {
			t.Errorf("%d dials, want the one that was under way", n)
		}
		wantUsage(t, p, usage{Idle: 1})
	})
}
