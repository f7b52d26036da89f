// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// TestThePoolKeepsItsBounds takes random steps of callers, of a factory that keeps
// or breaks its contract, and of the clock. After each step it counts, outside of the
// pool, the connections that are open and the leases that are out.
func TestThePoolKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failed any
		synctest.Test(t, func(t *testing.T) {
			defer func() { failed = recover() }()
			m := newBounds(rt)
			defer m.unwind()
			rt.Repeat(map[string]func(*rapid.T){
				"":        m.check,
				"acquire": m.acquire,
				"more":    m.acquire, // often
				"return":  m.giveBack,
				"sleep":   m.sleep,
				"reset":   func(*rapid.T) { m.pool.Reset("test") },
				"resize":  m.resize,
				"range":   m.rangeAll,
				"dials":   func(rt *rapid.T) { m.set(rt, &m.dials) },
				"closes":  func(rt *rapid.T) { m.set(rt, &m.closes) },
				"pings":   func(rt *rapid.T) { m.set(rt, &m.pings) },
				"dead":    m.kill,
				"return!": m.endHangs,
			})
			m.home()
		})
		switch v := failed.(type) {
		case nil:
		case failure:
			rt.Fatalf("%s", v)
		default:
			panic(failed)
		}
	})
}

// behavior is what a call of the factory does.
type behavior int

const (
	returns behavior = iota
	takesTime
	takesContext // returns a moment after its context has ended
	hangs        // returns when the test says so
	fails
	panics
	exits // calls Goexit
	behaviors
)

// bounds is a pool, its factory and its callers, as seen from outside.
type bounds struct {
	pool    *pool.Pool[*slot]
	cfg     pool.Config
	size    int // in force
	sharing int

	waiting []<-chan slotResult
	cancels []context.CancelFunc
	out     []pool.Lease[*slot]
	ranges  sync.WaitGroup

	// After Resize to a smaller size there may be more for a while.
	mostOpen, mostOut, mostShown int
	failedDials                  bool // a dial may have failed, so a backoff may go on

	mu                   sync.Mutex // guards what follows
	slots                map[*slot]bool
	dials, closes, pings behavior
	end                  chan struct{} // closed when the calls that hang return
	fault                string        // what a function of the factory has found out
}

type slotResult struct {
	lease pool.Lease[*slot]
	err   error
}

// slot is a connection, from the begin of its dial to the end of its close.
// bounds.mu guards it.
type slot struct {
	calls map[*outsideCall]bool // calls of the factory under way
	dead  bool
	// overran says that a call on the connection has not returned in time. Such
	// connections count apart.
	overran bool
	closed  bool
}

// outsideCall is a call of the factory under way.
type outsideCall struct {
	dial  bool
	ended time.Time // when its context ended; zero before
}

func newBounds(rt *rapid.T) *bounds {
	m := &bounds{slots: map[*slot]bool{}, end: make(chan struct{}), sharing: 1}
	m.cfg = pool.Config{
		MaxSize:            rapid.IntRange(1, 3).Draw(rt, "size"),
		MaxConcurrentDials: rapid.IntRange(1, 3).Draw(rt, "dials"),
		AcquireTimeout:     10 * time.Second,
		DialTimeout:        time.Second,
		MaxLifetime:        rapid.SampledFrom([]time.Duration{0, 3 * time.Second}).Draw(rt, "lifetime"),
		IdleTimeout:        rapid.SampledFrom([]time.Duration{0, 2 * time.Second}).Draw(rt, "idle"),
		CheckEvery:         rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(rt, "pings"),
	}
	if rapid.Bool().Draw(rt, "minimum") {
		m.cfg.MinSize = 1
	}
	if rapid.Bool().Draw(rt, "shared") {
		m.sharing = rapid.SampledFrom([]int{1, 2, 3, 70}).Draw(rt, "sharing")
		m.cfg.Mode, m.cfg.MaxSharing = pool.Shared, m.sharing
		m.cfg.TargetSharing = rapid.IntRange(1, min(m.sharing, 2)).Draw(rt, "target")
	}
	var f pool.Factory[*slot] = m
	if rapid.Bool().Draw(rt, "checker") {
		f = boundsChecker{m}
	}
	p, err := pool.New(f, m.cfg)
	if err != nil {
		fail("New = %v", err)
	}
	m.pool, m.size = p, m.cfg.MaxSize
	if m.cfg.MinSize > 0 {
		if err := p.Start(context.Background()); err != nil {
			fail("Start = %v", err)
		}
	}
	return m
}

