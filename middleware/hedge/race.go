// SPDX-License-Identifier: Apache-2.0

package hedge

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/hedged"
)

// race is the two runs of one operation, if there is a second.
type race[C, R any] struct {
	hedger      *Hedger
	client      core.Runner[C]
	op          core.Op
	fn          func(context.Context, C) (R, error)
	ctx         context.Context // the caller's
	cancelFirst context.CancelFunc
	first       runContext // of the first run
	pair        hedged.Pair

	mu           sync.Mutex
	over         bool               // the first run has ended; guarded by mu
	paid         bool               // the operation has paid in; guarded by mu until over
	cancelSecond context.CancelFunc // nil if there is no second run; guarded by mu
	ended        chan struct{}      // closed when the second run has ended; guarded by mu

	// What the second run came to. Read after it has ended.
	answered bool // with a result, or a definite error
	sooner   bool // it answered before the first run ended
	result   R
	err      error
	panicked *core.PanicError
}

// runContext is the context of a run. Core finds there what became of the other run.
type runContext struct {
	context.Context
	pair *hedged.Pair
}

func (c *runContext) Value(key any) any {
	if key == (hedged.Key{}) {
		return c.pair
	}
	return c.Context.Value(key)
}

// hedge makes the second run, on a goroutine of its own.
func (r *race[C, R]) hedge() {
	ctx, ok := r.begin()
	if !ok {
		return
	}
	defer close(r.ended)
	defer func() {
		if v := recover(); v != nil {
			r.panicked = &core.PanicError{Value: v, Stack: debug.Stack()}
			r.cancelFirst()
		}
	}()
	op := r.op
	op.Hedge = true
	result, err := core.Do(ctx, r.client, op, r.fn)
	if answers(err) {
		r.mu.Lock()
		r.answered, r.sooner, r.result, r.err = true, !r.over, result, err
		r.mu.Unlock()
		r.cancelFirst()
		return
	}
	if e, ok := errors.AsType[*core.Error](err); ok && !e.Outcome.Reached {
		r.hedger.cfg.Budget.Refund() // a stage ended the run before it cost the backend anything
	}
}

// answers reports whether the run that ended with err has the answer of the backend:
// a result, or an error that another run would get too, such as "not found".
func answers(err error) bool {
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*core.Error](err)
	return ok && e.Outcome.Verdict == core.Success
}

// begin reports whether there is a second run, and returns its context.
func (r *race[C, R]) begin() (context.Context, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.ctx.Err() != nil {
		return nil, false
	}
	// Paid before the end, so that many slow operations at once pay for second runs.
	r.hedger.payIn(nil)
	r.paid = true
	if !r.hedger.cfg.Budget.Take() {
		r.hedger.denied.Add(1)
		r.pair.Refuse()
		return nil, false
	}
	r.hedger.hedged.Add(1)
	ctx, cancel := context.WithCancel(r.ctx)
	r.cancelSecond, r.ended = cancel, make(chan struct{})
	r.pair.Begin()
	return &runContext{ctx, &r.pair}, true
}

// finish is called after the first run has ended, and returns when the second has
// ended too. With cancel, it ends the second run, whose result is not needed.
func (r *race[C, R]) finish(timer *time.Timer, cancel bool) {
	timer.Stop()
	r.mu.Lock()
	r.over = true
	cancelSecond, ended := r.cancelSecond, r.ended
	r.mu.Unlock()
	if ended == nil {
		return
	}
	if cancel {
		cancelSecond()
	}
	<-ended
	cancelSecond()
}
