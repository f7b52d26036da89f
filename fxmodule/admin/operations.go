// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/text"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// outcome is why an operation is kept.
type outcome uint8

const (
	failedOp outcome = iota
	rejectedOp
	recoveredOp
	slowOp
	outcomes
)

func (o outcome) String() string {
	return [outcomes]string{"failed", "rejected", "recovered", "slow"}[o]
}

// How many operations of each outcome are kept, and how many are taken in a slot: an
// outage, in which each operation is worth keeping, costs no more than that.
var (
	most    = [outcomes]int{40, 20, 20, 20}
	inASlot = [outcomes]int32{20, 10, 10, 5}
)

// operations are the latest operations that an operator wants to see.
type operations struct {
	left   [outcomes]atomic.Int32 // how many may be taken in the present slot
	lastID uint64                 // guarded by collector.mu, as is latest
	latest [outcomes][]*Operation // each a ring
	next   [outcomes]int          // where the ring goes on
}

// allow lets operations of the next slot be kept.
func (o *operations) allow() {
	for i := range o.left {
		o.left[i].Store(inASlot[i])
	}
}

// take reports whether one more operation may be kept.
func (o *operations) take(why outcome) bool {
	return o.left[why].Load() > 0 && o.left[why].Add(-1) >= 0
}

// since returns the operations with a greater ID, the latest first. They do not change.
func (o *operations) since(id uint64) (all []Operation) {
	for _, ring := range o.latest {
		for _, op := range ring {
			if op.ID > id {
				all = append(all, *op)
			}
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return int(b.ID) - int(a.ID) })
	return all
}

// keep keeps an operation that has ended, unless enough of its kind were kept just before.
func (c *collector) keep(ctx context.Context, s *core.Scope, r *record, why outcome, took time.Duration, err error) {
	if !c.take(why) {
		return
	}
	op := &Operation{
		At: s.Start.UTC(), Name: text.Clean(s.Op.Name), Target: text.Clean(s.Op.Target), Outcome: why.String(),
		Took: took.Seconds(), Conn: s.Conn, Attempts: 1,
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		op.TraceID, op.SpanID, op.Sampled = sc.TraceID().String(), sc.SpanID().String(), sc.IsSampled()
	}
	if err != nil {
		op.Reason, op.Error = text.Clean(typeOf(err)), text.Clean(err.Error())
	}
	if why == rejectedOp {
		op.Attempts = 0
	}
	root := Span{Kind: "operation", Name: text.Clean(nameOf(s.Op)), Took: op.Took, Conn: op.Conn, Reason: op.Reason, Error: op.Error}
	backend := took
	if r != nil {
		op.Attempts = r.made(why)
		op.Wait, op.Backoff = r.wait.Seconds(), r.backoff.Seconds()
		backend = max(took-r.wait-r.backoff, 0)
		r.tree(&root, s, took)
		if err == nil {
			op.Reason, op.Error = r.trouble()
		}
	}
	if op.Attempts > 0 {
		op.Backend = backend.Seconds()
	}
	op.Tree = &root
	c.mu.Lock()
	defer c.mu.Unlock()
	if why == rejectedOp && op.Reason == errorTypeOpen {
		op.OpenedBy = c.breaker.openedBy()
	}
	c.lastID++
	op.ID = c.lastID
	if ring := c.latest[why]; len(ring) < most[why] {
		c.latest[why] = append(ring, op)
		return
	}
	c.latest[why][c.next[why]] = op
	c.next[why] = (c.next[why] + 1) % most[why]
}

// errorTypeOpen is the error type of a refusal by a breaker.
var errorTypeOpen = new(breaker.OpenError).ErrorType()
