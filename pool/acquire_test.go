// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

func TestAnExclusiveConnectionHasOneCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 2})
		a, b := acquire(t, p), acquire(t, p)
		if a.Conn() == b.Conn() {
			t.Fatal("two callers have the same connection")
		}
		third := acquireAsync(t.Context(), p)
		synctest.Wait()
		if !pending(third) {
			t.Fatalf("third Acquire = %v, want it to wait", <-third)
		}
		wantUsage(t, p, usage{InUse: 2, InFlight: 2, Waiters: 1})
		b.Release()
		if r := <-third; r.err != nil || r.lease.Conn() != b.Conn() {
			t.Errorf("third Acquire = %v, want the released connection", r)
		}
	})
}

func TestAnExclusivePoolGoesOnWithTheSameConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 3, IdleTimeout: time.Minute})
		a, b, c := acquire(t, p), acquire(t, p), acquire(t, p)
		a.Release()
		c.Release()
		b.Release()
		for range 20 {
			acquire(t, p).Release()
			time.Sleep(10 * time.Second)
		}
		// If the callers used all connections in turn, no connection would be idle
		// for a minute.
		synctest.Wait()
		if s := p.Stats(); s.Idle != 1 || s.Closed[pool.CloseIdle] != 2 {
			t.Errorf("Stats = %+v, want 1 connection in use and the others closed", s)
		}
	})
}

func TestAcquireRefusesAnEndedContext(t *testing.T) {
	p := open(t, &factory{}, pool.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Acquire(ctx)
	e, ok := errors.AsType[*pool.AcquireError](err)
	if !ok || e.Waited != 0 || e.Err != context.Canceled || e.Max != 10 {
		t.Errorf("Acquire = %#v, want an AcquireError that waited 0", err)
	}
	if want := `pool "pool": no connection acquired: context canceled`; err.Error() != want {
		t.Errorf("Acquire = %q, want %q", err, want)
	}
	if s := p.Stats(); s.Timeouts != 0 || s.Dials != 0 {
		t.Errorf("Stats = %+v, want no timeout and no dial", s)
	}
}

func TestAcquireTimeoutEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		lease := acquire(t, p)
		start := time.Now()
		_, err := p.Acquire(context.Background())
		wantErr(t, "Acquire", err, pool.ErrExhausted)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire = %v, but no context ended", err)
		}
		if got, want := time.Since(start), effective(t, pool.Config{}).AcquireTimeout; got != want {
			t.Errorf("waited %v, want %v", got, want)
		}
		if s := p.Stats(); s.Timeouts != 1 || s.Waiters != 0 {
			t.Errorf("Stats = %+v, want 1 timeout and no waiter", s)
		}
		lease.Release()
		acquire(t, p).Release()
	})
}

func TestAcquireErrorSaysWhatThePoolLookedLike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{Name: "docs", MaxSize: 1, AcquireTimeout: 2 * time.Second})
		acquire(t, p)
		first := acquireAsync(t.Context(), p)
		synctest.Wait()
		time.Sleep(time.Second)
		acquireAsync(t.Context(), p)
		r := <-first
		e, ok := errors.AsType[*pool.AcquireError](r.err)
		if !ok {
			t.Fatalf("Acquire = %v, want an AcquireError", r.err)
		}
		if want := (pool.AcquireError{Pool: "docs", Waited: 2 * time.Second, InUse: 1, Max: 1, Waiters: 1}); !reflect.DeepEqual(*e, want) {
			t.Errorf("Acquire = %+v, want %+v", *e, want)
		}
		if want := `pool "docs" exhausted after 2s: 1 of 1 in use, 1 waiting`; e.Error() != want {
			t.Errorf("Acquire = %q, want %q", e, want)
		}
	})
}

func TestTheCallersContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		acquire(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := p.Acquire(ctx)
		wantErr(t, "Acquire", err, pool.ErrExhausted)
		wantErr(t, "Acquire", err, context.DeadlineExceeded)
		if got := time.Since(start); got != time.Second {
			t.Errorf("waited %v, want 1s", got)
		}
	})
}

func TestCallersBeyondMaxWaitersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1, MaxWaiters: 2})
		lease := acquire(t, p)
		first, second := acquireAsync(t.Context(), p), acquireAsync(t.Context(), p)
		synctest.Wait()
		_, err := p.Acquire(t.Context())
		wantErr(t, "Acquire", err, pool.ErrTooManyWaiters)
		lease.Release()
		synctest.Wait()
		if pending(first) == pending(second) {
			t.Fatal("want one of the waiters served")
		}
		third := acquireAsync(t.Context(), p)
		synctest.Wait()
		if !pending(third) {
			t.Errorf("Acquire = %v, want it to wait: there is room again", <-third)
		}
	})
}

func TestReturningALeaseAgainIsCountedAndIgnored(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			p := open(t, &factory{}, pool.Config{Mode: mode, MaxSize: 1})
			first := acquire(t, p)
			duplicate := first
			first.Release()
			duplicate.Release()
			first.Discard(errRefused)
			if n := p.Stats().DoubleReturns; n != 2 {
				t.Errorf("DoubleReturns = %d, want 2", n)
			}
			second := acquire(t, p) // takes the seat of first
			if news := duplicate.Return(core.Broken, errRefused); news {
				t.Error("Return of a lease that is not out = news")
			}
			wantUsage(t, p, usage{InUse: 1, InFlight: 1})
			if second.Conn() != first.Conn() || second.Conn().closed.Load() != 0 {
				t.Error("the stale return hit the connection")
			}
			second.Release()
			wantUsage(t, p, usage{Idle: 1})
			if n := p.Stats().DoubleReturns; n != 3 {
				t.Errorf("DoubleReturns = %d, want 3", n)
			}
		})
	}
}

func TestReturningALeaseAgainAfterItsConnectionIsGone(t *testing.T) {
	p := open(t, &factory{}, pool.Config{MaxSize: 1})
	lease := acquire(t, p)
	lease.Discard(errRefused)
	lease.Discard(errRefused)
	s := p.Stats()
	if s.DoubleReturns != 1 || s.Closed[pool.CloseDiscarded] != 1 {
		t.Errorf("Stats = %+v, want 1 double return and 1 discarded", s)
	}
}

func TestFatesOfAnExclusiveConnection(t *testing.T) {
	for _, tc := range []struct {
		fate   core.ConnFate
		reason pool.CloseReason
	}{
		{core.Keep, ""},
		{core.Unclean, pool.CloseUnclean},
		{core.Suspect, pool.CloseDiscarded},
		{core.Broken, pool.CloseDiscarded},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := open(t, &factory{}, pool.Config{MaxSize: 1})
			first := acquire(t, p)
			if news := first.Return(tc.fate, errRefused); !news {
				t.Errorf("Return(%d) = no news", tc.fate)
			}
			synctest.Wait()
			kept := tc.reason == ""
			if closed := first.Conn().closed.Load() == 1; closed == kept {
				t.Errorf("Return(%d): closed = %v", tc.fate, closed)
			}
			for reason, n := range p.Stats().Closed {
				if want := map[bool]uint64{true: 1}[reason == tc.reason]; n != want {
					t.Errorf("Return(%d): Closed[%s] = %d, want %d", tc.fate, reason, n, want)
				}
			}
			second := acquire(t, p)
			if same := second.Conn() == first.Conn(); same != kept {
				t.Errorf("Return(%d): the same connection lent = %v", tc.fate, same)
			}
			second.Release()
		})
	}
}

func TestADeadConnectionIsNotLentExclusively(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{&factory{}}
		p := open(t, f, pool.Config{MaxSize: 3})
		a, b := acquire(t, p), acquire(t, p)
		a.Release()
		b.Release()
		b.Conn().dead.Store(true)
		c, d := acquire(t, p), acquire(t, p)
		if c.Conn() == b.Conn() || d.Conn() == b.Conn() {
			t.Error("lent a dead connection")
		}
		synctest.Wait()
		if n := p.Stats().Closed[pool.CloseDead]; n != 1 || b.Conn().closed.Load() != 1 {
			t.Errorf("Closed[dead] = %d, want 1", n)
		}
		c.Conn().dead.Store(true)
		c.Release()
		if e := acquire(t, p); e.Conn() == c.Conn() {
			t.Error("lent a dead connection")
		}
	})
}

func TestADeadConnectionIsNotHandedToAWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, checked{&factory{}}, pool.Config{MaxSize: 1})
		first := acquire(t, p)
		waiting := acquireAsync(t.Context(), p)
		synctest.Wait()
		first.Conn().dead.Store(true)
		first.Release()
		if r := <-waiting; r.err != nil || r.lease.Conn() == first.Conn() {
			t.Errorf("Acquire = %v, want a new connection", r)
		}
	})
}

// panicky is a factory whose Alive panics.
type panicky struct{ *factory }

func (panicky) Alive(*conn) bool { panic("no") }

func TestAPanicInAliveCountsAsDead(t *testing.T) {
	f := &factory{}
	p, err := pool.New(panicky{f}, pool.Config{Mode: pool.Shared, MaxSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		acquire(t, p).Release()
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// answered is an error that says what it means.
type answered struct{ error }

func (answered) Class() core.Class { return core.Answered("not_found") }
func (e answered) Unwrap() error   { return e.error }

func TestDoGivesTheConnectionBack(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	for _, tc := range []struct {
		name   string
		fn     func(context.Context, *conn) error
		err    error
		reason pool.CloseReason
	}{
		{"success", func(context.Context, *conn) error { return nil }, nil, ""},
		{"an error", func(context.Context, *conn) error { return errRefused }, errRefused, pool.CloseDiscarded},
		{"an answer", func(context.Context, *conn) error { return answered{errRefused} }, errRefused, ""},
		{"a bad connection", func(context.Context, *conn) error { return errors.Join(errRefused, pool.ErrBadConn) }, errRefused, pool.CloseDiscarded},
		{"the context ended", func(ctx context.Context, _ *conn) error { cancel(); return ctx.Err() }, context.Canceled, pool.CloseUnclean},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := open(t, &factory{}, pool.Config{MaxSize: 1})
			ctx := t.Context()
			if tc.err == context.Canceled {
				ctx = ended
			}
			if err := p.Do(ctx, tc.fn); !errors.Is(err, tc.err) {
				t.Errorf("Do = %v, want %v", err, tc.err)
			}
			s := p.Stats()
			if s.InFlight != 0 || s.InUse != 0 {
				t.Errorf("Stats = %+v, want nothing lent", s)
			}
			if tc.reason == "" && s.Idle != 1 || tc.reason != "" && s.Closed[tc.reason] != 1 {
				t.Errorf("Stats = %+v, want close reason %q", s, tc.reason)
			}
		})
	}
}

func TestDoGivesTheConnectionBackWhenItsFunctionDoesNotReturn(t *testing.T) {
	for name, fn := range map[string]func(context.Context, *conn) error{
		"panic":  func(context.Context, *conn) error { panic("oops") },
		"goexit": func(context.Context, *conn) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, &factory{}, pool.Config{MaxSize: 1})
			done := make(chan any)
			go func() {
				defer close(done)
				defer func() { done <- recover() }()
				_ = p.Do(t.Context(), fn)
				t.Error("Do returned")
			}()
			if v := <-done; (v == "oops") != (name == "panic") {
				t.Errorf("recovered %v", v)
			}
			<-done
			if s := p.Stats(); s.InFlight != 0 || s.Closed[pool.CloseUnclean] != 1 {
				t.Errorf("Stats = %+v, want the connection closed as unclean", s)
			}
			if err := p.Do(t.Context(), func(context.Context, *conn) error { return nil }); err != nil {
				t.Errorf("Do = %v", err)
			}
		})
	}
}

func TestTheFastPathDoesNotAllocate(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		p := open(t, &factory{}, pool.Config{Mode: mode})
		acquire(t, p).Release()
		ctx := t.Context()
		allocs := testing.AllocsPerRun(100, func() {
			lease, err := p.Acquire(ctx)
			if err != nil {
				t.Fatal(err)
			}
			lease.Release()
		})
		if allocs != 0 {
			t.Errorf("%v: Acquire and Release allocate %v times, want 0", mode, allocs)
		}
	}
}

func TestTheNameIsInEveryRefusal(t *testing.T) {
	p := open(t, &factory{}, pool.Config{Name: "docs"})
	if p.Name() != "docs" {
		t.Errorf("Name = %q", p.Name())
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Acquire(t.Context()); err == nil || !strings.Contains(err.Error(), `"docs"`) {
		t.Errorf("Acquire = %v, want the pool named", err)
	}
}
