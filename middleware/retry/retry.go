// SPDX-License-Identifier: Apache-2.0

// Package retry makes another attempt after a failed one, where that can help and
// does no harm: the backend's classifier and the operation's Safety allow it, no
// other stage forbids it, the wait ends before the deadline, and the backend's
// budget is not spent.
//
// The loop comes from github.com/eapache/go-resiliency/retrier. The waits are
// Penstock's own, because they depend on the deadline and on the backend's hints.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/eapache/go-resiliency/retrier"

	"github.com/penstock-go/penstock/core"
)

// New returns the stage.
func New(cfg Config) (core.Middleware, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	// The loop has no waits and no end of its own: run decides on both.
	loop := retrier.New(make([]time.Duration, 1), classifier{}).WithInfiniteRetry()
	return func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			mark := call.Mark()
			err := next(ctx, call)
			if err != nil {
				return afterFailure(ctx, &cfg, call, next, mark, err, loop)
			}
			cfg.deposit(call)
			return nil
		}
	}, nil
}

// deposit pays in the share of an operation. The second run of a hedged operation
// spends from the budget; it is no operation of its own.
func (cfg *Config) deposit(call *core.Call) {
	if !call.Op.Hedge {
		cfg.Budget.Deposit()
	}
}

// afterFailure makes further attempts after the first, which failed with err.
func afterFailure(ctx context.Context, cfg *Config, call *core.Call, next core.Handler, mark core.Mark, err error, loop *retrier.Retrier) error {
	last := call.LastSince(mark, err)
	if last.Rejected {
		return err // the operation cost the backend nothing, so it pays nothing in
	}
	cfg.deposit(call)
	if cfg.MaxRetries == None || answered(last, call.Op.Safety) {
		return err
	}
	r := run{cfg: cfg, call: call, next: next, last: last}
	r.failed(err)
	return r.loop(ctx, loop)
}

// answered reports whether an attempt ended with an answer of the backend that is not
// worth another attempt. Such an attempt did not fail.
func answered(o core.Outcome, s core.Safety) bool { return o.Answered() && !o.Retry.Allows(s) }

// classifier passes on to the loop what [run.step] and [run.again] decided.
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

// What run.step and run.again tell the loop.
var (
	errAgain = errors.New("again")
	errStop  = errors.New("stop")
)
