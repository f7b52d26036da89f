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
	"github.com/penstock-go/penstock/internal/fault"
)

// Pool lends connections of type C. [New] makes one. It is safe for concurrent
// use.
//
// To acquire a free connection takes no lock and writes to nothing but the
// connection itself: callers of different connections do not contend.
type Pool[C any] struct {
	settings[C]
	takeState
	waitState[C]
	holderState
	numberState
	validationState
	darkState
	connState[C]
	dialState[C]
	stuckState
	upkeepState
	startState
	closeState
	counters

	// mu guards the fields that the structs above, and entry, list as guarded.
	mu sync.Mutex
}

// settings is the part of a pool that New sets. Only Reconfigure changes what is an
// atomic value here.
type settings[C any] struct {
	inForce    atomic.Pointer[Config] // with its defaults; the Config does not change
	factory    Factory[C]
	checker    Checker[C] // nil if the factory has no Alive
	pinger     Pinger[C]  // nil if the factory has no Ping
	errClosed  error      // ErrClosed with the pool's name
	errTooMany error      // ErrTooManyWaiters with the pool's name

	exclusive bool
	recorded  bool        // keep a record of each lease
	askAlways atomic.Bool // ask the checker before each lease
	tracked   atomic.Bool // with its times

	epoch  time.Time       // when the pool's clock began
	ctx    context.Context // of dials and checks; ends when Close begins
	cancel context.CancelFunc
}

// cfg returns the configuration in force.
func (s *settings[C]) cfg() *Config { return s.inForce.Load() }

// follow does what depends on cfg alone.
func (s *settings[C]) follow(cfg *Config) {
	s.inForce.Store(cfg)
	s.askAlways.Store(s.checker != nil && cfg.CheckIdleAfter == 0)
	s.tracked.Store(cfg.LeakAfter > 0 || cfg.OnUse != nil)
}

// New returns a pool of the connections that f makes. It does no I/O: the pool
// dials its first connections in [Pool.Start], or when callers ask for them. The
// error of New names every value of cfg that [Config.Effective] refuses or that
// needs a method which f does not have.
func New[C any](f Factory[C], cfg Config) (*Pool[C], error) {
	cfg, faults := cfg.complete()
	if f == nil {
		faults.Add("the factory is nil: pass one, which dials and closes connections")
	}
	checker, _ := f.(Checker[C])
	pinger, _ := f.(Pinger[C])
	if f != nil {
		cfg.suits(&faults, checker != nil, pinger != nil)
	}
	if err := faults.Err("pool"); err != nil {
		return nil, err
	}
	cfg.Observer = core.Contained(cfg.Observer)
	p := &Pool[C]{
		settings: settings[C]{
			factory:    f,
			checker:    checker,
			pinger:     pinger,
			errClosed:  fmt.Errorf("pool %q: %w", cfg.Name, ErrClosed),
			errTooMany: fmt.Errorf("pool %q: %w", cfg.Name, ErrTooManyWaiters),
			exclusive:  cfg.Mode == Exclusive,
			epoch:      time.Now(),
		},
		darkState:       darkState{bareSince: never, dialingSince: never},
		connState:       connState[C]{leaving: map[*entry[C]]struct{}{}},
		dialState:       dialState[C]{dials: map[*dial[C]]struct{}{}},
		upkeepState:     upkeepState{lowSince: never},
		closeState:      closeState{drained: make(chan struct{}), quiet: make(chan struct{})},
		counters:        counters{closed: map[CloseReason]uint64{}},
		validationState: validationState{invalid: map[string]uint64{}},
	}
	p.follow(&cfg)
	p.recorded = p.tracked.Load() || cfg.Observer != nil
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.max.Store(int64(cfg.MaxSize))
	p.table.Store(&table[C]{})
	p.setDark()
	p.overdue.init(p.now, p.endOverdue)
	p.retry.init(p.now, p.retryNow)
	p.upkeep.init(p.now, p.maintain)
	return p, nil
}

var _ core.Source[int] = (*Pool[int])(nil)

// suits adds the faults of settings that need a method of the factory.
func (cfg *Config) suits(faults *fault.List, checks, pings bool) {
	if cfg.CheckIdleAfter > 0 && !checks {
		faults.Add("CheckIdleAfter is %v, but the factory has no method Alive: write one (see Checker), or leave CheckIdleAfter out", cfg.CheckIdleAfter)
	}
	if cfg.CheckEvery > 0 && !pings {
		faults.Add("CheckEvery is %v, but the factory has no method Ping: write one (see Pinger), or leave CheckEvery out", cfg.CheckEvery)
	}
}

// Name returns the pool's name.
func (p *Pool[C]) Name() string { return p.cfg().Name }

// now reads the pool's clock.
func (p *Pool[C]) now() instant { return time.Since(p.epoch) }

