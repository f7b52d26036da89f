// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// leaks collects the calls of OnLeak.
type leaks struct {
	mu  sync.Mutex
	all []pool.LeakInfo
}

func (l *leaks) add(info pool.LeakInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, info)
}

func (l *leaks) take() []pool.LeakInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

// forget acquires a lease and does not return it.
func forget(t *testing.T, p *pool.Pool[*conn]) pool.Lease[*conn] {
	t.Helper()
	return acquire(t, p)
}

func TestALeakIsReportedOnceAndAgainWhenItComesBack(t *testing.T) {
	for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l leaks
				p := open(t, &factory{}, pool.Config{Name: "docs", Mode: mode, LeakAfter: time.Minute, OnLeak: l.add})
				lease := forget(t, p)
				time.Sleep(time.Minute - time.Nanosecond)
				acquire(t, p).Release()
				if got := l.take(); len(got) != 0 {
					t.Fatalf("reported too early: %v", got)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				got := l.take()
				if len(got) != 1 || got[0].Pool != "docs" || got[0].Held != time.Minute || got[0].Returned {
					t.Fatalf("leaks = %+v, want one of a minute", got)
				}
				if first, _, _ := strings.Cut(got[0].Stack, "\n"); !strings.HasSuffix(first, "pool_test.acquire") || !strings.Contains(got[0].Stack, "pool_test.forget") {
					t.Errorf("Stack =\n%s\nwant it to begin where Acquire was called", got[0].Stack)
				}
				time.Sleep(time.Hour)
				if got := l.take(); len(got) != 0 {
					t.Errorf("reported again: %+v", got)
				}
				lease.Release()
				lease.Release()
				got = l.take()
				if len(got) != 1 || got[0].Held != 61*time.Minute || !got[0].Returned || !strings.Contains(got[0].Stack, "pool_test.forget") {
					t.Errorf("leaks = %+v, want its return", got)
				}
				if n := p.Stats().Leaks; n != 1 {
					t.Errorf("Leaks = %d, want 1", n)
				}
			})
		})
	}
}

func TestAWaiterIsBlamedForItsOwnLeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l leaks
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Minute, LeakAfter: time.Minute, OnLeak: l.add})
		lease := acquire(t, p)
		got := make(chan pool.Lease[*conn])
		go func() { got <- forget(t, p) }()
		synctest.Wait()
		time.Sleep(30 * time.Second)
		lease.Release()
		leaked := <-got
		time.Sleep(time.Minute)
		synctest.Wait()
		if all := l.take(); len(all) != 1 || all[0].Held != time.Minute || !strings.Contains(all[0].Stack, "pool_test.forget") {
			t.Errorf("leaks = %+v, want the one of the waiter", all)
		}
		leaked.Discard(nil)
	})
}

func TestALeakedLeaseOfARemovedConnectionIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l leaks
		p := open(t, &factory{}, pool.Config{LeakAfter: time.Minute, OnLeak: l.add})
		lease := forget(t, p)
		p.Reset("test")
		time.Sleep(2 * time.Minute)
		if all := l.take(); len(all) != 1 {
			t.Errorf("leaks = %+v, want one", all)
		}
		lease.Release()
	})
}

func TestLeaksAreCountedWithoutAListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{LeakAfter: time.Minute})
		leases := []pool.Lease[*conn]{acquire(t, p), acquire(t, p)}
		time.Sleep(2 * time.Minute)
		if n := p.Stats().Leaks; n != 2 {
			t.Errorf("Leaks = %d, want 2", n)
		}
		for _, l := range leases {
			l.Release()
		}
	})
}

func TestCloseWithALeakedLeaseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l leaks
		p := open(t, &factory{}, pool.Config{LeakAfter: time.Second, OnLeak: l.add})
		forget(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := p.Close(ctx)
		wantErr(t, "Close", err, context.DeadlineExceeded)
		if err == nil || !strings.Contains(err.Error(), "leases still out: 1") {
			t.Errorf("Close = %v, want it to say what was forced", err)
		}
		if all := l.take(); len(all) != 1 {
			t.Errorf("leaks = %+v, want the culprit named while Close waited", all)
		}
	})
}

func TestOnUseIsToldHowLongALeaseWasOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used []time.Duration
		p := open(t, &factory{}, pool.Config{MaxSize: 1, OnUse: func(d time.Duration) { used = append(used, d) }})
		lease := acquire(t, p)
		time.Sleep(time.Second)
		lease.Release()
		lease.Release()
		lease = acquire(t, p)
		time.Sleep(time.Minute)
		lease.Discard(errRefused)
		if len(used) != 2 || used[0] != time.Second || used[1] != time.Minute {
			t.Errorf("used = %v, want [1s 1m]", used)
		}
	})
}
