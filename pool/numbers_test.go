// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

func TestAConnectionHasTheLowestFreeNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		f := &factory{onClose: func(context.Context, *conn) error { <-closing; return nil }}
		p := open(t, f, pool.Config{MaxSize: 4})
		var leases []pool.Lease[*conn]
		for want := 1; want <= 3; want++ {
			leases = append(leases, acquire(t, p))
			if got := pool.NumberOf(p, leases[want-1].Conn()); got != want {
				t.Errorf("connection %d has number %d", want, got)
			}
		}
		leases[1].Discard(errRefused)
		synctest.Wait()
		// The connection with number 2 is still being closed.
		lease := acquire(t, p)
		if got := pool.NumberOf(p, lease.Conn()); got != 4 {
			t.Errorf("number = %d while 2 is being closed, want 4", got)
		}
		close(closing)
		synctest.Wait()
		lease = acquire(t, p)
		if got := pool.NumberOf(p, lease.Conn()); got != 2 {
			t.Errorf("number = %d after 2 was closed, want 2", got)
		}
	})
}

func TestTheNumberOfADialThatFailedIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{onDial: func(_ context.Context, n int) error {
			if n <= 3 {
				return errRefused
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 4})
		for range 3 {
			if _, err := p.Acquire(t.Context()); !errors.Is(err, pool.ErrDial) {
				t.Errorf("Acquire = %v, want ErrDial", err)
			}
			time.Sleep(time.Second)
		}
		if got := pool.NumberOf(p, acquire(t, p).Conn()); got != 1 {
			t.Errorf("number = %d after three dials that failed, want 1", got)
		}
	})
}

func TestNumbersStayFewWhateverHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, slowAfter(2), pool.Config{MaxSize: 3})
		for i := range 50 {
			var leases []pool.Lease[*conn]
			for range 3 {
				leases = append(leases, acquire(t, p))
			}
			switch i % 3 {
			case 0:
				p.Reset("test")
			case 1:
				leases[0].Discard(errRefused)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _ = p.Acquire(ctx) // its dial may be dropped
			cancel()
			for _, lease := range leases {
				lease.Release()
			}
			p.Reset("test")
		}
		synctest.Wait()
		if n := len(p.Stats().Failures); n != 3 {
			t.Errorf("%d numbers were given out, want 3", n)
		}
	})
}

func TestFailuresAreCountedByConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{Mode: pool.Shared, MaxSize: 2, TargetSharing: 1, MaxSharing: 4, ReplaceAfter: pool.Never})
		first := acquire(t, p)
		synctest.Wait()
		second := acquire(t, p)
		synctest.Wait()
		if a, b := pool.NumberOf(p, first.Conn()), pool.NumberOf(p, second.Conn()); a != 1 || b != 2 {
			t.Fatalf("numbers %d and %d, want 1 and 2", a, b)
		}
		if got := p.Stats().Failures; !slices.Equal(got, []uint64{0, 0}) {
			t.Errorf("Failures = %v before any", got)
		}
		leases := []pool.Lease[*conn]{second, acquire(t, p), acquire(t, p), acquire(t, p)}
		first.Return(core.Unclean, errRefused) // no failure of the connection
		want := []uint64{0, 0}
		for i, lease := range leases {
			if pool.NumberOf(p, lease.Conn()) == 1 {
				lease.Release()
				continue
			}
			want[1]++
			if i == 0 {
				lease.Return(core.Suspect, errRefused)
			}
		}
		if got := p.Stats().Failures; !slices.Equal(got, []uint64{0, 1}) {
			t.Errorf("Failures = %v, want one of connection 2", got)
		}
		for _, lease := range leases[1:] {
			lease.Discard(errRefused) // those of connection 1 are over
		}
		if got := p.Stats().Failures; want[1] < 2 || !slices.Equal(got, want) {
			t.Errorf("Failures = %v, want %v", got, want)
		}
	})
}

// pings is a recorder that keeps the numbers of the connections whose ping failed.
type pings struct {
	coretest.Recorder
	mu     sync.Mutex
	failed []int // guarded by mu
}

func (p *pings) End(ctx context.Context, s core.Scope, err error) {
	if s.Kind == core.ScopeValidate {
		p.mu.Lock()
		p.failed = append(p.failed, s.Conn)
		p.mu.Unlock()
	}
	p.Recorder.End(ctx, s, err)
}

func TestPingsAndChecksAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r pings
		var sick atomic.Bool
		f := pinged{&factory{}, func(context.Context, *conn) error {
			time.Sleep(time.Millisecond)
			if sick.Load() {
				return typed("UNAVAILABLE")
			}
			return nil
		}}
		p := open(t, f, pool.Config{MaxSize: 1, CheckEvery: time.Minute, Observer: &r})
		acquire(t, p).Release()
		time.Sleep(200 * time.Second)
		if s := p.Stats(); s.Validations != 2 || !maps.Equal(s.Invalid, map[string]uint64{"dead": 0}) {
			t.Errorf("Validations = %d, Invalid = %v, want 2 that passed", s.Validations, s.Invalid)
		}
		sick.Store(true)
		time.Sleep(time.Minute)
		if s := p.Stats(); s.Validations != 3 || !maps.Equal(s.Invalid, map[string]uint64{"dead": 0, "UNAVAILABLE": 1}) {
			t.Errorf("Validations = %d, Invalid = %v, want one that failed", s.Validations, s.Invalid)
		}
		var told []string
		for _, line := range r.Lines() {
			if strings.Contains(line, "validate") {
				told = append(told, line)
			}
		}
		if want := []string{"begin validate", "end validate UNAVAILABLE"}; !slices.Equal(told, want) {
			t.Errorf("the observer was told %q, want %q", told, want)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if !slices.Equal(r.failed, []int{1}) {
			t.Errorf("pings failed on the connections %v, want the first", r.failed)
		}
	})
}

func TestManyErrorsOfPingsAreFewTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := pinged{&factory{}, func(context.Context, *conn) error { n++; return typed(fmt.Sprint(n)) }}
		p := open(t, f, pool.Config{MinSize: 1, MaxSize: 1, CheckEvery: time.Minute})
		for range 40 {
			acquire(t, p).Release()
			time.Sleep(2 * time.Minute)
		}
		if s := p.Stats(); len(s.Invalid) > 18 || s.Invalid["_OTHER"] != s.Validations-16 {
			t.Errorf("%d validations are %v, want 16 types and the rest", s.Validations, s.Invalid)
		}
	})
}

func TestADeadConnectionIsAFailedValidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &factory{}
		p := open(t, checked{f}, pool.Config{MaxSize: 1})
		for range 3 {
			acquire(t, p).Release()
		}
		f.conns()[0].dead.Store(true)
		acquire(t, p).Release()
		if s := p.Stats(); s.Validations != 1 || s.Invalid["dead"] != 1 {
			t.Errorf("Validations = %d, Invalid = %v, want the one that failed", s.Validations, s.Invalid)
		}
	})
}

// A ping's error is of a type of the user's: its method runs with no lock held, and its
// panic costs the type alone.
func TestTheTypeOfAPingsErrorMayPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[*conn]
		locked := false
		f := pinged{&factory{}, func(context.Context, *conn) error {
			return bad{func() { locked = locked || !pool.Unlocked(p) }}
		}}
		p = open(t, f, pool.Config{MaxSize: 1, CheckEvery: time.Minute})
		acquire(t, p).Release()
		time.Sleep(150 * time.Second)
		if s := p.Stats(); s.Invalid["panic"] != 1 || s.Panics != 1 || locked {
			t.Errorf("Stats = %+v, locked %v, want one panic without the lock", s, locked)
		}
	})
}

// bad is an error whose type panics.
type bad struct{ on func() }

func (bad) Error() string { return "bad" }

func (b bad) ErrorType() string {
	b.on()
	panic("a bug")
}

// A connection that is kept has failed too if the backend failed the work on it, and not
// if the backend gave an answer.
func TestAFailureOnAConnectionThatIsKeptIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		internal := classified{core.Class{Verdict: core.Failure, Conn: core.Keep}}
		for _, test := range []struct {
			err  error
			want uint64
		}{{nil, 0}, {classified{core.Answered("not_found")}, 0}, {internal, 1}} {
			if err := p.Do(t.Context(), func(context.Context, *conn) error { return test.err }); err != test.err {
				t.Fatalf("Do = %v, want %v", err, test.err)
			}
			if got := p.Stats().Failures[0]; got != test.want {
				t.Errorf("Failures = %d after %v by Do, want %d", got, test.err, test.want)
			}
		}
		client, err := core.NewClient(core.ClientConfig[*conn]{Source: p})
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			err  error
			want uint64
		}{{nil, 1}, {classified{core.Answered("not_found")}, 1}, {internal, 2}} {
			_, err := core.Do(t.Context(), client, core.Op{Name: "Get"}, func(context.Context, *conn) (int, error) { return 0, test.err })
			if !errors.Is(err, test.err) {
				t.Fatalf("Do = %v, want %v", err, test.err)
			}
			if got := p.Stats().Failures[0]; got != test.want {
				t.Errorf("Failures = %d after %v by a client, want %d", got, test.err, test.want)
			}
		}
	})
}

// classified is an error that says what it means.
type classified struct{ class core.Class }

func (c classified) Error() string     { return c.class.Verdict.String() }
func (c classified) Class() core.Class { return c.class }