// call is one call of the factory.
func (m *bounds) call(ctx context.Context, s *slot, dial bool, b *behavior) error {
	c := &outsideCall{dial: dial}
	m.mu.Lock()
	s.calls[c] = true
	what, end := *b, m.end
	m.failedDials = m.failedDials || dial && what != returns && what != takesTime
	m.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		c.ended = time.Now()
	})
	defer func() {
		stop()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.look(s)
		delete(s.calls, c)
	}()
	switch what {
	case takesTime:
		time.Sleep(300 * time.Millisecond)
	case takesContext:
		<-ctx.Done()
		time.Sleep(pool.CallGrace / 2)
		return ctx.Err()
	case hangs:
		<-end
	case fails:
		return errRefused
	case panics:
		panic("oops")
	case exits:
		runtime.Goexit()
	}
	return nil
}

// look finds out whether a call on s has overrun. m.mu is held.
func (m *bounds) look(s *slot) (calls int) {
	for c := range s.calls {
		if !c.ended.IsZero() && time.Since(c.ended) >= pool.CallGrace {
			s.overran = true
			calls++
		}
	}
	return calls
}

func (m *bounds) Dial(ctx context.Context) (*slot, error) {
	s := &slot{calls: map[*outsideCall]bool{}}
	m.mu.Lock()
	m.slots[s] = true
	m.mu.Unlock()
	ok := false
	defer func() {
		if !ok {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.slots, s)
		}
	}()
	if err := m.call(ctx, s, true, &m.dials); err != nil {
		return nil, err
	}
	ok = true
	return s, nil
}

func (m *bounds) Close(ctx context.Context, s *slot) error {
	m.mu.Lock()
	if s.closed {
		m.fault = "a connection was closed twice"
	}
	s.closed = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.slots, s)
	}()
	return m.call(ctx, s, false, &m.closes)
}

func (m *bounds) Ping(ctx context.Context, s *slot) error { return m.call(ctx, s, false, &m.pings) }

// boundsChecker is bounds with Alive.
type boundsChecker struct{ *bounds }

func (f boundsChecker) Alive(s *slot) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !s.dead
}

func (m *bounds) acquire(*rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan slotResult, 1)
	go func() {
		lease, err := m.pool.Acquire(ctx)
		done <- slotResult{lease, err}
	}()
	m.waiting, m.cancels = append(m.waiting, done), append(m.cancels, cancel)
}

func (m *bounds) giveBack(rt *rapid.T) {
	if len(m.out) == 0 {
		rt.Skip("nothing is lent")
	}
	i := rapid.IntRange(0, len(m.out)-1).Draw(rt, "which")
	fate := rapid.SampledFrom([]core.ConnFate{core.Keep, core.Keep, core.Unclean, core.Suspect, core.Broken}).Draw(rt, "fate")
	l := m.out[i]
	m.out = append(m.out[:i:i], m.out[i+1:]...)
	l.Return(fate, errRefused)
}

func (m *bounds) sleep(rt *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{
		50 * time.Millisecond, 300 * time.Millisecond, time.Second, 1100 * time.Millisecond, 5100 * time.Millisecond, time.Minute,
	}).Draw(rt, "time"))
}

func (m *bounds) resize(rt *rapid.T) {
	size := rapid.IntRange(1, 4).Draw(rt, "size")
	if err := m.pool.Resize(size); err != nil {
		fail("Resize = %v", err)
	}
	m.size = size
}

func (m *bounds) rangeAll(*rapid.T) {
	m.ranges.Go(func() {
		m.pool.Range(func(s *slot) bool {
			time.Sleep(100 * time.Millisecond)
			m.mu.Lock()
			defer m.mu.Unlock()
			if s.closed {
				m.fault = "a connection was closed while Range ran"
			}
			return true
		})
	})
}

func (m *bounds) set(rt *rapid.T, b *behavior) {
	what := behavior(rapid.IntRange(0, int(behaviors)-1).Draw(rt, "behavior"))
	m.mu.Lock()
	defer m.mu.Unlock()
	*b = what
}

func (m *bounds) kill(rt *rapid.T) {
	if len(m.out) == 0 {
		rt.Skip("nothing is lent")
	}
	s := rapid.SampledFrom(m.out).Draw(rt, "conn").Conn()
	m.mu.Lock()
	defer m.mu.Unlock()
	s.dead = !s.dead
}

// endHangs lets all calls return that hang.
func (m *bounds) endHangs(*rapid.T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.end)
	m.end = make(chan struct{})
}

