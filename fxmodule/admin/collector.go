// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

// collector is the observer of one client. It counts all operations, and keeps those that
// an operator wants to see, in a memory of fixed size.
//
// An operation that succeeds at its first attempt costs one reading of the clock and one
// atomic addition. Whoever first sees that a slot is over begins the next one: there is no
// goroutine and no timer.
type collector struct {
	born      time.Time
	slowAfter time.Duration // zero: by the 99th percentile
	changed   func()        // called after a transition of the breaker or the gate

	slotEnd  atomic.Int64 // end of the present slot, since born
	slowOver atomic.Int64 // operations that take longer are slow
	active   atomic.Uint32
	took     [2]histogram // of operations that waited for nothing; the present slot and the one before
	waited   [2]histogram // of operations that waited: the whole
	net      [2]histogram // of the same: without the waits

	answered, failed, rejected, recovered, further counter
	stages                                         table
	records                                        sync.Pool // of *record

	names names

	mu      sync.Mutex // guards all below, and the marks of the counters
	slots   int64      // slots that are over
	folded  counter    // operations in histograms that were drained
	points  [kept]point
	breaker periods
	gate    periods
	operations
}

// names tell the stages in events apart. They are set before the first operation.
type names struct{ breaker, keyed, monitor string }

func newCollector(slowAfter time.Duration, changed func()) *collector {
	c := &collector{born: time.Now(), slowAfter: slowAfter, changed: changed}
	c.slotEnd.Store(int64(slot))
	c.slowOver.Store(math.MaxInt64)
	if slowAfter > 0 {
		c.slowOver.Store(int64(slowAfter))
	}
	c.allow()
	return c
}

// Begin keeps a further attempt.
func (c *collector) Begin(ctx context.Context, s core.Scope) context.Context {
	if s.Kind == core.ScopeAttempt {
		c.turn(time.Since(c.born))
		c.further.n.Add(1)
		reason := ""
		if s.Cause != nil {
			reason = typeOf(s.Cause)
		}
		c.stages.of(stageKey{what: repeats, reason: reason}).n.Add(1)
		if r := c.record(s.State); r != nil {
			r.begin(&s)
		}
	}
	return ctx
}

// End counts an operation, and keeps the end of a further attempt.
func (c *collector) End(ctx context.Context, s core.Scope, err error) {
	switch s.Kind {
	case core.ScopeOperation:
		c.end(ctx, &s, err)
	case core.ScopeAttempt:
		if r := c.recordIn(s.State); r != nil {
			r.end(&s, err)
		}
	}
}

func (c *collector) end(ctx context.Context, s *core.Scope, err error) {
	r := c.recordIn(s.State)
	if r != nil {
		defer c.recycle(r)
	}
	if s.Start.IsZero() {
		return
	}
	if s.Hedge != "" { // the caller made one operation of two runs
		if s.Unseen {
			return
		}
		s.Start, err = s.SeenSince, s.Seen
	}
	now := time.Since(c.born)
	took := now - s.Start.Sub(c.born)
	c.turn(now)
	failed := err != nil && !s.Answered
	if failed && s.Rejected {
		c.rejected.n.Add(1)
		c.keep(ctx, s, r, rejectedOp, took, err)
		return
	}
	c.measure(took, r)
	switch {
	case failed:
		c.failed.n.Add(1)
		c.keep(ctx, s, r, failedOp, took, err)
	case err != nil:
		c.answered.n.Add(1)
	case r != nil && r.recovered:
		c.recovered.n.Add(1)
		c.keep(ctx, s, r, recoveredOp, took, nil)
	case int64(took) > c.slowOver.Load():
		c.keep(ctx, s, r, slowOp, took, nil)
	}
}

func (c *collector) measure(took time.Duration, r *record) {
	i := c.active.Load()
	if r == nil || r.wait+r.backoff == 0 {
		c.took[i].add(took)
		return
	}
	c.waited[i].add(took)
	c.net[i].add(max(took-r.wait-r.backoff, 0))
}

// Event counts what happened to a stage.
func (c *collector) Event(ctx context.Context, e core.Event) {
	c.turn(time.Since(c.born))
	switch e.Kind {
	case core.EventReject:
		c.stages.of(stageKey{refusals, c.stageOf(&e), typeOf(e.Err)}).n.Add(1)
		if r := c.recordIn(e.State); r != nil { // else the end of the operation says it all
			r.note(&e)
		}
		return
	case core.EventWait:
		c.stages.of(stageKey{what: waits, stage: e.Name}).n.Add(1)
		c.stages.of(stageKey{what: waited, stage: e.Name}).n.Add(uint64(e.Delay.Microseconds()))
		if e.Err != nil {
			c.stages.of(stageKey{refusals, e.Name, typeOf(e.Err)}).n.Add(1)
		}
	case core.EventTimeout:
		c.stages.of(stageKey{what: timeouts, stage: e.Outcome}).n.Add(1)
	case core.EventTransition:
		c.transition(ctx, &e)
	case core.EventHealth:
		if e.Name == c.names.monitor {
			c.move(ctx, &c.gate, &e)
		}
	case core.EventPanic:
		return
	}
	if r := c.record(e.State); r != nil {
		r.note(&e)
	}
}

// Ref is not called, see penstock.Watch.
func (c *collector) Ref(context.Context, core.Scope) any { return nil }

// stageOf returns the name of the stage that refused: Penstock's stages name themselves
// after the backend.
func (c *collector) stageOf(e *core.Event) string {
	switch e.Err.(type) {
	case *breaker.OpenError:
		if e.Name == c.names.keyed {
			return keyed.Name
		}
		return breaker.Name
	case *health.DownError:
		return health.Name
	case *bulkhead.FullError:
		return bulkhead.Name
	case *ratelimit.LimitedError:
		return ratelimit.Name
	default:
		return e.Name
	}
}

// transition keeps a transition of the backend's breaker. Those of single keys are too many.
func (c *collector) transition(ctx context.Context, e *core.Event) {
	if e.Name == c.names.breaker {
		c.move(ctx, &c.breaker, e)
	}
}

func (c *collector) move(ctx context.Context, p *periods, e *core.Event) {
	next := Period{State: e.To, By: nameOf(e.Op)}
	if next.By != "" {
		if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
			next.TraceID = sc.TraceID().String()
		}
	}
	switch {
	case e.Err != nil:
		next.Why = typeOf(e.Err)
	case e.Cause != nil:
		next.Why = typeOf(e.Cause)
	}
	c.mu.Lock()
	p.move(next, time.Now())
	c.mu.Unlock()
	c.changed()
}

// nameOf returns an operation as people call it, such as "Search docs".
func nameOf(op core.Op) string { return strings.TrimSpace(op.Name + " " + op.Target) }
