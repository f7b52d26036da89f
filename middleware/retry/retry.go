// SPDX-License-Identifier: Apache-2.0

// Package retry makes another attempt when one has failed, where that can help
// and does no harm: the backend's classifier says that it is worth it, the
// operation's Safety allows it, no stage forbids it, the wait fits before the
// deadline, and the backend's budget is not spent.
//
// The loop is that of github.com/eapache/go-resiliency/retrier; the waits are
// our own, because they depend on the deadline and on the server's hints.
package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eapache/go-resiliency/retrier"

	"github.com/penstock-go/penstock/core"
)

// New returns the stage.
func New(cfg Config) (core.Middleware, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.MaxRetries == None {
		return func(next core.Handler) core.Handler { return next }, nil
	}
	// Without waits and without an end, since run decides on both.
	loop := retrier.New(make([]time.Duration, 1), classifier{}).WithInfiniteRetry()
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			cfg.Budget.Deposit()
			mark := call.Mark()
			err := next(ctx, call)
			if err == nil || errors.Is(err, core.ErrRejected) {
				return err
			}
			r := run{cfg: &cfg, call: call, next: next}
			r.failed(mark, err)
			return r.loop(ctx, loop)
		}
	}, nil
}

// classifier tells the loop what run.step has decided.
type classifier struct{}

func (classifier) Classify(err error) retrier.Action {
	switch err {
	case nil:
		return retrier.Succeed
	case errAgain:
		return retrier.Retry
	default:
		return retrier.Fail
	}
}

var (
	errAgain = errors.New("again")
	errStop  = errors.New("stop")
)

// run is an operation whose first attempt has failed.
type run struct {
	cfg  *Config
	call *core.Call
	next core.Handler

	result Error
	class  core.Class    // of the last attempt
	delay  time.Duration // before the next attempt
	paid   bool          // the budget was charged for an attempt not yet made
}

func (r *run) loop(ctx context.Context, loop *retrier.Retrier) error {
	defer r.end()
	err := loop.RunFn(ctx, func(ctx context.Context, retries int) error {
		if retries > 0 {
			if err := r.again(ctx); err != errAgain {
				return err
			}
		}
		return r.step(ctx, retries)
	})
	if err != nil && r.result.Outcome == "" {
		r.interrupted(ctx) // the context ended between two steps
	}
	result := &r.result
	switch {
	case result.Outcome == OutcomeRecovered:
		return nil
	case len(result.Attempts) == 1 && result.Reason == nil:
		return result.Err
	default:
		return result
	}
}

// end gives back what was paid for nothing, and tells how the retries ended.
func (r *run) end() {
	if r.paid {
		r.cfg.Budget.Refund()
	}
	outcome := r.result.Outcome
	if outcome == "" {
		outcome = OutcomePanicked // and the panic is on its way
	}
	r.call.Event(core.Event{
		Kind: core.EventRetryEnd, Source: Name, Attempt: r.call.Attempt(), Outcome: outcome, Err: r.result.Err,
	})
}

// step decides whether another attempt follows the last, which failed.
func (r *run) step(ctx context.Context, retries int) error {
	switch {
	case ctx.Err() != nil:
		r.interrupted(ctx)
		return errStop
	case !r.class.Retryable, r.class.ReadOnlyRetry && r.call.Op.Safety != core.ReadOnly:
		return r.stop(OutcomeNotRetryable, nil)
	case !r.class.RetryableAs(r.call.Op.Safety):
		return r.stop(OutcomeUnsafe, errUnsafe)
	case retries >= r.cfg.MaxRetries:
		return r.stop(OutcomeExhausted, ErrExhausted)
	}
	if err := r.call.AllowAttempt(); err != nil {
		return r.forbidden(err)
	}
	if hint := r.class.RetryAfter; hint > r.cfg.Cap {
		return r.stop(OutcomeHint, fmt.Errorf("the backend asks to wait for %v, longer than Cap %v", hint, r.cfg.Cap))
	}
	r.delay = r.cfg.wait(r.call.Attempt(), r.class.RetryAfter)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= r.delay {
		return r.stop(OutcomeDeadline, fmt.Errorf("a wait of %v would not fit: %w", r.delay, r.call.DeadlineError()))
	}
	// Charged before the wait, so that those who wait count too.
	if !r.cfg.Budget.Take() {
		return r.stop(OutcomeBudget, ErrBudget)
	}
	r.paid = true
	r.call.Event(core.Event{
		Kind: core.EventRetry, Source: Name, Attempt: r.call.Attempt(), Delay: r.delay, Err: r.result.Attempts[len(r.result.Attempts)-1],
	})
	return errAgain
}

// again waits and makes the next attempt. It returns errAgain if that failed.
func (r *run) again(ctx context.Context) error {
	timer := time.NewTimer(r.delay)
	select {
	case <-timer.C:
	case <-ctx.Done():
		timer.Stop()
		r.interrupted(ctx)
		return errStop
	}
	// Asked again: the breaker may have opened meanwhile.
	if err := r.call.AllowAttempt(); err != nil {
		return r.forbidden(err)
	}
	mark := r.call.Mark()
	err := r.attempt(ctx)
	r.paid = !r.call.Reached(mark) // the backend was not asked
	if err == nil {
		r.result.Outcome = OutcomeRecovered
		return nil
	}
	if errors.Is(err, core.ErrRejected) {
		return r.stop(OutcomeRejected, err)
	}
	r.failed(mark, err)
	return errAgain
}

func (r *run) attempt(ctx context.Context) error {
	n := r.call.NextAttempt()
	observer := r.call.Observer()
	if observer == nil {
		return r.next(ctx, r.call)
	}
	scope := core.Scope{Kind: core.KindAttempt, Op: r.call.Op, Attempt: n, Start: time.Now(), Delay: r.delay}
	ctx = observer.Begin(ctx, scope)
	err := core.ErrPanic // stands if next does not return
	defer func() { observer.End(ctx, scope, err) }()
	err = r.next(ctx, r.call)
	return err
}

// failed records a failed attempt. The operation is judged by the last one
// that the backend had a part in, if there is one.
func (r *run) failed(mark core.Mark, err error) {
	r.class = r.call.LastAttempt(mark, err)
	r.result.Attempts = append(r.result.Attempts, err)
	if r.result.Err == nil || r.call.Judged(mark) {
		r.result.Err = err
	}
}

func (r *run) stop(outcome string, reason error) error {
	r.result.Outcome, r.result.Reason = outcome, reason
	return errStop
}

func (r *run) forbidden(err error) error {
	if errors.Is(err, core.ErrAttemptLimit) {
		return r.stop(OutcomeLimited, err)
	}
	return r.stop(OutcomeForbidden, err)
}

// interrupted records that the caller's context ended the operation.
func (r *run) interrupted(ctx context.Context) {
	outcome := OutcomeCanceled
	if ctx.Err() == context.DeadlineExceeded {
		outcome = OutcomeDeadline
	}
	r.result.Outcome = outcome
	if r.class.OutOfTime || r.class.Code == core.TypeCanceled {
		return // the last attempt ended by it, and its error says so
	}
	r.result.Reason = ctx.Err()
	if outcome == OutcomeDeadline {
		r.result.Reason = r.call.DeadlineError()
	}
}

var errUnsafe = errors.New("the operation is unsafe to repeat, and the backend may have applied it")
