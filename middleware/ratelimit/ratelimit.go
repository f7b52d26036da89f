// SPDX-License-Identifier: Apache-2.0

// Package ratelimit bounds how many operations of one client start in a second,
// to keep within a quota, for example.
//
// An operation takes one token for all its attempts. Without a token the
// operation is refused at once, or waits if Config.MaxWait allows it. Waiters are
// served first come, first served. An operation whose token would come after its
// deadline, or after MaxWait, is refused at once instead of after a wait in vain. If
// an operation gives up, the waiters behind it move up.
//
// Rate and Burst are upper bounds. If the timers of the program are late by more than
// Burst divided by Rate, as timers of a busy machine may be, fewer operations pass.
//
// The tokens come from golang.org/x/time/rate.
package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/list"
)

// Limiter bounds the rate of operations. It is safe for concurrent use.
type Limiter struct {
	name     string
	admitted atomic.Uint64
	rejected atomic.Uint64

	// mu guards all fields below. It is held from the reading of the clock to the use
	// of that reading: rate.Limiter pays a stretch of time out twice if an older
	// reading comes after a newer one.
	mu      sync.Mutex
	cfg     *Config // in force for operations that come now; the Config does not change
	served  *Config // whose Rate and Burst tokens has: of the first waiter, else cfg
	tokens  *rate.Limiter
	waiters list.List[*waiter] // in the order of arrival
	timer   *time.Timer        // calls serve when the first waiter's token is due; nil until the first wait
}

// waiter is an operation that waits for a token. A waiter holds no token: serve
// takes one out for it when there is one. So a waiter that leaves has nothing to give
// back, and a timer that is late or early lets no operation through too early.
type waiter struct {
	place list.Elem[*waiter]
	under *Config       // in force when the waiter came, or one with a higher Rate
	most  time.Duration // MaxWait when the waiter came
	since time.Time
	turn  chan struct{} // closed when the wait is over
	err   *LimitedError // why there is no token; written before turn is closed
}

// New returns a limiter with all its tokens.
func New(cfg Config) (*Limiter, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	return &Limiter{name: cfg.Name, cfg: &cfg, served: &cfg, tokens: rate.NewLimiter(rate.Limit(cfg.Rate), cfg.Burst)}, nil
}

// Middleware wraps next with this limiter. It is a core.Middleware.
func (l *Limiter) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if l.take() {
			l.admitted.Add(1)
			return next(ctx, call)
		}
		if err := l.wait(ctx, call); err != nil {
			l.rejected.Add(1)
			call.Event(core.Event{Kind: core.EventReject, Name: l.name, Delay: err.RetryAfter, Err: err})
			return err
		}
		l.admitted.Add(1)
		if err := call.AfterWait(); err != nil { // a breaker may have opened meanwhile
			err = fmt.Errorf("after a wait in rate limiter %q: %w", l.name, err)
			call.Event(core.Event{Kind: core.EventReject, Name: l.name, Err: err})
			return err
		}
		return next(ctx, call)
	}
}

// take takes a token, if there is one and no operation waits for it.
func (l *Limiter) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiters.Len() == 0 && l.tokens.AllowN(time.Now(), 1)
}

// wait waits for a token. The error says why there is none.
func (l *Limiter) wait(ctx context.Context, call *core.Call) *LimitedError {
	w, err := l.enqueue(ctx)
	if w == nil {
		return err
	}
	began := time.Now()
	err = l.await(ctx, call, w)
	e := core.Event{Kind: core.EventWait, Name: Name, Delay: time.Since(began)}
	if err != nil {
		e.Err = err
	}
	call.Event(e)
	return err
}

// await waits until w has its token.
func (l *Limiter) await(ctx context.Context, call *core.Call, w *waiter) *LimitedError {
	var closing error
	select {
	case <-w.turn:
		return w.err
	case <-ctx.Done():
	case <-call.Closing():
		closing = core.ErrClientClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.place.Listed() {
		return w.err // the wait was over at the last moment, and a token cannot be given back
	}
	l.remove(w, time.Now())
	return l.refusal(0, cmp.Or(ctx.Err(), closing))
}

// enqueue returns a place in the queue, or the reason why the operation must not
// wait. It returns neither if there is a token after all.
func (l *Limiter) enqueue(ctx context.Context) (*waiter, *LimitedError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.serveAt(now) // the timer may be late
	if l.waiters.Len() == 0 && l.tokens.AllowN(now, 1) {
		return nil, nil
	}
	delay := l.untilToken(now, l.waiters.Len()+1, l.cfg)
	err := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && err == nil && deadline.Sub(now) <= delay {
		err = context.DeadlineExceeded
	}
	if err != nil || delay > l.cfg.MaxWait {
		return nil, l.refusal(delay, err)
	}
	w := &waiter{under: l.cfg, most: l.cfg.MaxWait, since: now, turn: make(chan struct{})}
	l.waiters.PushBack(&w.place, w)
	if l.waiters.Len() == 1 {
		l.wakeIn(delay)
	}
	return w, nil
}

// serve is what the timer does.
func (l *Limiter) serve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.serveAt(now)
	if l.waiters.Len() > 0 {
		l.wakeIn(l.untilToken(now, 1, l.served))
	}
}

// serveAt gives the tokens that are there to the first waiters. It refuses those
// that have waited for longer than MaxWait all the same: timers came late, and more
// tokens than Burst are not saved up. The caller holds mu.
func (l *Limiter) serveAt(now time.Time) {
	for w := l.waiters.First(); w != nil; w = l.waiters.First() {
		switch {
		case l.tokens.AllowN(now, 1):
		case now.Sub(w.since) > w.most:
			w.err = l.refusal(l.untilToken(now, l.waiters.Len(), l.cfg), nil)
		default:
			return
		}
		l.remove(w, now)
		close(w.turn)
	}
}

// remove takes w out of the queue. The caller holds mu.
func (l *Limiter) remove(w *waiter, now time.Time) {
	l.waiters.Remove(&w.place)
	l.follow(now)
}

// wakeIn sets the timer. The caller holds mu.
func (l *Limiter) wakeIn(d time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.serve)
		return
	}
	l.timer.Reset(d)
}

// untilToken returns how long it takes by cfg until the n-th token from now has come, at
// least a nanosecond. No waiter has a lower Rate than the configuration in force. The
// caller holds mu.
func (l *Limiter) untilToken(now time.Time, n int, cfg *Config) time.Duration {
	wait := (float64(n) - l.tokens.TokensAt(now)) / cfg.Rate * float64(time.Second)
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	const rounding = 1e-6 // of the division, in nanoseconds
	return max(time.Duration(math.Ceil(wait-rounding)), 1)
}

// refusal returns the error of an operation that gets no token because of err, or of
// MaxWait.
func (l *Limiter) refusal(retryAfter time.Duration, err error) *LimitedError {
	return &LimitedError{Name: l.name, Rate: l.cfg.Rate, RetryAfter: retryAfter, Err: err}
}

// Stats are the counters of a limiter at one moment.
type Stats struct {
	Rate     float64 // operations in a second, Config.Rate
	Waiting  int     // operations that wait for a token
	Admitted uint64  // operations that got a token so far
	Rejected uint64  // operations that got no token, refused at once or after a wait
}

// Stats returns the counters. It changes nothing.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Rate: l.cfg.Rate, Waiting: l.waiters.Len(), Admitted: l.admitted.Load(), Rejected: l.rejected.Load()}
}
