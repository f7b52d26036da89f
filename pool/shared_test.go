// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// load counts the leases by connection.
func load(leases []pool.Lease[*conn]) map[int]int {
	m := map[int]int{}
	for _, l := range leases {
		m[l.Conn().id]++
	}
	return m
}

// started makes a shared pool of size connections.
func started(t *testing.T, f pool.Factory[*conn], size int) *pool.Pool[*conn] {
	t.Helper()
	p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: size, MinSize: size})
	if err := p.Start(t.Context()); err != nil {
		t.Fatalf("Start = %v", err)
	}
	return p
}

func TestASharedPoolLendsTheLeastLoaded(t *testing.T) {
	p := started(t, &factory{}, 3)
	var leases []pool.Lease[*conn]
	for range 9 {
		leases = append(leases, acquire(t, p))
	}
	for id, n := range load(leases) {
		if n != 3 {
			t.Errorf("connection %d has %d callers, want 3", id, n)
		}
	}
	free := leases[4]
	free.Release()
	if got := acquire(t, p); got.Conn() != free.Conn() {
		t.Errorf("lent connection %d, want %d, which has the fewest callers", got.Conn().id, free.Conn().id)
	}
}

func TestASharedPoolTakesTurnsAmongEquals(t *testing.T) {
	p := started(t, &factory{}, 4)
	seen := map[int]int{}
	for range 8 {
		lease := acquire(t, p)
		seen[lease.Conn().id]++
		lease.Release()
	}
	if len(seen) != 4 {
		t.Errorf("leases by connection: %v, want all four used", seen)
	}
}

func TestASharedPoolGrowsInTheBackgroundAtTargetSharing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 1 {
				time.Sleep(time.Second)
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 3, TargetSharing: 2, MaxSharing: 100})
		var leases []pool.Lease[*conn]
		lend := func(wantDials int) {
			t.Helper()
			leases = append(leases, acquire(t, p)) // without a wait for the dial
			synctest.Wait()
			if n := f.dials(); n != wantDials {
				t.Fatalf("%d dials with %d callers, want %d", n, len(leases), wantDials)
			}
		}
		start := time.Now()
		lend(1)
		lend(2) // the only connection has TargetSharing callers
		lend(2) // one dial at a time
		if waited := time.Since(start); waited != 0 {
			t.Errorf("callers waited %v for growth", waited)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		wantUsage(t, p, usage{InUse: 1, Idle: 1, InFlight: 3})
		lend(2)
		lend(3) // now each connection has two callers or more
		time.Sleep(time.Second)
		for range 20 {
			lend(3) // MaxSize
		}
	})
}

func TestGrowthRespectsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n > 1 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{Mode: pool.Shared, TargetSharing: 1})
		for range 5 {
			acquire(t, p)
			synctest.Wait()
		}
		if n := f.dials(); n != 2 {
			t.Errorf("%d dials, want 2: the second failed", n)
		}
		time.Sleep(50 * time.Millisecond)
		acquire(t, p)
		synctest.Wait()
		if n := f.dials(); n != 3 {
			t.Errorf("%d dials after the pause, want 3", n)
		}
	})
}

func TestGrowthCountsOnlyConnectionsThatAreNotSuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{&factory{}}
		p := open(t, f, pool.Config{Mode: pool.Shared, MinSize: 2, MaxSize: 3, TargetSharing: 2})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // a caller starts no dial while the mutex is busy
		bad := acquire(t, p)
		bad.Conn().dead.Store(true)
		bad.Return(core.Suspect, errRefused)
		acquire(t, p)
		acquire(t, p) // the sound connection has two callers, the suspect one none
		synctest.Wait()
		if n := f.dials(); n != 3 {
			t.Errorf("%d dials, want 3", n)
		}
	})
}

func TestAPoolWhoseConnectionsAreAllSuspectDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := checked{slowAfter(1)}
		p := open(t, f, pool.Config{Mode: pool.Shared, TargetSharing: 2})
		bad := acquire(t, p)
		bad.Conn().dead.Store(true)
		bad.Return(core.Suspect, errRefused)
		for range 10 {
			acquire(t, p)
			synctest.Wait()
		}
		if s := p.Stats(); s.Dials != 2 || s.Replacing != 1 || s.Dialing != 0 {
			t.Errorf("Stats = %+v, want the connection being replaced and no other dial", s)
		}
	})
}

func TestOneDialServesManyWaitersOfASharedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { time.Sleep(time.Second); return nil }}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 4, TargetSharing: 8, MaxSharing: 16})
		var waiting []<-chan result
		for range 16 {
			waiting = append(waiting, acquireAsync(t.Context(), p))
		}
		synctest.Wait()
		if n := f.dials(); n != 2 {
			t.Errorf("%d dials for 16 waiters, want 2", n)
		}
		for i, c := range waiting {
			if r := <-c; r.err != nil {
				t.Errorf("waiter %d: Acquire = %v", i, r.err)
			}
		}
		if s := p.Stats(); s.InFlight != 16 || s.Waiters != 0 {
			t.Errorf("Stats = %+v, want 16 leases out", s)
		}
	})
}

func TestCallersBeyondTheHardCapWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 2, TargetSharing: 1, MaxSharing: 3})
		var leases []pool.Lease[*conn]
		for range 6 {
			leases = append(leases, acquire(t, p))
		}
		seventh := acquireAsync(t.Context(), p)
		synctest.Wait()
		wantUsage(t, p, usage{InUse: 2, InFlight: 6, Waiters: 1})
		if l := load(leases); l[1] != 3 || l[2] != 3 {
			t.Errorf("callers by connection: %v, want 3 each", l)
		}
		leases[0].Release()
		if r := <-seventh; r.err != nil || r.lease.Conn() != leases[0].Conn() {
			t.Errorf("Acquire = %v, want the seat that became free", r)
		}
	})
}

func TestASuspectConnectionIsPassedOverForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := started(t, &factory{onDial: func(_ context.Context, n int) error {
			if n > 2 {
				return errRefused
			}
			return nil
		}}, 2)
		lease, _ := together(t, p) // the other caller keeps the connection open
		bad := lease.Conn()
		lease.Return(core.Suspect, errRefused)
		for range 10 {
			if l := acquire(t, p); l.Conn() == bad {
				t.Fatal("lent a suspect connection while there is a better one")
			}
		}
		time.Sleep(time.Second)
		if l := acquire(t, p); l.Conn() != bad {
			t.Error("the connection is still passed over after a second")
		}
		if n := bad.closed.Load(); n != 0 {
			t.Error("a suspect connection was closed")
		}
	})
}

func TestASuccessfulCallEndsSuspicion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := started(t, slowAfter(2), 2)
		a, c := together(t, p)
		bad := a.Conn()
		a.Return(core.Suspect, errRefused)
		if l := acquire(t, p); l.Conn() == bad {
			t.Fatal("lent a suspect connection")
		}
		c.Return(core.Unclean, context.Canceled) // says nothing
		if l := acquire(t, p); l.Conn() == bad {
			t.Fatal("lent a suspect connection")
		}
		acquire(t, p)
		p2 := started(t, slowAfter(2), 2)
		a, c = together(t, p2)
		a.Return(core.Suspect, errRefused)
		c.Release()
		if l := acquire(t, p2); l.Conn() != a.Conn() {
			t.Error("a success did not end the suspicion")
		}
	})
}

// together takes three leases of a pool of two connections, and returns the two
// that share one.
func together(t *testing.T, p *pool.Pool[*conn]) (a, b pool.Lease[*conn]) {
	t.Helper()
	a, b, c := acquire(t, p), acquire(t, p), acquire(t, p)
	if a.Conn() == b.Conn() {
		t.Fatal("the second caller was sent to the connection of the first")
	}
	if b.Conn() == c.Conn() {
		return b, c
	}
	return a, c
}

func TestWhenAllAreSuspectTheLeastLoadedIsLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := started(t, slowAfter(2), 2)
		a, b, _, _ := pairs(t, p)
		e := acquire(t, p)
		a.Return(core.Suspect, errRefused)
		b.Return(core.Suspect, errRefused)
		start := time.Now()
		l := acquire(t, p)
		if time.Since(start) != 0 {
			t.Error("the caller had to wait")
		}
		if l.Conn() == e.Conn() {
			t.Error("lent the connection with more callers")
		}
	})
}

func TestTheCheckerDecidesOverSuspicion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := started(t, checked{&factory{}}, 2)
		a := acquire(t, p)
		bad := a.Conn()
		bad.dead.Store(true)
		a.Return(core.Suspect, errRefused)
		time.Sleep(20 * time.Second) // shorter than ReplaceAfter
		for range 10 {
			if l := acquire(t, p); l.Conn() == bad {
				t.Fatal("lent a connection that is not alive while there is one that is")
			}
		}
		bad.dead.Store(false)
		if l := acquire(t, p); l.Conn() != bad {
			t.Error("the connection is passed over though it is alive")
		}
	})
}