// receive takes the leases of the callers that wait no longer.
func (m *bounds) receive() {
	var still []<-chan slotResult
	for _, w := range m.waiting {
		if pending(w) {
			still = append(still, w)
			continue
		}
		switch r := <-w; {
		case r.err == nil:
			m.out = append(m.out, r.lease)
		case !errors.Is(r.err, core.ErrConnection):
			fail("Acquire = %v", r.err)
		}
	}
	m.waiting = still
}

// check counts when all goroutines are blocked.
func (m *bounds) check(*rapid.T) {
	synctest.Wait()
	m.receive()
	s := m.pool.Stats()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != "" {
		fail("%s", m.fault)
	}
	open, dialing, overrun, apart := 0, 0, 0, 0
	for s := range m.slots {
		overrun += m.look(s)
		if s.overran {
			apart++
			continue
		}
		open++
		for c := range s.calls {
			if c.dial {
				dialing++
			}
		}
	}
	state := fmt.Sprintf("size %d x %d; from outside: %d open, %d of them dialing, %d apart, %d calls overrun, %d leases, %d wait; Stats = %+v",
		m.size, m.sharing, open, dialing, apart, overrun, len(m.out), len(m.waiting), s)

	most := m.size
	if m.cfg.Mode == pool.Shared {
		most++
	}
	m.mostOpen, m.mostOut = max(m.mostOpen, most), max(m.mostOut, m.size*m.sharing)
	if open > m.mostOpen {
		fail("too many connections are open: %s", state)
	}
	if len(m.out) > m.mostOut {
		fail("too many leases are out: %s", state)
	}
	shown := s.Idle + s.InUse + s.Dialing + s.Replacing + s.Leaving + s.Closing
	m.mostShown = max(m.mostShown, most)
	if shown > m.mostShown {
		fail("Stats shows too many connections: %s", state)
	}
	if s.InFlight != len(m.out) || s.Waiters != len(m.waiting) {
		fail("Stats differs: %s", state)
	}
	if s.Stuck < overrun || apart > pool.MaxStuck+2*m.size {
		fail("calls hang that do not count: %s", state)
	}
	room := max(open, s.Idle+s.InUse) < m.size && shown < most && len(m.out) < m.size*m.sharing
	if len(m.waiting) > 0 && room && dialing == 0 && !m.failedDials && s.Stuck < pool.MaxStuck {
		fail("callers wait although there is room: %s", state)
	}
	// What Resize has left over gets less.
	m.mostOpen = max(most, min(m.mostOpen, open))
	m.mostShown = max(most, min(m.mostShown, shown))
	m.mostOut = max(m.size*m.sharing, min(m.mostOut, len(m.out)))
}

// home ends what the callers and the factory have begun, and counts again.
func (m *bounds) home() {
	m.mu.Lock()
	m.dials, m.closes, m.pings = returns, returns, returns
	m.mu.Unlock()
	m.endHangs(nil)
	for i := 0; len(m.waiting)+len(m.out) > 0; i++ {
		m.check(nil)
		for _, l := range m.out {
			l.Release()
		}
		m.out = nil
		time.Sleep(time.Second)
		if i > 1000 {
			fail("callers wait for ever: %+v", m.pool.Stats())
		}
	}
	time.Sleep(10 * time.Second)
	m.check(nil)
	m.mu.Lock()
	open := len(m.slots)
	m.mu.Unlock()
	s := m.pool.Stats()
	if s.InFlight+s.InUse+s.Waiters+s.Leaving+s.Closing+s.Stuck+s.Dialing+s.Replacing != 0 || s.Idle != open {
		fail("%d connections are open, Stats = %+v, want all others closed", open, s)
	}
	// Every place can be used.
	for range m.size * m.sharing {
		m.acquire(nil)
	}
	time.Sleep(10 * time.Second) // the connections may die meanwhile, but their callers have them
	m.check(nil)
	if len(m.out) != m.size*m.sharing {
		fail("%d leases are out in the end, want %d: %+v", len(m.out), m.size*m.sharing, m.pool.Stats())
	}
}

// unwind lets the bubble end.
func (m *bounds) unwind() {
	m.mu.Lock()
	m.dials, m.closes, m.pings = returns, returns, returns
	m.mu.Unlock()
	m.endHangs(nil)
	for _, cancel := range m.cancels {
		cancel()
	}
	synctest.Wait()
	m.receive()
	for _, l := range m.out {
		l.Release()
	}
	m.ranges.Wait()
	time.Sleep(10 * time.Second) // every call returns
	err := m.pool.Close(context.Background())
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil || len(m.slots) > 0 {
		panic(failure(fmt.Sprintf("Close = %v; %d connections are open: %+v", err, len(m.slots), m.pool.Stats())))
	}
}
