// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eapache/go-resiliency/retrier"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/internal/stage"
)

// run is an operation whose first attempt has failed.
type run struct {
	cfg  *Config
	call *core.Call
	next core.Handler

	result Error
	last   core.Outcome  // of the last attempt
	delay  time.Duration // before the next attempt
	paid   bool          // the budget was charged for an attempt that is not begun
	waited time.Duration // in all waits so far
}

// loop makes further attempts until one succeeds or none is allowed, and returns
// the error of the operation.
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
		r.interrupted(ctx) // the loop saw the end of the context between two steps
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

// end refunds the charge of an attempt that was not begun, and tells the observer
// how the retries ended.
func (r *run) end() {
	if r.paid {
		r.cfg.Budget.Refund()
	}
	outcome := r.result.Outcome
	if outcome == "" {
		outcome = OutcomePanicked // an attempt panics or calls Goexit, which is not recovered
	}
	r.call.Event(core.Event{
		Kind: core.EventRetryEnd, Name: Name, Attempt: r.call.Attempt(), Outcome: outcome, Err: r.result.Err, Delay: r.waited,
	})
}

// step decides whether another attempt follows the last one, which failed.
func (r *run) step(ctx context.Context, retries int) error {
	switch {
	case answered(r.last, r.call.Op.Safety):
		return r.stop(OutcomeAnswered, nil)
	case ctx.Err() != nil:
		r.interrupted(ctx)
		return errStop
	case !r.last.Retry.Allows(r.call.Op.Safety):
		if r.last.Retry == core.RetryIfIdempotent {
			return r.stop(OutcomeUnsafe, errUnsafe)
		}
		return r.stop(OutcomeNotRetryable, nil)
	case retries >= r.cfg.MaxRetries:
		return r.stop(OutcomeExhausted, ErrExhausted)
	}
	if err := r.allowed(); err != nil {
		return err
	}
	if hint := r.last.RetryAfter; hint > r.cfg.MaxInterval {
		return r.stop(OutcomeHint, fmt.Errorf("the backend asks to wait for %v, longer than MaxInterval %v", hint, r.cfg.MaxInterval))
	}
	r.delay = r.cfg.wait(r.call.Attempt(), r.last.RetryAfter)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= r.delay {
		return r.stop(OutcomeDeadline, fmt.Errorf("a wait of %v would not fit: %w", r.delay, r.deadlineError(ctx)))
	}
	// Charged before the wait, so that the budget also bounds how many operations
	// wait.
	if !r.cfg.Budget.Take() {
		return r.stop(OutcomeBudget, ErrBudget)
	}
	r.paid = true
	r.call.Event(core.Event{
		Kind: core.EventRetry, Name: Name, Attempt: r.call.Attempt(), Delay: r.delay, Err: r.result.Attempts[len(r.result.Attempts)-1],
	})
	return errAgain
}

// again waits and makes the next attempt. It returns errAgain if the attempt
// failed.
func (r *run) again(ctx context.Context) error {
	switch err := r.wait(ctx); {
	case err == core.ErrClientClosed:
		return r.stop(OutcomeClosed, err)
	case err != nil:
		r.interrupted(ctx)
		return errStop
	}
	// Asked again: the breaker may have opened during the wait.
	if err := r.allowed(); err != nil {
		return err
	}
	mark := r.call.Mark()
	r.paid = false // an attempt that panics is no refund
	err := r.attempt(ctx)
	r.last = r.call.LastSince(mark, err)
	if !r.last.Reached {
		r.cfg.Budget.Refund() // a stage ended the attempt before it cost the backend anything
	}
	if err == nil {
		r.result.Outcome = OutcomeRecovered
		return nil
	}
	if r.last.Rejected {
		return r.stop(OutcomeRejected, err)
	}
	r.failed(err)
	return errAgain
}

// wait waits before the next attempt. The error is ctx's, or core.ErrClientClosed.
func (r *run) wait(ctx context.Context) error {
	began := time.Now()
	timer := time.NewTimer(r.delay)
	defer timer.Stop()
	e := core.Event{Kind: core.EventWait, Name: Name}
	select {
	case <-timer.C:
	case <-ctx.Done():
		e.Err = ctx.Err()
	case <-r.call.Closing():
		e.Err = core.ErrClientClosed
	}
	e.Delay = time.Since(began)
	r.waited += e.Delay
	r.call.Event(e)
	return e.Err
}

// attempt makes the next attempt in a scope of its own.
func (r *run) attempt(ctx context.Context) error {
	n := r.call.NextAttempt()
	if r.call.Observer() == nil {
		return r.next(ctx, r.call)
	}
	scope := core.Scope{
		Kind: core.ScopeAttempt, Attempt: n, Start: time.Now(), Delay: r.delay,
		Cause: r.result.Attempts[len(r.result.Attempts)-1],
	}
	ctx = r.call.Begin(ctx, &scope)
	err := core.ErrPanic // used if next panics or calls Goexit
	defer func() { r.call.End(ctx, &scope, err) }()
	mark := r.call.Mark()
	if err = r.next(ctx, r.call); err != nil {
		scope.Answered = r.call.LastSince(mark, err).Answered()
	}
	return err
}

// failed records a failed attempt. The operation is judged by the last attempt
// that the backend is judged by, if there is one, and else by the first.
func (r *run) failed(err error) {
	r.result.Attempts = append(r.result.Attempts, err)
	if r.result.Err == nil || r.last.Judged {
		r.result.Err = err
	}
}

// stop records why no further attempt is made.
func (r *run) stop(outcome string, reason error) error {
	r.result.Outcome, r.result.Reason = outcome, reason
	return errStop
}

// allowed asks the call whether another attempt may be made. If not, it records
// why, and returns errStop.
func (r *run) allowed() error {
	select {
	case <-r.call.Closing():
		return r.stop(OutcomeClosed, core.ErrClientClosed)
	default:
	}
	if r.call.AttemptsLeft() == 0 {
		return r.stop(OutcomeLimited, fmt.Errorf("a stage limits the operation to %s", stage.Count(r.call.Attempt(), "attempt")))
	}
	if err := r.call.BeforeAttempt(); err != nil {
		return r.stop(OutcomeForbidden, err)
	}
	return nil
}

// interrupted records that the caller's context ended the operation.
func (r *run) interrupted(ctx context.Context) {
	outcome := OutcomeCanceled
	if ctx.Err() == context.DeadlineExceeded {
		outcome = OutcomeDeadline
	}
	r.result.Outcome = outcome
	if r.last.OutOfTime || r.last.ErrorType == errtype.Canceled {
		return // the context ended the last attempt, whose error says so
	}
	r.result.Reason = ctx.Err()
	if outcome == OutcomeDeadline {
		r.result.Reason = r.deadlineError(ctx)
	}
}

// deadlineError returns what the deadline of ctx means, which may be the deadline
// of a stage further out.
func (r *run) deadlineError(ctx context.Context) error {
	if r.call.Caller().Err() != nil {
		return r.call.DeadlineError() // whatever its cause: it is not a limit of this client
	}
	if limit, ok := errors.AsType[*core.TimeoutError](context.Cause(ctx)); ok {
		return limit
	}
	own, _ := ctx.Deadline()
	if callers, ok := r.call.Caller().Deadline(); !ok || own.Before(callers) {
		return &core.TimeoutError{}
	}
	return r.call.DeadlineError()
}
