// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// TestThePoolKeepsToItsModel takes random steps of callers, and compares the pool
// with a model after each step.
func TestThePoolKeepsToItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { runModel(t, rt) })
}

func FuzzModel(f *testing.F) {
	f.Fuzz(func(t *testing.T, input []byte) {
		rapid.MakeFuzz(func(rt *rapid.T) { runModel(t, rt) })(t, input)
	})
}

// runModel plays one game in virtual time. rapid ends a game by a panic, which must
// be passed out of the bubble.
func runModel(t *testing.T, rt *rapid.T) {
	var failed any
	synctest.Test(t, func(t *testing.T) {
		defer func() { failed = recover() }()
		m := newModel(rt)
		defer m.clear()
		rt.Repeat(map[string]func(*rapid.T){
			"":           m.check,
			"acquire":    m.acquire,
			"tryAcquire": m.tryAcquire,
			"release":    m.release,
			"again":      m.again,
			"cancel":     m.cancel,
			"both":       m.both,
			"swap":       func(rt *rapid.T) { m.raced = true; m.release(rt); m.acquire(rt) },
			"discard":    m.discard,
			"die":        m.die,
			"resize":     m.resize,
			"reset":      m.reset,
			"sleep":      m.sleep,
			"outage":     m.outage,
			"range":      m.rangeAll,
			"close":      m.close,
		})
	})
	switch v := failed.(type) {
	case nil:
	case failure:
		rt.Fatalf("%s", v)
	default:
		panic(failed)
	}
}

// failure is the panic of a step after which pool and model differ.
type failure string

func fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// model is the expected state of a pool, as far as its callers can know it.
type model struct {
	pool    *pool.Pool[*conn]
	factory *factory
	down    atomic.Bool
	shared  bool
	checks  bool // the factory is a Checker
	ages    bool // connections have a lifetime and an idle timeout
	resized bool
	sharing int
	size    int // the maximum
	dials   int // the greatest number of dials at the same time
	min     int

	asking []*asker // callers that wait, in the order of their arrival
	out    []pool.Lease[*conn]
	over   []pool.Lease[*conn] // leases that were returned
	dead   map[*conn]bool      // connections that must not be lent any more

	reborn int // number of dials that had begun when Reset was called

	raced   bool // callers may have overtaken each other in the last step
	double  uint64
	doubt   bool // an idle connection may be in doubt, and is not lent
	outages bool // there was an outage, so a backoff may go on
	closing bool
	closed  chan error
}

type asker struct {
	cancel   context.CancelFunc
	result   <-chan result
	canceled bool
	since    time.Time
}

const modelTimeout = 10 * time.Second

