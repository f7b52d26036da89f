// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
)

// Limits of a record. Retries and waits leave room for the events that say how the
// operation ended.
const (
	maxRepeated = 24 // retries and waits
	maxEvents   = 32
	maxAttempts = 16
)

// record is what happened to an operation that is not sampled. It belongs to the
// goroutine of the operation, and is in the operation's State.
type record struct {
	owner     *evidence
	events    []keptEvent
	attempts  []keptAttempt // from the second attempt on
	left      int           // events and attempts beyond the limits
	recovered bool
	written   *replay // not nil: something refers to the operation, whose span is started
	denied    bool    // written was asked for, and refused
}

type keptEvent struct {
	core.Event
	at      time.Time
	attempt int // how many of record.attempts had begun
}

type keptAttempt struct {
	scope core.Scope
	ended time.Time
	err   error
}

// recordIn returns the record in state, nil if there is none.
func (v *evidence) recordIn(state *any) *record {
	if state == nil {
		return nil
	}
	if r, ok := (*state).(*record); ok && r.owner == v {
		return r
	}
	return nil
}

// record returns the record in state, and begins one if there is none. It returns nil
// if state belongs to no operation, or to another observer.
func (v *evidence) record(state *any) *record {
	if state == nil {
		return nil
	}
	if *state != nil {
		return v.recordIn(state)
	}
	r, _ := v.records.Get().(*record)
	if r == nil {
		r = &record{owner: v}
	}
	*state = r
	return r
}

// recycle gives a record back, without what it holds of the operation.
func (v *evidence) recycle(r *record) {
	clear(r.events)
	clear(r.attempts)
	*r = record{owner: v, events: r.events[:0], attempts: r.attempts[:0]}
	v.records.Put(r)
}

// sampled reports whether the operation has a span, and the span will be exported.
func (op *operation) sampled() bool { return op != nil && op.span.SpanContext().IsSampled() }

// shown returns the operation whose span e is shown on, nil if there is none. An event of
// an operation that is not sampled is kept.
func (o *Observer) shown(ctx context.Context, e core.Event) *operation {
	op := o.operation(ctx)
	if o.evidence != nil && e.State != nil && !op.sampled() {
		o.evidence.keep(e)
	}
	return op
}

func (v *evidence) keep(e core.Event) {
	r := v.record(e.State)
	if r == nil {
		return
	}
	most := maxEvents
	switch e.Kind {
	case core.EventRetryEnd:
		r.recovered = e.Outcome == outcomeRecovered
	case core.EventRetry, core.EventWait:
		most = maxRepeated
	}
	if len(r.events) >= most {
		r.left++
		return
	}
	e.State = nil
	r.events = append(r.events, keptEvent{e, time.Now(), len(r.attempts)})
}

// keepAttempt keeps an attempt of an operation that is not sampled.
func (o *Observer) keepAttempt(op *operation, s *core.Scope) {
	if o.evidence == nil || s.State == nil || op.sampled() {
		return
	}
	r := o.evidence.record(s.State)
	switch {
	case r == nil:
	case len(r.attempts) >= maxAttempts:
		r.left++
	default:
		kept := keptAttempt{scope: *s}
		kept.scope.State = nil
		r.attempts = append(r.attempts, kept)
	}
}

// keepAttemptEnd keeps how a kept attempt ended.
func (o *Observer) keepAttemptEnd(s *core.Scope, err error) {
	if o.evidence == nil {
		return
	}
	r := o.evidence.recordIn(s.State)
	if r == nil || len(r.attempts) == 0 {
		return
	}
	if last := &r.attempts[len(r.attempts)-1]; last.scope.Attempt == s.Attempt && last.ended.IsZero() {
		last.scope, last.ended, last.err = *s, time.Now(), err
		last.scope.State = nil
	}
}

// notSampled reports whether an operation with this span, which may be nil, will not be
// exported by itself.
func notSampled(span trace.Span) bool { return span == nil || !span.SpanContext().IsSampled() }
