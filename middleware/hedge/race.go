// SPDX-License-Identifier: Apache-2.0

package hedge

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/penstock-go/penstock/core"
)

// race is the two runs of one operation, if there is a second.
type race[C, R any] struct {
	hedger      *Hedger
	client      core.Runner[C]
	op          core.Op
	fn          func(context.Context, C) (R, error)
	ctx         context.Context // the caller's
	cancelFirst context.CancelFunc

	mu           sync.Mutex
	over         bool               // the first run has ended; guarded by mu
	cancelSecond context.CancelFunc // nil if there is no second run; guarded by mu
	ended        chan struct{}      // closed when the second run has ended; guarded by mu

	// What the second run came to. Read after it has ended.
	succeeded bool
	sooner    bool // it succeeded before the first run ended
	result    R
	panicked  *core.PanicError
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
	result, err := core.Do(ctx, r.client, r.op, r.fn)
	if err == nil {
		r.mu.Lock()
		r.succeeded, r.sooner, r.result = true, !r.over, result
		r.mu.Unlock()
		r.cancelFirst()
	}
}

// begin reports whether there is a second run, and returns its context.
func (r *race[C, R]) begin() (context.Context, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.ctx.Err() != nil {
		return nil, false
	}
	if !r.hedger.cfg.Budget.Take() {
		r.hedger.denied.Add(1)
		return nil, false
	}
	r.hedger.hedged.Add(1)
	ctx, cancel := context.WithCancel(r.ctx)
	r.cancelSecond, r.ended = cancel, make(chan struct{})
	return ctx, true
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