// Acquire returns a lease of a connection. An exclusive pool lends a connection
// without a caller, and prefers one that was used recently. A shared pool lends
// the connection with the fewest callers, and no suspect one. (Of
// more than eight connections it compares eight, different ones each time.) If
// no connection is free, the caller waits, until ctx ends or
// Config.AcquireTimeout has passed.
//
// Waiters are served in the order of their arrival. A newcomer may overtake
// them: a returned connection is free for the first caller that takes it, and
// the first waiter is woken to try. When a waiter has been overtaken and has
// waited for a millisecond, overtaking ends: each connection is handed to the
// first waiter and newcomers join the queue, until the first waiter has waited
// for less.
//
// If ctx ends at the moment at which a connection comes, Acquire returns either
// an error or the lease. The lease must be released although ctx has ended.
//
// The errors are an [*AcquireError] if the wait ended without a connection, or
// ctx had ended before; a [*DialError] if the pool has no connection and could
// not dial one; [ErrClosed]; and [ErrTooManyWaiters].
func (p *Pool[C]) Acquire(ctx context.Context) (core.Lease[C], error) {
	if ctx.Err() != nil {
		return core.Lease[C]{}, p.acquireError(ctx, 0)
	}
	if p.gate.Load() < gateStrict {
		if e, token := p.take(false); e != nil {
			if p.mayGrow.Load() {
				p.grow(ctx, e, token)
			}
			return e.lease(ctx, token), nil
		}
	}
	return p.acquireSlowly(ctx)
}

// TryAcquire returns a lease if a connection is free now, and false if not. Unlike
// a newcomer in [Pool.Acquire] it overtakes no waiter: it returns false while a caller
// waits. Without a free connection it starts a dial in the background if the pool has
// room for another connection.
func (p *Pool[C]) TryAcquire() (core.Lease[C], bool) { return p.AcquireNow(context.Background()) }

// AcquireNow is TryAcquire for the caller that ctx is of: its operation, if it has one,
// is known as the holder of the connection. AcquireNow does not wait, and does not look
// at the end of ctx.
func (p *Pool[C]) AcquireNow(ctx context.Context) (core.Lease[C], bool) {
	// A waiter that was woken and has not run since is not in the queue, but asks.
	if p.asking.Load() == 0 && p.gate.Load() < gateStrict {
		if e, token := p.take(false); e != nil {
			if p.mayGrow.Load() {
				p.grow(ctx, e, token)
			}
			return e.lease(ctx, token), true
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replenish()
	if p.dialing == 0 {
		p.vacate(1)
	}
	if !p.draining && p.dialing == 0 && p.room() > 0 && p.now() >= p.dialAt() {
		p.beginDial(nil, nil)
	}
	return core.Lease[C]{}, false
}

// Connected reports whether the pool has a connection, in use or not. It is a glance:
// the connection may be gone when the caller acts on it.
func (p *Pool[C]) Connected() bool { return len(p.table.Load().conns) > 0 }

// Do runs fn on a connection, and returns the connection when fn has ended, also
// by a panic or runtime.Goexit. fn must not keep the connection. The error is the
// error of [Pool.Acquire] or of fn.
//
// The connection is as good as before only if fn returns nil. Do returns it as broken
// if fn's error wraps [ErrBadConn], as unclean if fn failed and ctx has ended or if fn
// did not return, and else as suspect, since the pool cannot tell what the error of fn
// means. An error with a method Class() core.Class says so itself: return
// core.Answered's Class, for example, where the backend answered, or keep the answer
// in a variable of the caller and return nil.
func (p *Pool[C]) Do(ctx context.Context, fn func(context.Context, C) error) error {
	return Run[C](ctx, p, fn)
}

// Run is [Pool.Do] on a connection of any source, such as one that is made of several
// pools.
func Run[C any](ctx context.Context, source core.Source[C], fn func(context.Context, C) error) error {
	lease, err := source.Acquire(ctx)
	if err != nil {
		return err
	}
	// Used if fn panics or calls Goexit; the panic is not recovered.
	fate, reason := core.Unclean, core.ErrPanic
	defer func() { lease.Return(fate, reason) }()
	err = fn(ctx, lease.Conn())
	fate, reason = fateOf(ctx, err)
	return err
}

// fateOf returns the state of a connection on which a function of Do returned err, and
// the reason for [core.Lender.Return].
func fateOf(ctx context.Context, err error) (fate core.ConnFate, reason error) {
	if err == nil {
		return core.Keep, nil
	}
	fate, reason = core.Suspect, err
	if known, ok := errors.AsType[interface {
		error
		Class() core.Class
	}](err); ok {
		class := known.Class()
		if fate = class.Conn; fate == core.Keep && class.Verdict != core.Failure {
			reason = nil
		}
	}
	switch {
	case errors.Is(err, ErrBadConn), fate == core.Broken:
		return core.Broken, err
	case ctx.Err() != nil:
		return core.Unclean, err
	default:
		return fate, reason
	}
}