func newModel(rt *rapid.T) *model {
	m := &model{dead: map[*conn]bool{}, closed: make(chan error, 1), sharing: 1}
	latency := rapid.SampledFrom([]time.Duration{0, 30 * time.Millisecond}).Draw(rt, "latency")
	m.factory = &factory{onDial: func(ctx context.Context, _ int) error {
		if latency > 0 {
			select {
			case <-time.After(latency):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if m.down.Load() {
			return errRefused
		}
		return nil
	}}
	m.size = rapid.IntRange(1, 4).Draw(rt, "size")
	m.dials = rapid.IntRange(1, 3).Draw(rt, "dials")
	cfg := pool.Config{MaxSize: m.size, AcquireTimeout: modelTimeout, MaxConcurrentDials: m.dials}
	if m.shared = rapid.Bool().Draw(rt, "shared"); m.shared {
		m.sharing = rapid.SampledFrom([]int{1, 2, 3, 70}).Draw(rt, "sharing")
		cfg.Mode, cfg.MaxSharing = pool.Shared, m.sharing
		cfg.TargetSharing = rapid.IntRange(1, min(m.sharing, 3)).Draw(rt, "target")
	}
	if rapid.Bool().Draw(rt, "minimum") {
		m.min = 1
		cfg.MinSize = 1
	}
	if m.ages = rapid.Bool().Draw(rt, "lifetime"); m.ages {
		cfg.MaxLifetime, cfg.IdleTimeout = time.Minute, 20*time.Second
	}
	if rapid.Bool().Draw(rt, "leaks") {
		cfg.LeakAfter, cfg.OnLeak = time.Second, func(pool.LeakInfo) {}
	}
	var f pool.Factory[*conn] = m.factory
	if m.checks = rapid.Bool().Draw(rt, "checks"); m.checks {
		f = checked{m.factory}
		cfg.CheckIdleAfter = rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(rt, "check")
	}
	p, err := pool.New(f, cfg)
	if err != nil {
		fail("New = %v", err)
	}
	m.pool = p
	return m
}

// clear ends all waits and returns all leases, so that the bubble can end.
func (m *model) clear() {
	for _, a := range m.asking {
		a.cancel()
	}
	synctest.Wait()
	for _, a := range m.asking {
		if !pending(a.result) {
			if r := <-a.result; r.err == nil {
				r.lease.Release()
			}
		}
	}
	for _, l := range m.out {
		l.Release()
	}
	_ = m.pool.Close(context.Background())
}

func (m *model) acquire(rt *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m.asking = append(m.asking, &asker{cancel: cancel, result: acquireAsync(ctx, m.pool), since: time.Now()})
}

func (m *model) tryAcquire(rt *rapid.T) {
	waiting := len(m.asking) > 0
	lease, ok := m.pool.TryAcquire()
	if !ok {
		return
	}
	if waiting && !m.outages {
		fail("TryAcquire has overtaken a waiter")
	}
	m.lent(rt, lease)
}

func (m *model) lent(rt *rapid.T, lease pool.Lease[*conn]) {
	m.out = append(m.out, lease)
	c := lease.Conn()
	if n := c.users.Add(1); int(n) > m.sharing {
		fail("%d callers on connection %d, want at most %d", n, c.id, m.sharing)
	}
	if c.closed.Load() != 0 || m.dead[c] || c.dial <= m.reborn {
		fail("lent connection %d, which is of no use any more", c.id)
	}
}

// pick chooses one of the leases that are out.
func (m *model) pick(rt *rapid.T) pool.Lease[*conn] {
	if len(m.out) == 0 {
		rt.Skip("nothing is lent")
	}
	i := rapid.IntRange(0, len(m.out)-1).Draw(rt, "which")
	l := m.out[i]
	m.out = append(m.out[:i:i], m.out[i+1:]...)
	m.over = append(m.over, l)
	l.Conn().users.Add(-1)
	return l
}

func (m *model) release(rt *rapid.T) { m.pick(rt).Release() }

func (m *model) discard(rt *rapid.T) {
	l := m.pick(rt)
	fate := rapid.SampledFrom([]core.ConnFate{core.Unclean, core.Suspect, core.Broken}).Draw(rt, "fate")
	// Without a Checker, a suspect connection is closed by its last caller.
	// While others have it, the first waiter is woken for the returned seat, and
	// may come after those that get the seats of the successor.
	distrusted := fate == core.Suspect && !m.checks
	last := distrusted && l.Conn().users.Load() == 0
	m.raced = m.raced || distrusted && m.shared && !last
	if fate == core.Broken || !m.shared || last {
		m.dead[l.Conn()] = true
	}
	m.doubt = m.doubt || fate >= core.Suspect && !m.shared && !m.checks
	l.Return(fate, errRefused)
}

func (m *model) again(rt *rapid.T) {
	if len(m.over) == 0 {
		rt.Skip("nothing was given back")
	}
	l := rapid.SampledFrom(m.over).Draw(rt, "lease")
	m.double++
	if l.Return(core.Broken, errRefused) {
		fail("the second return of a lease = news")
	}
}

func (m *model) cancel(rt *rapid.T) {
	if len(m.asking) == 0 {
		rt.Skip("no caller waits")
	}
	a := rapid.SampledFrom(m.asking).Draw(rt, "who")
	a.canceled = true
	a.cancel()
}

// both returns a lease and cancels a wait at the same moment.
func (m *model) both(rt *rapid.T) {
	if len(m.asking) == 0 {
		rt.Skip("no caller waits")
	}
	l := m.pick(rt)
	m.raced = true
	a := m.asking[0]
	a.canceled = true
	l.Release()
	a.cancel()
}

func (m *model) die(rt *rapid.T) {
	conns := m.factory.conns()
	if len(conns) == 0 {
		rt.Skip("there is no connection")
	}
	c := rapid.SampledFrom(conns).Draw(rt, "conn")
	c.dead.Store(!c.dead.Load())
}

func (m *model) resize(rt *rapid.T) {
	size := rapid.IntRange(0, 5).Draw(rt, "size")
	err := m.pool.Resize(size)
	switch {
	case size < 1 || size < m.min:
		if err == nil {
			fail("Resize(%d) = nil", size)
		}
	case m.closing:
		if !errors.Is(err, pool.ErrClosed) {
			fail("Resize(%d) of a closed pool = %v", size, err)
		}
	case err != nil:
		fail("Resize(%d) = %v", size, err)
	default:
		m.size = size
		m.resized = true
	}
}

func (m *model) reset(rt *rapid.T) {
	if !m.closing {
		for _, c := range m.factory.conns() {
			m.dead[c] = true
		}
	}
	m.reborn = m.factory.dials()
	m.pool.Reset("test")
}

func (m *model) sleep(rt *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{time.Microsecond, time.Millisecond, 30 * time.Millisecond, time.Second, 5 * time.Second, 20 * time.Second}).Draw(rt, "time"))
}

