// SPDX-License-Identifier: Apache-2.0

// Package ratelimit bounds how many operations of one client start in a second,
// to keep within a quota, for example.
//
// An operation takes one token for all its attempts. Without a token the
// operation is refused at once, or waits if Config.MaxWait allows it. Waiters are
// served first come, first served. An operation never waits past its deadline and
// never waits in vain: the limiter knows before the wait whether the token comes
// in time. If an operation gives up, the waiters behind it move up.
//
// The tokens come from golang.org/x/time/rate.
package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/list"
)

// Limiter bounds the rate of operations. It is safe for concurrent use.
type Limiter struct {
	cfg      Config
	tokens   *rate.Limiter
	admitted atomic.Uint64
	rejected atomic.Uint64

	// There are as many tickets as waiters, but a ticket belongs to no waiter: the
	// first waiter gets the first token that comes, and a waiter that gives up
	// drops the last ticket.
	mu      sync.Mutex // guards both lists and their elements
	waiters list.List[*waiter]
	tickets list.List[*ticket]
}

// waiter is an operation that waits for a token.
type waiter struct {
	place list.Elem[*waiter]
	turn  chan struct{} // closed when the waiter has its token
}

// ticket is a token that is promised for later.
type ticket struct {
	place list.Elem[*ticket]
	token *rate.Reservation
	timer *time.Timer
}

// New returns a limiter with all its tokens.
func New(cfg Config) (*Limiter, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	return &Limiter{cfg: cfg, tokens: rate.NewLimiter(rate.Limit(cfg.Rate), cfg.Burst)}, nil
}

// Middleware wraps next with this limiter. It is a core.Middleware.
func (l *Limiter) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		// While operations wait, more tokens are promised than there are, so this
		// overtakes no waiter.
		if l.tokens.AllowN(time.Now(), 1) {
			l.admitted.Add(1)
			return next(ctx, call)
		}
		if err := l.wait(ctx); err != nil {
			l.rejected.Add(1)
			call.Event(core.Event{Kind: core.EventReject, Name: l.cfg.Name, Delay: err.RetryAfter, Err: err})
			return err
		}
		l.admitted.Add(1)
		if err := call.AfterWait(); err != nil { // a breaker may have opened meanwhile
			err = fmt.Errorf("after a wait in rate limiter %q: %w", l.cfg.Name, err)
			call.Event(core.Event{Kind: core.EventReject, Name: l.cfg.Name, Err: err})
			return err
		}
		return next(ctx, call)
	}
}

// wait waits for a token. The error says why there is none.
func (l *Limiter) wait(ctx context.Context) *LimitedError {
	w, err := l.enqueue(ctx)
	if w == nil {
		return err
	}
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.place.Listed() {
		return nil // the token came at the last moment, and cannot be given back
	}
	l.waiters.Remove(&w.place)
	last := l.tickets.Last()
	l.tickets.Remove(&last.place)
	last.timer.Stop()
	last.token.Cancel()
	return &LimitedError{Name: l.cfg.Name, Rate: l.cfg.Rate, Err: ctx.Err()}
}

// enqueue returns a place in the queue, or the reason why the operation must not
// wait. It returns neither if there is a token after all.
func (l *Limiter) enqueue(ctx context.Context) (*waiter, *LimitedError) {
	// Locked until the token is kept or given back: an operation that came in
	// between would be refused for want of a token that is given back at once.
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
	l.tickets.PushBack(&t.place, t)
	t.timer = time.AfterFunc(delay, func() { l.redeem(t) })
	w := &waiter{turn: make(chan struct{})}
	l.waiters.PushBack(&w.place, w)
	return w, nil
}

// redeem gives the token of t, which has come, to the first waiter. Timers may
// call it in another order than the order of their tickets.
func (l *Limiter) redeem(t *ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !t.place.Listed() {
		return // a waiter has dropped it
	}
	l.tickets.Remove(&t.place)
	w := l.waiters.First()
	l.waiters.Remove(&w.place)
	close(w.turn)
}

// Stats are the counters of a limiter at one moment.
type Stats struct {
	Waiting  int    // operations that wait for a token
	Admitted uint64 // operations that got a token so far
	Rejected uint64 // operations that got no token, refused at once or after a wait
}

// Stats returns the counters. It changes nothing.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Waiting: l.waiters.Len(), Admitted: l.admitted.Load(), Rejected: l.rejected.Load()}
}
