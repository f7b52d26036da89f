// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "breaker"

// Breaker is a circuit breaker for one backend. It is safe for concurrent use.
type Breaker struct {
	*shared
	name     string    // for people; telemetry knows the breaker by cfg.Name
	born     time.Time // begin of its clock
	current  atomic.Pointer[period]
	listener atomic.Pointer[listener] // nil if there never was a Config.OnTransition; written with mu held

	mu      sync.Mutex
	history // guarded by mu

	totals
}

// shared is what a breaker and its siblings have in common.
type shared struct {
	settings atomic.Pointer[Config]        // in force; the Config does not change
	observer atomic.Pointer[core.Observer] // of the first operation that had one
	opened   atomic.Pointer[func()]        // see Watch
}

// cfg returns the configuration in force.
func (s *shared) cfg() *Config { return s.settings.Load() }

// totals are the outcomes counted so far.
type totals struct {
	succeeded, failed, neutral, rejected atomic.Uint64
}

// New returns a closed breaker, or an error that names everything that is wrong
// with cfg.
func New(cfg Config) (*Breaker, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	s := new(shared)
	s.settings.Store(&cfg)
	return newBreaker(s, cfg.Name), nil
}

func newBreaker(s *shared, name string) *Breaker {
	b := &Breaker{shared: s, name: name, born: time.Now()}
	if s.cfg().OnTransition != nil {
		b.listener.Store(&listener{name: name, shared: s})
	}
	b.current.Store(b.newPeriod(newMachine(s.cfg()), Closed))
	return b
}

// Sibling returns another breaker, closed, with the configuration of b. Errors,
// snapshots and the listener know it by name. Telemetry, where the number of
// names must be small, knows it by the name of b. It costs less memory than a
// breaker of [New].
func (b *Breaker) Sibling(name string) *Breaker { return newBreaker(b.shared, name) }

// Middleware wraps next with this breaker. It is a core.Middleware.
func (b *Breaker) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error { return b.Run(ctx, call, next) }
}

// Run runs call with next under this breaker, or returns an [*OpenError] at once.
// It is what [Breaker.Middleware] does, for a stage that chooses a breaker for
// each call.
func (b *Breaker) Run(ctx context.Context, call *core.Call, next core.Handler) error {
	p, probe, err := b.admit(ctx, call)
	if err != nil {
		return err
	}
	if probe != nil {
		ctx = probe.context(ctx)
	}
	cfg := b.cfg() // also for the end of the call, whatever changes meanwhile
	guard := p.attach(cfg, call, probe)
	mark := call.Mark()
	returned := false
	defer func() {
		if !returned { // next panics or calls Goexit, which is not recovered
			b.leave(cfg, p, probe, guard, call, mark, core.ErrPanic)
		}
	}()
	err = next(ctx, call)
	returned = true
	b.leave(cfg, p, probe, guard, call, mark, err)
	return err
}

// now returns the time since the breaker was made.
func (b *Breaker) now() time.Duration { return time.Since(b.born) }

// admit returns the period that call belongs to, and the probe that call is, if the
// breaker is half-open; or why the call is refused.
func (b *Breaker) admit(ctx context.Context, call *core.Call) (*period, *probe, error) {
	if o := call.Observer(); o != nil && b.observer.Load() == nil {
		b.remember(o)
	}
	p := b.current.Load()
	if p.passes() {
		return p, nil, nil
	}
	if state := p.state(); state == Open || state == ForcedOpen {
		return nil, nil, b.reject(call, state)
	}
	return b.admitProbe(ctx, call)
}

// remember keeps the observer of the first operation that has one.
func (s *shared) remember(o core.Observer) { s.observer.CompareAndSwap(nil, &o) }

// reject counts a rejection and returns its error.
func (b *Breaker) reject(call *core.Call, state State) error {
	b.rejected.Add(1)
	return b.refuse(call, state)
}

// refuse tells the observer of a refusal in state, and returns its error.
func (b *Breaker) refuse(call *core.Call, state State) error {
	err, ref := b.refusal(state)
	e := core.Event{
		Kind: core.EventReject, Name: b.cfg().Name, From: state.String(), Delay: err.RetryAfter, Err: err, Ref: ref,
	}
	err.Explain(&e) // here the event need not move to the heap for it
	call.Event(e)
	return err
}

// refusal returns the error of a refusal in state, and the reference to the
// operation that opened the breaker.
func (b *Breaker) refusal(state State) (err *OpenError, openedBy any) {
	err = &OpenError{Name: b.name, State: state, by: b, at: time.Now()}
	b.mu.Lock()
	p, openedBy := b.current.Load(), b.openedBy
	b.outage.tell(err)
	b.mu.Unlock()
	err.RetryAfter = p.retryAfter(state, err.at.Sub(b.born))
	return err, openedBy
}

// refused reports whether err is a refusal of this breaker, not of another one
// further in, or of an operation within the work.
func (b *Breaker) refused(err error) bool {
	if _, nested := errors.AsType[*core.Error](err); nested {
		return false
	}
	open, ok := errors.AsType[*OpenError](err)
	return ok && open.by == b
}
