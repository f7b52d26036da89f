// SPDX-License-Identifier: Apache-2.0

// Package ratelimit bounds how many operations of one client start in a second,
// to keep within a quota, say.
//
// An operation takes a token with all its attempts. Without one it is refused
// at once, or waits if Config.MaxWait lets it: first come, first served, never
// past its deadline, and never in vain, because whether the token comes in time
// is known before the wait. A caller who gives up leaves his turn to those
// behind him.
//
// The tokens are those of golang.org/x/time/rate.
package ratelimit

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/penstock-go/penstock/core"
)

// Name is the name of the stage.
const Name = "ratelimit"

// Limiter bounds the rate of operations. It is safe for concurrent use.
type Limiter struct {
	cfg      Config
	tokens   *rate.Limiter
	admitted atomic.Uint64
	rejected atomic.Uint64

	mu sync.Mutex
	// There is a ticket for each waiter, but not one that is his own: whoever
	// has waited longest gets the next token, and whoever gives up drops the
	// last one. Guarded by mu.
	waiters list.List // of chan struct{}, closed when their turn has come
	tickets list.List // of *ticket
}

// ticket is a token that will come.
type ticket struct {
	token   *rate.Reservation
	timer   *time.Timer
	dropped bool // guarded by Limiter.mu
}

// New returns a limiter with all its tokens.
func New(cfg Config) (*Limiter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Limiter{cfg: cfg, tokens: rate.NewLimiter(rate.Limit(cfg.Rate), cfg.Burst)}, nil
}

// Stage returns the stage of this limiter.
func (l *Limiter) Stage() core.Stage { return core.Stage{Name: Name, Middleware: l.Middleware} }

// Middleware wraps next with this limiter. It is a core.Middleware.
func (l *Limiter) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if l.tokens.AllowN(time.Now(), 1) { // never while somebody waits: then more tokens are promised than there are
			l.admitted.Add(1)
			return next(ctx, call)
		}
		if err := l.wait(ctx); err != nil {
			l.rejected.Add(1)
			call.Event(core.Event{Kind: core.EventReject, Source: l.cfg.Name, Delay: err.RetryAfter, Err: err})
			return err
		}
		l.admitted.Add(1)
		// A breaker may have opened meanwhile. A limit of attempts is that of a
		// probe, and a probe is wanted.
		if err := call.AllowAttempt(); err != nil && !errors.Is(err, core.ErrAttemptLimit) {
			err = &ForbiddenError{Name: l.cfg.Name, Err: err}
			call.Event(core.Event{Kind: core.EventReject, Source: l.cfg.Name, Err: err})
			return err
		}
		return next(ctx, call)
	}
}

// wait waits for a token, or returns why not.
func (l *Limiter) wait(ctx context.Context) *LimitedError {
	turn, err := l.enqueue(ctx)
	if turn == nil {
		return err
	}
	select {
	case <-turn.Value.(chan struct{}):
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-turn.Value.(chan struct{}):
		return nil // the token came at the last moment, and is spent
	default:
	}
	l.waiters.Remove(turn)
	last := l.tickets.Remove(l.tickets.Back()).(*ticket)
	last.dropped = true
	last.timer.Stop()
	last.token.Cancel()
	return &LimitedError{Name: l.cfg.Name, Rate: l.cfg.Rate, Err: ctx.Err()}
}

// enqueue returns a place in the queue, or why the caller has none. Neither
// means that there was a token after all.
func (l *Limiter) enqueue(ctx context.Context) (*list.Element, *LimitedError) {
	// Held throughout, so that nobody is told to come later because of a token
	// that is given back at once.
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	token := l.tokens.ReserveN(now, 1)
	delay := token.DelayFrom(now)
	if delay == 0 {
		return nil, nil
	}
	err := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && err == nil && deadline.Sub(now) <= delay {
		err = context.DeadlineExceeded
	}
	if err != nil || delay > l.cfg.MaxWait {
		token.CancelAt(now)
		return nil, &LimitedError{Name: l.cfg.Name, Rate: l.cfg.Rate, RetryAfter: delay, Err: err}
	}
	t := &ticket{token: token}
	t.timer = time.AfterFunc(delay, func() { l.redeem(t) })
	l.tickets.PushBack(t)
	return l.waiters.PushBack(make(chan struct{})), nil
}

// redeem gives a token that has come to whoever has waited longest.
func (l *Limiter) redeem(t *ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.dropped {
		return
	}
	l.tickets.Remove(l.tickets.Front()) // t, or one that came as soon
	close(l.waiters.Remove(l.waiters.Front()).(chan struct{}))
}

// Stats are the counters of a limiter at one moment.
type Stats struct {
	Waiting  int    // callers that wait for a token
	Admitted uint64 // operations that got one so far
	Rejected uint64 // operations that did not, refused at once or after a wait
}

// Stats returns the counters. It changes nothing.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Waiting: l.waiters.Len(), Admitted: l.admitted.Load(), Rejected: l.rejected.Load()}
}
