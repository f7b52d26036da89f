// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// trip is one operation of the storm on its way through the chain. It goes with the
// context.
type trip struct {
	at       time.Time // of the last step
	attempts int
	backoff  time.Duration
	admitted bool // by the bulkhead
	paced    bool // by the rate limiter
	working  bool
}

type tripKey struct{}

// stage returns a stage of the storm's own, which stands as place says.
func (b *books) stage(name string, place middleware.Stage, pass func(context.Context, *core.Call, *trip, func() error) error) middleware.Stage {
	place.Name = name
	place.Middleware = func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			return pass(ctx, call, ctx.Value(tripKey{}).(*trip), func() error { return next(ctx, call) })
		}
	}
	return place
}

// stages are around each stage that waits, retries or ends attempts.
func (b *books) stages() []middleware.Stage {
	wait := "penstock.wait.duration"
	return []middleware.Stage{
		b.stage("entry", middleware.Stage{Before: "bulkhead"}, func(_ context.Context, _ *core.Call, tr *trip, next func() error) error {
			tr.at = time.Now()
			err := next()
			if !tr.admitted {
				b.since(wait, "bulkhead", tr.at)
				b.add("penstock.bulkhead.operations", admission(errors.As(err, new(*bulkhead.FullError))), 1)
			}
			return err
		}),
		b.stage("admitted", middleware.Stage{After: "bulkhead"}, func(_ context.Context, _ *core.Call, tr *trip, next func() error) error {
			b.since(wait, "bulkhead", tr.at)
			b.add("penstock.bulkhead.operations", admission(false), 1)
			tr.admitted, tr.at = true, time.Now()
			err := next()
			if !tr.paced {
				b.since(wait, "ratelimit", tr.at)
				b.add("penstock.ratelimit.operations", admission(errors.As(err, new(*ratelimit.LimitedError))), 1)
			}
			return err
		}),
		b.stage("paced", middleware.Stage{Before: "retry"}, func(ctx context.Context, _ *core.Call, tr *trip, next func() error) error {
			b.since(wait, "ratelimit", tr.at)
			b.add("penstock.ratelimit.operations", admission(false), 1)
			tr.paced = true
			outcome := retry.OutcomePanicked
			defer func() {
				b.since(wait, "retry", tr.at) // a backoff that was given up
				if tr.backoff += time.Since(tr.at); tr.attempts > 1 {
					b.add("penstock.retry.count", "", 1)
					b.add("penstock.retry.count.sum", "", float64(tr.attempts-1))
					b.add("penstock.retry.total_delay", "", 1)
					b.add("penstock.retry.total_delay.sum", "", tr.backoff.Seconds())
				}
				if outcome != "" && (outcome != retry.OutcomePanicked || tr.attempts > 1) {
					b.add("penstock.retry.outcomes", outcome, 1)
				}
			}()
			err := next()
			outcome = outcomeOf(ctx, tr, err)
			return err
		}),
		b.stage("attempt", middleware.Stage{After: "retry"}, func(_ context.Context, call *core.Call, tr *trip, next func() error) error {
			if tr.attempts++; tr.attempts > 1 {
				b.add("penstock.retries", "", 1)
				b.since(wait, "retry", tr.at)
				tr.backoff += time.Since(tr.at)
			}
			defer func() { tr.at = time.Now() }()
			err := next()
			if limit, ok := errors.AsType[*core.TimeoutError](err); ok {
				b.add("penstock.timeouts", limit.Limited(), 1)
			}
			return err
		}),
		b.stage("lease", middleware.Stage{After: "health"}, func(_ context.Context, _ *core.Call, tr *trip, next func() error) error {
			tr.at, tr.working = time.Now(), false
			err := next()
			if !tr.working {
				b.since("db.client.connection.wait_time", "", tr.at)
				b.since("penstock.wait.duration", "pool", tr.at)
			}
			if e, ok := errors.AsType[*pool.AcquireError](err); ok && !tr.working && e.Waited > 0 {
				if isTimeout(e) {
					b.add("db.client.connection.timeouts", "", 1)
				} else {
					b.add("penstock.pool.waits.canceled", "", 1)
				}
			}
			return err
		}),
	}
}

// admission is what a stage did with an operation. An operation that another stage
// refuses after its wait was admitted.
func admission(refused bool) string {
	if refused {
		return "rejected"
	}
	return "admitted"
}

// isTimeout is the rule by which the pool counts timeouts: the caller waited, and the
// error does not say that the caller canceled the wait.
func isTimeout(e *pool.AcquireError) bool { return e.Waited > 0 && core.ErrorType(e) != "canceled" }

// outcomeOf returns how the retries ended, "" if no attempt failed.
func outcomeOf(ctx context.Context, tr *trip, err error) string {
	e, several := errors.AsType[*retry.Error](err)
	switch {
	case err == nil && tr.attempts > 1:
		return retry.OutcomeRecovered
	case err == nil:
		return ""
	case several:
		return e.Outcome
	case errors.Is(err, core.ErrRejected), errors.Is(err, errNotFound):
		return ""
	case ctx.Err() == context.DeadlineExceeded:
		return retry.OutcomeDeadline
	case ctx.Err() != nil:
		return retry.OutcomeCanceled
	default:
		return retry.OutcomeNotRetryable
	}
}
