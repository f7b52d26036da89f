// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/once"
)

// Pool lends connections of type C. It is made with [New] and safe for
// concurrent use.
//
// A loan without a wait takes no lock and writes to nothing but the connection
// itself: the callers of different connections do not get in each other's way.
type Pool[C any] struct {
	cfg        Config // with its defaults
	factory    Factory[C]
	checker    Checker[C] // nil if the factory is none
	pinger     Pinger[C]  // nil if the factory is none
	errClosed  error      // ErrClosed with the name
	errTooMany error      // ErrTooManyWaiters with the name

	exclusive bool
	askAlways bool // ask the checker before each loan
	tracked   bool // keep an account of each loan

	epoch  time.Time       // of the pool's clock
	ctx    context.Context // of dials and checks; ends when Close begins
	cancel context.CancelFunc

	hints sync.Pool // of *hint, see take
	seed  atomic.Uint32

	// gate says what a loan or a return has to mind besides its connection: how
	// many callers are parked, and the bits below. It is written with mu held. A
	// caller raises it before it looks for a seat for the last time, and whoever
	// gives one back looks at it after that, so one of them sees the other.
	gate atomic.Int64
	// table is those connections that may be lent. Like what it points at it is
	// never changed, but replaced, with mu held; a connection that is in an old
	// one only is shut.
	table atomic.Pointer[table[C]]

	max           atomic.Int64 // Config.MaxSize, or what Resize made of it
	asking        atomic.Int64 // callers that wait
	gone          atomic.Int64 // waiters that have gone, but are in the queue still
	mayGrow       atomic.Bool  // see grow
	lastDial      atomic.Pointer[DialError]
	doubleReturns atomic.Uint64
	timeouts      atomic.Uint64

	drained chan struct{} // closed when no new lease is given and none is out
	quiet   chan struct{} // closed when the pool is closed and no job is left

	closer once.Closer

	overdue alarm // ends waits that take too long
	retry   alarm // begins the dials that a backoff put off
	upkeep  alarm // see maintain

	// mu guards everything below, and of the entries what they say it does.
	mu      sync.Mutex
	conns   []*entry[C]            // those that may be lent
	leaving map[*entry[C]]struct{} // taken out of conns, but not closed yet
	waiters waiterList[C]          // those parked
	looking bool                   // somebody is about to be parked, unless there is a seat
	strict  bool                   // nobody may overtake a waiter

	dials     map[*dial[C]]struct{} // whose connections are wanted
	dialing   int                   // those of dials that take up room
	replacing int                   // those of dials that take the place of a connection
	stuck     int                   // dials given up whose Dial has not returned
	checking  int                   // seats that checks have
	retryAt   instant               // no dial is begun before
	failures  int                   // rounds of dials that failed, in a row
	round     uint64                // number of the current round of dials
	keepMin   bool                  // Start was called
	starts    []*start

	draining bool // no new lease, no new dial
	shut     bool // conns is empty for good
	jobs     int  // goroutines that dial, close or check
	jobErrs  []error

	begun, dialErrors, leaks, resets uint64

	lastReset string
	lowSince  instant // since when one connection less would do, see shrink
	closed    map[CloseReason]uint64
}