func (m *model) outage(rt *rapid.T) {
	m.down.Store(!m.down.Load())
	m.outages = true
}

func (m *model) rangeAll(rt *rapid.T) {
	seen := map[*conn]bool{}
	m.pool.Range(func(c *conn) bool {
		if c.closed.Load() != 0 && !m.closing {
			fail("Range shows connection %d, which is closed", c.id)
		}
		seen[c] = true
		return true
	})
	for _, l := range m.out {
		if !seen[l.Conn()] {
			fail("Range does not show connection %d, which is lent", l.Conn().id)
		}
	}
}

func (m *model) close(rt *rapid.T) {
	if m.closing || rapid.IntRange(0, 9).Draw(rt, "really") > 0 {
		rt.Skip("not yet")
	}
	m.closing = true
	go func() { m.closed <- m.pool.Close(context.Background()) }()
}

// check compares the pool with the model when all goroutines are blocked.
func (m *model) check(rt *rapid.T) {
	synctest.Wait()
	var still []*asker
	for _, a := range m.asking {
		if pending(a.result) {
			still = append(still, a)
			continue
		}
		r := <-a.result
		switch {
		case r.err == nil:
			m.lent(rt, r.lease)
			if len(still) > 0 && !m.closing && !m.raced {
				fail("a caller was served before one who came earlier")
			}
		case errors.Is(r.err, pool.ErrClosed):
			if !m.closing {
				fail("Acquire = %v, but the pool is open", r.err)
			}
		case errors.Is(r.err, pool.ErrExhausted):
			if !a.canceled && time.Since(a.since) < modelTimeout {
				fail("Acquire = %v after %v", r.err, time.Since(a.since))
			}
		case errors.Is(r.err, pool.ErrDial):
			if !m.outages {
				fail("Acquire = %v, but there was no outage", r.err)
			}
		default:
			fail("Acquire = %v", r.err)
		}
	}
	m.asking = still
	m.raced = false

	s := m.pool.Stats()
	if s.Max != m.size || s.Idle+s.InUse+s.Dialing > s.Max || s.Replacing > 1 {
		fail("Stats = %+v, want at most %d connections", s, m.size)
	}
	if s.InFlight != len(m.out) || s.Waiters != len(m.asking) || s.DoubleReturns != m.double {
		fail("Stats = %+v, want %d leases out, %d waiting, %d double returns", s, len(m.out), len(m.asking), m.double)
	}
	most := m.size
	if m.shared {
		most++
	}
	if open := m.factory.openConns(); open > most && !m.resized {
		fail("%d connections are open, want at most %d", open, most)
	}
	if len(m.out) > m.size*m.sharing && !m.resized {
		fail("%d leases are out, want at most %d", len(m.out), m.size*m.sharing)
	}
	live := map[*conn]int{}
	for _, l := range m.out {
		if !m.dead[l.Conn()] {
			live[l.Conn()]++
		}
	}
	if s.InUse > len(live) {
		fail("Stats = %+v, want at most %d in use", s, len(live))
	}
	if len(m.asking) > 0 {
		if s.Idle > 0 && !m.doubt && len(m.out) < m.size*m.sharing {
			fail("Stats = %+v: callers wait while a connection is idle", s)
		}
		// The dial of a successor serves waiters too. A removed connection that callers
		// still have takes the room of its successor.
		if !m.outages && s.Dialing == 0 && s.Replacing < m.dials && s.Idle+s.InUse < s.Max && s.Idle+s.InUse+s.Replacing+s.Leaving < most {
			fail("Stats = %+v: callers wait, but nothing is dialed", s)
		}
	}
	var closed uint64
	for _, n := range s.Closed {
		closed += n
	}
	made := uint64(len(m.factory.conns()))
	if open := made - closed; open < uint64(s.Idle+s.InUse) {
		fail("Stats = %+v, but %d connections were made", s, made)
	}
	if m.closing && len(m.out) == 0 {
		select {
		case err := <-m.closed:
			m.closed <- err
			if err != nil {
				fail("Close = %v", err)
			}
			if s.Idle+s.InUse+s.Dialing+s.Replacing+s.Waiters != 0 || closed != made {
				fail("Stats = %+v after Close, with %d connections made", s, made)
			}
		default:
			fail("Close hangs, though nothing is lent: %+v", s)
		}
	}
}
