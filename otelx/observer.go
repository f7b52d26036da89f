// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
)

// Observer is a [core.Observer] made of spans and metrics. It is safe for
// concurrent use. One Observer serves one client and the pools of that client.
type Observer struct {
	settings *settings
	tracer   trace.Tracer // nil: no spans
	meter    metric.Meter
	ops      *descriptions
	inst     *instruments
	evidence *evidence // nil: what is not sampled is not exported
	refusals *limit    // of refused operations that are sampled; nil: none
	traces   *traces
	probed   *atomic.Pointer[probed] // last health probe; nil in it before the first

	failures *failures // nil without a meter
	overflow *overflow

	mu         sync.Mutex // guards the fields below
	registered []entry
	closed     bool
}

var _ core.Observer = (*Observer)(nil)

// NewObserver returns an Observer. Without a provider it emits nothing, see
// [Observer.Enabled]. The error names all bad options; a nil option is skipped.
func NewObserver(opts ...Option) (*Observer, error) {
	s := &settings{}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	if err := s.resolve(); err != nil {
		return nil, err
	}
	o := &Observer{settings: s, overflow: newOverflow(s), probed: new(atomic.Pointer[probed])}
	if s.meters != nil {
		o.failures = newFailures(s, o.overflow)
	}
	o.ops = newDescriptions(s, o.failures, o.overflow)
	if s.tracers != nil {
		o.tracer = s.tracers.Tracer(ScopeName, trace.WithInstrumentationVersion(version()), trace.WithSchemaURL(semconv.SchemaURL))
	}
	meters := s.meters
	if meters == nil {
		meters = metricnoop.NewMeterProvider()
	}
	o.meter = meters.Meter(ScopeName, metric.WithInstrumentationVersion(version()), metric.WithSchemaURL(semconv.SchemaURL))
	inst, err := newInstruments(o.meter, s.poolName)
	if err != nil {
		return nil, fmt.Errorf("otelx: cannot make the instruments: %w", err)
	}
	if s.returnedRows {
		rows, err := dbconv.NewClientResponseReturnedRows(o.meter, metric.WithExplicitBucketBoundaries(rowBuckets...))
		if err != nil {
			return nil, fmt.Errorf("otelx: cannot make the instruments: %w", err)
		}
		inst.returnedRows = rows.Inst()
	}
	o.inst = inst
	o.overflow.watch(inst.allLabels()...)
	if o.tracer == nil {
		return o, nil
	}
	if o.traces, err = newTraces(o.meter, s.poolName); err != nil {
		return nil, fmt.Errorf("otelx: cannot make the instruments: %w", err)
	}
	if s.rejections > 0 {
		o.refusals = newLimit(s.rejections)
	}
	if s.evidence > 0 {
		silent, err := newInstruments(metricnoop.NewMeterProvider().Meter(ScopeName), s.poolName)
		if err != nil {
			return nil, fmt.Errorf("otelx: cannot make the instruments: %w", err)
		}
		o.evidence = newEvidence(o, silent)
	}
	return o, nil
}

// Enabled reports whether there is a provider that is not a no-op. A client
// without one should get no Observer at all: that costs less.
func (o *Observer) Enabled() bool { return o.settings.tracers != nil || o.settings.meters != nil }

// Close takes the pools and the figures off the meter. The next collection, such as the one in the
// provider's Shutdown, still reports their last figures, and no later one does. Close
// exports nothing and does not use its context; it returns nil, and calls after the
// first do nothing.
func (o *Observer) Close(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for _, e := range o.registered {
		e.close()
		if o.collected() {
			time.AfterFunc(lastCollection, e.drop)
		} else {
			e.drop()
		}
	}
	o.registered = nil
	return nil
}

// Begin starts the span of s, if s has one, and counts s, if s is an attempt.
func (o *Observer) Begin(ctx context.Context, s core.Scope) context.Context {
	switch {
	case s.Kind == core.ScopeAttempt:
		return o.beginAttempt(ctx, &s)
	case o.tracer == nil:
		return ctx
	case s.Kind == core.ScopeOperation:
		return o.beginOperation(ctx, &s)
	case s.Kind == core.ScopeConnect:
		return o.beginConnect(ctx, &s)
	case s.Kind == core.ScopeProbe && o.settings.probeSpans:
		return o.beginProbe(ctx)
	default: // endAcquire and endValidate make their spans
		return ctx
	}
}

// End ends the span of s, and records how long s took.
func (o *Observer) End(ctx context.Context, s core.Scope, err error) {
	switch s.Kind {
	case core.ScopeOperation:
		o.endOperation(ctx, &s, err)
	case core.ScopeAttempt:
		o.endAttempt(ctx, &s, err)
	case core.ScopeAcquire:
		o.endAcquire(ctx, &s, err)
	case core.ScopeConnect:
		o.endConnect(ctx, &s, err)
	case core.ScopeValidate:
		o.endValidate(ctx, &s, err)
	case core.ScopeProbe:
		o.endProbe(ctx, &s, err)
	}
}

// Event counts e, and shows it on the span of the operation that ctx belongs to.
func (o *Observer) Event(ctx context.Context, e core.Event) {
	switch e.Kind {
	case core.EventRetry:
		o.retry(ctx, e)
	case core.EventRetryEnd:
		o.retryEnd(ctx, e)
	case core.EventReject:
		o.reject(ctx, e)
	case core.EventTransition:
		o.transition(ctx, e)
	case core.EventTimeout:
		o.timeout(ctx, e)
	case core.EventHealth:
		o.health(ctx, e)
	case core.EventWait:
		o.wait(ctx, e)
	case core.EventPanic:
		if o.inst.panics.Enabled(ctx) {
			o.inst.panics.Add(ctx, 1, o.inst.panicLabels.of(e.Name))
		}
	}
}

// version returns the version of this module in the running program, "" if it is
// not known.
func version() string {
	const module = "github.com/penstock-go/penstock"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
}