// New returns a pool of the connections that f makes. It does no I/O: the
// first connections are dialed by [Pool.Start], or when they are asked for.
// Values of cfg that are negative or contradict each other are refused, all
// named in one error.
func New[C any](f Factory[C], cfg Config) (*Pool[C], error) {
	cfg, faults := cfg.complete()
	if f == nil {
		faults = append(faults, errors.New("the factory is nil"))
	}
	checker, isChecker := f.(Checker[C])
	if cfg.CheckIdleAfter > 0 && f != nil && !isChecker {
		faults = append(faults, fmt.Errorf("CheckIdleAfter is %v, but the factory has no method Alive", cfg.CheckIdleAfter))
	}
	pinger, isPinger := f.(Pinger[C])
	if cfg.CheckEvery > 0 && f != nil && !isPinger {
		faults = append(faults, fmt.Errorf("CheckEvery is %v, but the factory has no method Ping", cfg.CheckEvery))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("pool: bad configuration: %w", errors.Join(faults...))
	}
	p := &Pool[C]{
		cfg:        cfg,
		factory:    f,
		checker:    checker,
		pinger:     pinger,
		errClosed:  fmt.Errorf("pool %q: %w", cfg.Name, ErrClosed),
		errTooMany: fmt.Errorf("pool %q: %w", cfg.Name, ErrTooManyWaiters),
		exclusive:  cfg.Mode == Exclusive,
		askAlways:  isChecker && cfg.CheckIdleAfter == 0,
		tracked:    cfg.LeakAfter > 0 || cfg.OnUse != nil,
		epoch:      time.Now(),
		leaving:    map[*entry[C]]struct{}{},
		dials:      map[*dial[C]]struct{}{},
		lowSince:   never,
		closed:     map[CloseReason]uint64{},
		drained:    make(chan struct{}),
		quiet:      make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.max.Store(int64(cfg.MaxSize))
	p.table.Store(&table[C]{})
	p.overdue.init(p.now, p.endOverdue)
	p.retry.init(p.now, p.retryNow)
	p.upkeep.init(p.now, p.maintain)
	return p, nil
}

var _ core.Source[int] = (*Pool[int])(nil)

// Name returns the pool's name.
func (p *Pool[C]) Name() string { return p.cfg.Name }

// now reads the pool's clock.
func (p *Pool[C]) now() instant { return time.Since(p.epoch) }

// Acquire borrows a connection. An exclusive pool lends one that nobody has,
// those that were used of late first; a shared pool lends the one with the
// fewest callers among those that are not suspect. (Of more than eight it looks
// at eight, always others.) If there is none the caller waits, as long as ctx
// and Config.AcquireTimeout allow.
//
// Those who wait are served in the order in which they came. A newcomer may
// take what is free before one who waits has woken up to take it; that ends as
// soon as a waiter has been overtaken and has waited for [Overtaking]: from
// then on everybody queues up, until those in front have waited less.
//
// Its errors are an [*AcquireError] when the wait ended without a connection
// (or ctx had ended before), a [*DialError] when the pool has no connection and
// could not make one, [ErrClosed], and [ErrTooManyWaiters].
func (p *Pool[C]) Acquire(ctx context.Context) (core.Lease[C], error) {
	if ctx.Err() != nil {
		return core.Lease[C]{}, p.acquireError(ctx, 0)
	}
	if p.gate.Load() < gateStrict {
		if e, token := p.take(false); e != nil {
			if p.mayGrow.Load() {
				p.grow(ctx, e)
			}
			return e.lease(token), nil
		}
	}
	return p.acquireSlowly(ctx)
}

// TryAcquire borrows a connection if one is free now and nobody has to be
// overtaken for it. If not, a connection is dialed in the background if there
// may be another one.
func (p *Pool[C]) TryAcquire() (core.Lease[C], bool) {
	if p.gate.Load() < gateStrict {
		if e, token := p.take(false); e != nil {
			if p.mayGrow.Load() {
				p.grow(context.Background(), e)
			}
			return e.lease(token), true
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replenish()
	if !p.draining && p.dialing == 0 && p.room() > 0 && p.now() >= p.retryAt {
		p.beginDial(nil, nil)
	}
	return core.Lease[C]{}, false
}

// Do runs fn on a borrowed connection and gives it back, also when fn panics.
// fn must not keep the connection. A connection is given back as broken if fn's
// error wraps [ErrBadConn], as unclean if ctx ended and fn failed or if fn
// panicked, and else as good.
func (p *Pool[C]) Do(ctx context.Context, fn func(context.Context, C) error) error {
	lease, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	// Stands if a panic or Goexit is on its way; it is not held up.
	fate, reason := core.Unclean, core.ErrPanic
	defer func() { lease.Return(fate, reason) }()
	err = fn(ctx, lease.Conn())
	fate, reason = fateOf(ctx, err), err
	return err
}

func fateOf(ctx context.Context, err error) core.ConnFate {
	switch {
	case err == nil:
		return core.Keep
	case errors.Is(err, ErrBadConn):
		return core.Broken
	case ctx.Err() != nil:
		return core.Unclean
	default:
		return core.Keep
	}
}