func TestTheDeathOfASharedConnectionIsOneNews(t *testing.T) {
	for _, fate := range []core.ConnFate{core.Suspect, core.Broken} {
		synctest.Test(t, func(t *testing.T) {
			p := open(t, slowAfter(1), pool.Config{Mode: pool.Shared, MaxSize: 1})
			var leases []pool.Lease[*conn]
			for range 32 {
				leases = append(leases, acquire(t, p))
			}
			first := leases[0].Conn()
			leases[0].Return(fate, errRefused)
			later := acquire(t, p) // suspect: the same connection; broken: a new one
			if same := later.Conn() == first; same != (fate == core.Suspect) {
				t.Fatalf("fate %d: the same connection lent = %v", fate, same)
			}
			var (
				wg   sync.WaitGroup
				mu   sync.Mutex
				news int
			)
			for _, l := range leases[1:] {
				wg.Go(func() {
					if l.Return(fate, errRefused) {
						mu.Lock()
						news++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if news != 0 {
				t.Errorf("fate %d: %d more news of one death", fate, news)
			}
			if !later.Return(fate, errRefused) {
				t.Errorf("fate %d: the failure of a later caller is no news", fate)
			}
		})
	}
}

func TestMildFatesAreNews(t *testing.T) {
	p := open(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 1})
	a, b, c := acquire(t, p), acquire(t, p), acquire(t, p)
	a.Return(core.Suspect, errRefused)
	if !b.Return(core.Keep, nil) || !c.Return(core.Unclean, nil) {
		t.Error("Return with a mild fate = no news")
	}
}

func TestABrokenSharedConnectionIsClosedByItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		p := open(t, f, pool.Config{Mode: pool.Shared, MaxSize: 1})
		a, b := acquire(t, p), acquire(t, p)
		a.Discard(errRefused)
		synctest.Wait()
		if s := p.Stats(); s.InUse != 0 || s.InFlight != 1 {
			t.Errorf("Stats = %+v, want the connection out of the pool and one lease out", s)
		}
		if f.dials() != 1 {
			t.Error("a connection was replaced without need")
		}
		c := acquire(t, p)
		if c.Conn() == b.Conn() {
			t.Error("lent a broken connection")
		}
		if n := b.Conn().closed.Load(); n != 0 {
			t.Error("closed while a caller has it")
		}
		b.Release()
		synctest.Wait()
		if n := b.Conn().closed.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

func TestASharedConnectionSurvivesUncleanCalls(t *testing.T) {
	p := open(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 1})
	a := acquire(t, p)
	a.Return(core.Unclean, context.Canceled)
	if b := acquire(t, p); b.Conn() != a.Conn() {
		t.Error("the connection was replaced")
	}
}

func TestTheClientCountsOneDeathOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 1})
		client, err := core.NewClient(core.ClientConfig[*conn]{Source: p, Middleware: verdicts(t)})
		if err != nil {
			t.Fatal(err)
		}
		cut := make(chan struct{})
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				_, err := core.Do(t.Context(), client, core.Op{Name: "Insert"}, func(context.Context, *conn) (int, error) {
					<-cut
					return 0, errRefused
				})
				wantErr(t, "Do", err, errRefused)
			})
		}
		synctest.Wait()
		close(cut)
		wg.Wait()
		failures := 0
		for _, v := range outcomes.take() {
			if v == core.Failure {
				failures++
			}
		}
		if failures != 1 {
			t.Errorf("%d failures, want 1", failures)
		}
	})
}

// outcomes collects what the middleware of [verdicts] saw.
var outcomes verdictLog

type verdictLog struct {
	mu  sync.Mutex
	all []core.Verdict
}

func (l *verdictLog) take() []core.Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

func verdicts(t *testing.T) core.Middleware {
	t.Helper()
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			mark := call.Mark()
			err := next(ctx, call)
			outcomes.mu.Lock()
			defer outcomes.mu.Unlock()
			outcomes.all = append(outcomes.all, call.Since(mark, err).Verdict)
			return err
		}
	}
}

func TestAFailedDialReachesTheClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(context.Context, int) error { return errRefused }}
		p := open(t, f, pool.Config{})
		var asked error
		client, err := core.NewClient(core.ClientConfig[*conn]{Source: p, Classifier: func(err error) core.Class {
			asked = err
			return core.Class{Verdict: core.Failure, Retry: core.RetryNever, Conn: core.Keep}
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = core.Do(t.Context(), client, core.Op{Name: "Search"}, func(context.Context, *conn) (int, error) { return 0, nil })
		if _, ok := errors.AsType[*pool.DialError](asked); !ok {
			t.Errorf("the classifier was asked about %v, want a DialError", asked)
		}
		if got := core.ErrorType(err); got != "connect_error" {
			t.Errorf("ErrorType = %q, want %q", got, "connect_error")
		}
	})
}
