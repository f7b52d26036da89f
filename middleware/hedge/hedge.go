// SPDX-License-Identifier: Apache-2.0

package hedge

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// ErrNotReadOnly is matched by the error of [Do] for an operation whose Safety is
// not ReadOnly. It is a core.ErrRejected: nothing ran.
var ErrNotReadOnly = core.Sentinel("only ReadOnly operations may be hedged", "", core.ErrRejected)

// Hedger decides when operations are hedged. Operations of similar latency should
// share one. It is safe for concurrent use.
type Hedger struct {
	cfg     Config
	recent  *latencies // nil if the delay is fixed
	started atomic.Uint64
	hedged  atomic.Uint64
	won     atomic.Uint64
	denied  atomic.Uint64
}

// New returns a hedger that has seen no latencies yet.
func New(cfg Config) (*Hedger, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	h := &Hedger{cfg: cfg}
	if cfg.Quantile > 0 {
		h.recent = newLatencies(cfg.Quantile)
	}
	return h, nil
}

// Delay returns how long an operation that began now would run alone before it is
// hedged.
func (h *Hedger) Delay() time.Duration {
	if h.recent == nil {
		return h.cfg.Delay
	}
	return max(h.cfg.Delay, time.Duration(h.recent.quantile.Load()))
}

// Stats are the counters of a hedger at one moment.
type Stats struct {
	Operations uint64        // operations given to Do
	Hedged     uint64        // operations that were run a second time
	Won        uint64        // operations whose result or answer came from the second run
	Denied     uint64        // slow operations to which the budget granted no second run
	Delay      time.Duration // see [Hedger.Delay]
}

// Stats returns the counters. It changes nothing.
func (h *Hedger) Stats() Stats {
	return Stats{
		Operations: h.started.Load(), Hedged: h.hedged.Load(), Won: h.won.Load(), Denied: h.denied.Load(), Delay: h.Delay(),
	}
}

// Do is core.Do, and runs the operation a second time if the first run has not
// ended after h's delay. It returns what the backend answers first: a result, or an
// error whose verdict is core.Success, such as "not found". If neither run gets an
// answer, Do returns the error of the first run. An operation that fails before the
// delay is not hedged: retry repeats failed operations.
//
// fn may run twice at the same time. If fn panics in the first run, Do panics with
// the same value; if fn panics in the second run, Do panics with a
// [*core.PanicError].
func Do[C, R any](ctx context.Context, h *Hedger, c core.Runner[C], op core.Op, fn func(context.Context, C) (R, error)) (R, error) {
	if op.Safety != core.ReadOnly {
		var zero R
		return zero, &core.Error{
			Op: op.Name, Target: op.Target, Outcome: refused,
			Err: fmt.Errorf("%w: this one is %v", ErrNotReadOnly, op.Safety),
		}
	}
	h.started.Add(1)
	delay := h.Delay()
	began := time.Now()
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(began) <= delay {
		result, err := core.Do(ctx, c, op, fn) // the second run would come too late
		h.payIn(err)
		h.observe(began, answers(err))
		return result, err
	}
	first, cancelFirst := context.WithCancel(ctx)
	defer cancelFirst()
	r := &race[C, R]{hedger: h, client: c, op: op, fn: fn, ctx: ctx, cancelFirst: cancelFirst}
	r.first = runContext{first, &r.pair}
	op.Hedged = true
	timer := time.AfterFunc(delay, r.hedge)
	defer r.finish(timer, true) // if the first run panics or calls Goexit
	result, err := core.Do(&r.first, c, op, fn)
	answered := answers(err)
	r.finish(timer, answered)
	if !r.paid {
		h.payIn(err)
	}
	h.observe(began, answered || r.sooner) // a run that lost would have taken longer still
	switch {
	case r.panicked != nil:
		panic(r.panicked)
	case r.sooner, !answered && r.answered:
		h.won.Add(1)
		return r.result, r.err
	default:
		return result, err
	}
}

// refused is the outcome of an operation that was not run. It is not Rejected: that is
// a reason for a fallback, and a fallback would hide the mistake.
var refused = core.Outcome{Class: core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: errtype.Other}}

// payIn pays in the share of an operation whose first run ended with err, unless the
// run was refused locally. Err is nil if the run is still under way.
func (h *Hedger) payIn(err error) {
	if !h.cfg.PayIn {
		return
	}
	if e, ok := errors.AsType[*core.Error](err); !ok || !e.Outcome.Rejected {
		h.cfg.Budget.Deposit()
	}
}

// observe notes how long a first run took, if it counts.
func (h *Hedger) observe(began time.Time, counts bool) {
	if h.recent != nil && counts {
		h.recent.add(time.Since(began))
	}
}
