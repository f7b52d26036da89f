// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

func TestStartDialsMinSizeAtLeastOne(t *testing.T) {
	for _, tc := range []struct{ min, want int }{{0, 1}, {1, 1}, {3, 3}} {
		synctest.Test(t, func(t *testing.T) {
			p := open(t, &factory{}, pool.Config{MinSize: tc.min, MaxSize: 5})
			for range 2 { // the second call finds its connections
				if err := p.Start(t.Context()); err != nil {
					t.Errorf("Start = %v", err)
				}
			}
			wantUsage(t, p, usage{Idle: tc.want})
			if s := p.Stats(); s.Min != tc.min || s.Max != 5 || s.Dials != uint64(tc.want) {
				t.Errorf("Stats = %+v, want %d dials", s, tc.want)
			}
		})
	}
}

func TestStartFailsAtTheFirstFailedDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(ctx context.Context, n int) error {
			if n == 1 {
				return typed("unauthenticated")
			}
			time.Sleep(time.Second)
			return nil
		}}
		p := open(t, f, pool.Config{Name: "docs", MinSize: 3})
		start := time.Now()
		err := p.Start(t.Context())
		for _, want := range []error{pool.ErrStart, pool.ErrDial, typed("unauthenticated")} {
			wantErr(t, "Start", err, want)
		}
		if want := `pool "docs" cannot start: pool "docs": cannot dial: backend: unauthenticated`; err.Error() != want {
			t.Errorf("Start = %q, want %q", err, want)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("Start took %v, want it not to wait for the other dials", got)
		}
	})
}

func TestStartCanBeTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n == 1 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{})
		wantErr(t, "Start", p.Start(t.Context()), errRefused)
		start := time.Now()
		if err := p.Start(t.Context()); err != nil {
			t.Errorf("second Start = %v", err)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("second Start took %v, want it not to wait for the backoff", got)
		}
	})
}

func TestStartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		p := open(t, f, pool.Config{DialTimeout: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 { // at the second call the context has ended before
			err := p.Start(ctx)
			wantErr(t, "Start", err, pool.ErrStart)
			wantErr(t, "Start", err, context.DeadlineExceeded)
		}
	})
}

func TestStartEndsWhenThePoolCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		p := open(t, f, pool.Config{})
		started := make(chan error, 1)
		go func() { started <- p.Start(t.Context()) }()
		synctest.Wait()
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		err := <-started
		wantErr(t, "Start", err, pool.ErrStart)
		wantErr(t, "Start", err, pool.ErrClosed)
		wantErr(t, "Start after Close", p.Start(t.Context()), pool.ErrClosed)
	})
}

func TestMinSizeIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if 3 <= n && n <= 6 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{MinSize: 2})
		if err := p.Start(t.Context()); err != nil {
			t.Fatalf("Start = %v", err)
		}
		acquire(t, p).Discard(errRefused)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 1})
		// Four dials fail: at most 50 + 100 + 200 + 400 ms of pauses.
		time.Sleep(750 * time.Millisecond)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 2})
		if n := f.dials(); n != 7 {
			t.Errorf("%d dials, want 7", n)
		}
	})
}

func TestADeadConnectionIsReplacedToKeepMinSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, checked{&factory{}}, pool.Config{MinSize: 2})
		if err := p.Start(t.Context()); err != nil {
			t.Fatalf("Start = %v", err)
		}
		lease := acquire(t, p)
		lease.Conn().dead.Store(true)
		lease.Release()
		acquire(t, p)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 1, InUse: 1, InFlight: 1})
	})
}

func TestMinSizeIsDialedInTheBackgroundAfterAFailedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n <= 2 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{MinSize: 2})
		wantErr(t, "Start", p.Start(t.Context()), pool.ErrStart)
		time.Sleep(time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{Idle: 2})
	})
}

func TestWithoutStartNothingIsDialedUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		p := open(t, f, pool.Config{MinSize: 3})
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := f.dials(); n != 0 {
			t.Errorf("%d dials, want none", n)
		}
		acquire(t, p)
		if n := f.dials(); n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestTheBackgroundDialerStopsWithThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { return errRefused }}
		p := open(t, f, pool.Config{MinSize: 1})
		wantErr(t, "Start", p.Start(t.Context()), errRefused)
		time.Sleep(time.Minute)
		n := f.dials()
		if n < 2 {
			t.Errorf("%d dials in a minute, want more", n)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		time.Sleep(time.Minute)
		if got := f.dials(); got != n {
			t.Errorf("%d dials after Close", got-n)
		}
	})
}

func TestStartOfADrainedPoolIsRefused(t *testing.T) {
	p := open(t, &factory{}, pool.Config{})
	if err := p.Drain(t.Context()); err != nil {
		t.Fatalf("Drain = %v", err)
	}
	if err := p.Start(t.Context()); !errors.Is(err, pool.ErrClosed) || !errors.Is(err, pool.ErrStart) {
		t.Errorf("Start = %v, want ErrStart and ErrClosed", err)
	}
}
