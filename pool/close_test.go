// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

func TestAcquireReturnsErrClosedAfterClose(t *testing.T) {
	p := open(t, &factory{}, pool.Config{})
	acquire(t, p).Release()
	if err := p.Close(t.Context()); err != nil {
		t.Fatalf("Close = %v", err)
	}
	_, err := p.Acquire(t.Context())
	wantErr(t, "Acquire", err, pool.ErrClosed)
	wantErr(t, "Do", p.Do(t.Context(), nil), pool.ErrClosed)
	if s := p.Stats(); s.Closed[pool.CloseShutdown] != 1 || s.Idle != 0 {
		t.Errorf("Stats = %+v, want 1 closed by shutdown", s)
	}
}

func TestCloseOfAnUnusedPool(t *testing.T) {
	p := open(t, &factory{}, pool.Config{})
	for range 2 {
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
}

func TestCloseEndsEveryWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		lease := acquire(t, p)
		a, b := acquireAsync(t.Context(), p), acquireAsync(t.Context(), p)
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- p.Close(context.Background()) }()
		wantErr(t, "Acquire", (<-a).err, pool.ErrClosed)
		wantErr(t, "Acquire", (<-b).err, pool.ErrClosed)
		synctest.Wait()
		if !pending(closed) {
			t.Fatal("Close did not wait for the lease")
		}
		time.Sleep(time.Hour)
		lease.Release()
		if err := <-closed; err != nil {
			t.Errorf("Close = %v", err)
		}
		if n := lease.Conn().closed.Load(); n != 1 {
			t.Errorf("the connection was closed %d times when Close returned", n)
		}
	})
}

func TestCloseCutsDialsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		p := open(t, f, pool.Config{})
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		start := time.Now()
		if err := p.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
		wantErr(t, "Acquire", (<-waiting).err, pool.ErrClosed)
		if got := time.Since(start); got != 0 {
			t.Errorf("Close took %v", got)
		}
		if s := p.Stats(); s.Dialing != 0 || s.DialErrors != 0 {
			t.Errorf("Stats = %+v, want no dial and no dial error", s)
		}
	})
}

func TestADialThatEndsAfterCloseIsDestroyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		p := open(t, f, pool.Config{})
		acquireAsync(t.Context(), p)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := p.Close(ctx)
		e, ok := errors.AsType[*pool.CloseError](err)
		if !ok || e.Forced != 0 {
			t.Errorf("Close = %v, want it to report the dial that goes on", err)
		}
		if got := time.Since(start); got > 200*time.Millisecond {
			t.Errorf("Close took %v, want its context's 10ms and a moment of grace", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if c := f.conns(); len(c) != 1 || c[0].closed.Load() != 1 {
			t.Error("the late connection was not closed")
		}
		if s := p.Stats(); s.Idle != 0 || s.Dialing != 0 {
			t.Errorf("Stats = %+v, want nothing left", s)
		}
	})
}

func TestCloseByForceSaysWhatWasForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{Name: "docs", MaxSize: 2})
		first, second := acquire(t, p), acquire(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := p.Close(ctx)
		if got := time.Since(start); got != time.Second {
			t.Errorf("Close took %v, want 1s", got)
		}
		e, ok := errors.AsType[*pool.CloseError](err)
		if !ok || e.Forced != 2 || e.Pool != "docs" {
			t.Errorf("Close = %#v, want 2 forced", err)
		}
		wantErr(t, "Close", err, context.DeadlineExceeded)
		if want := `pool "docs" closed by force, leases still out: 2: context deadline exceeded`; err.Error() != want {
			t.Errorf("Close = %q, want %q", err, want)
		}
		for _, l := range []pool.Lease[*conn]{first, second} {
			if n := l.Conn().closed.Load(); n != 1 {
				t.Errorf("connection %d was closed %d times", l.Conn().id, n)
			}
			l.Discard(errRefused) // late, but not a double return
		}
		if s := p.Stats(); s.InFlight != 0 || s.DoubleReturns != 0 || s.Closed[pool.CloseShutdown] != 2 || s.Closed[pool.CloseDiscarded] != 0 {
			t.Errorf("Stats = %+v, want 2 closed by shutdown", s)
		}
		if again := p.Close(context.Background()); again != err {
			t.Errorf("second Close = %v, want the same error", again)
		}
	})
}

func TestCloseByForceClosesBrokenConnectionsThatAreStillLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 1})
		first, second := acquire(t, p), acquire(t, p)
		first.Discard(errRefused)
		synctest.Wait()
		if n := second.Conn().closed.Load(); n != 0 {
			t.Fatal("a connection was closed while a caller had it")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		e, ok := errors.AsType[*pool.CloseError](p.Close(ended))
		if !ok || e.Forced != 1 {
			t.Errorf("Close = %v, want 1 forced", e)
		}
		if n := second.Conn().closed.Load(); n != 1 {
			t.Errorf("the connection was closed %d times", n)
		}
		second.Release()
		if s := p.Stats(); s.Closed[pool.CloseDiscarded] != 1 || s.InFlight != 0 {
			t.Errorf("Stats = %+v, want 1 discarded", s)
		}
	})
}

func TestCloseOnlyOnceAndTheOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{})
		lease := acquire(t, p)
		closed := make(chan error, 3)
		for range 3 {
			go func() { closed <- p.Close(context.Background()) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantErr(t, "an impatient Close", p.Close(ctx), context.DeadlineExceeded)
		if !pending(closed) {
			t.Fatal("Close returned with a lease out")
		}
		lease.Release()
		for range 3 {
			if err := <-closed; err != nil {
				t.Errorf("Close = %v", err)
			}
		}
	})
}

func TestCloseReportsWhatTheFactorySays(t *testing.T) {
	p := open(t, &factory{onClose: func(context.Context, *conn) error { return errRefused }}, pool.Config{Name: "docs"})
	acquire(t, p).Release()
	err := p.Close(t.Context())
	wantErr(t, "Close", err, errRefused)
	if want := `pool "docs": close: connection refused`; err.Error() != want {
		t.Errorf("Close = %q, want %q", err, want)
	}
}

func TestCloseDoesNotWaitForeverForTheFactory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onClose: func(context.Context, *conn) error { time.Sleep(time.Hour); return nil }}
		p := open(t, f, pool.Config{})
		acquire(t, p).Release()
		start := time.Now()
		if err := p.Close(context.Background()); err == nil {
			t.Error("Close = nil, want it to say that the factory has not returned")
		}
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("Close took %v, want 5s", got)
		}
		time.Sleep(time.Hour) // the factory returns at last
	})
}

func TestTheFactorysContextEndsWhileItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onClose: func(ctx context.Context, _ *conn) error { <-ctx.Done(); return ctx.Err() }}
		p := open(t, f, pool.Config{})
		kept := acquire(t, p)
		acquire(t, p).Discard(nil)
		kept.Release()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Close(ctx); err == nil {
			t.Error("Close = nil, want an error")
		}
		if got := time.Since(start); got > 1200*time.Millisecond {
			t.Errorf("Close took %v, want its context's 1s and a moment of grace", got)
		}
		time.Sleep(5 * time.Second) // the limit for closing a discarded connection
	})
}

func TestDrainRefusesAndWaitsAndKeepsTheConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1, MinSize: 1})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		lease := acquire(t, p)
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.Drain(ctx)
		wantErr(t, "Drain with a lease out", err, context.DeadlineExceeded)
		wantErr(t, "the waiter: Acquire", (<-waiting).err, pool.ErrClosed)
		_, err = p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrClosed)
		lease.Release()
		if err := p.Drain(ctx); err != nil {
			t.Errorf("Drain with no lease out = %v", err)
		}
		wantUsage(t, p, usage{Idle: 1})
		if n := lease.Conn().closed.Load(); n != 0 {
			t.Error("Drain closed the connection")
		}
	})
}

func TestALostConnectionIsNotReplacedWhileDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		p := open(t, f, pool.Config{MinSize: 1})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		lease := acquire(t, p)
		drained := make(chan error, 1)
		go func() { drained <- p.Drain(t.Context()) }()
		synctest.Wait()
		lease.Return(core.Broken, errRefused)
		if err := <-drained; err != nil {
			t.Errorf("Drain = %v", err)
		}
		if n := f.dials(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestADialThatFailsWhileDrainingIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return errRefused }}
		p := open(t, f, pool.Config{MinSize: 1})
		started := make(chan error, 1)
		go func() { started <- p.Start(t.Context()) }()
		synctest.Wait()
		if err := p.Drain(t.Context()); err != nil {
			t.Errorf("Drain = %v", err)
		}
		wantErr(t, "Start", <-started, pool.ErrClosed)
		time.Sleep(time.Minute)
		if n := f.dials(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestStartHearsOfCloseAndNotOfADialThatCloseEnds(t *testing.T) {
	for range 10 { // half of the times the first dial is ended first
		synctest.Test(t, func(t *testing.T) {
			f := &factory{onDial: func(ctx context.Context, n int) error {
				if n == 2 { // it takes long to end ctx: the first dial returns meanwhile
					for range 20_000 {
						_, cancel := context.WithCancel(ctx)
						t.Cleanup(cancel)
					}
				}
				<-ctx.Done()
				return ctx.Err()
			}}
			p := open(t, f, pool.Config{MinSize: 2})
			started := make(chan error, 1)
			go func() { started <- p.Start(t.Context()) }()
			synctest.Wait()
			if err := p.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
			wantErr(t, "Start", <-started, pool.ErrClosed)
		})
	}
}
