// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
)

// retryBuckets are numbers of retries.
var retryBuckets = []float64{1, 2, 3, 4, 5}

// measureRetries records how often an operation that is over was attempted again, and
// how long no attempt of it was under way.
func (o *Observer) measureRetries(ctx context.Context, e core.Event) {
	if e.Attempt < 2 || !o.inst.retryCount.Enabled(ctx) {
		return
	}
	labels := o.inst.operationLabels.of(o.ops.measured(e.Op).operation)
	o.inst.retryCount.Record(ctx, int64(e.Attempt-1), labels)
	o.inst.retryDelay.Record(ctx, e.Delay.Seconds(), labels)
}

// MeasureAttempts wraps next so that penstock.attempt.duration is recorded: how long the
// work of each attempt ran on its connection, the first attempt included, without the
// wait for the connection. It is a core.Middleware, to be put outside of the chain.
// Package penstock does so. Without [WithAttemptDuration] and a meter it returns next.
func (o *Observer) MeasureAttempts(next core.Handler) core.Handler {
	if !o.settings.attempts || o.settings.meters == nil {
		return next
	}
	guard := &attemptGuard{observer: o} // one for all calls, so that a call costs no allocation
	return func(ctx context.Context, call *core.Call) error {
		call.Measure()
		call.Attach(guard)
		defer call.Detach(guard)
		return next(ctx, call)
	}
}

// attemptGuard records how long attempts ran.
type attemptGuard struct {
	core.NopGuard
	observer *Observer
}

// AfterAttempt records an attempt that had a connection.
func (g *attemptGuard) AfterAttempt(call *core.Call, outcome core.Outcome) {
	ctx, o := call.Caller(), g.observer
	if outcome.Ran == 0 && outcome.ErrorType != "" || !o.inst.attempt.Enabled(ctx) {
		return // the work never started
	}
	errorType := outcome.ErrorType
	if outcome.Answered() {
		errorType = ""
	}
	o.inst.attempt.Record(ctx, outcome.Ran.Seconds(), o.inst.attemptLabels.of(o.ops.measured(call.Op).operation, errorType))
}

// beginProbe starts a new trace: a probe belongs to no operation.
func (o *Observer) beginProbe(ctx context.Context) context.Context {
	kvs := append(o.poolAttributes(new(core.Scope)), o.settings.server()...)
	ctx, span := o.tracer.Start(ctx, spanProbe, trace.WithNewRoot(), trace.WithAttributes(kvs...))
	return &scope{ctx, o, span}
}

func (o *Observer) endProbe(ctx context.Context, s *core.Scope, err error) {
	o.keepProbe(err)
	if o.inst.probe.Enabled(ctx) && !s.Start.IsZero() {
		o.inst.probe.Record(ctx, time.Since(s.Start).Seconds(), o.inst.probeLabels.of(core.ErrorType(err)))
	}
	span := o.ownSpan(ctx)
	if span == nil {
		return
	}
	if err != nil {
		kindOf(err, false).mark(span, err)
	}
	span.End()
}

// measures are the instruments of this file.
type measures struct {
	retryCount metric.Int64Histogram
	retryDelay metric.Float64Histogram
	attempt    metric.Float64Histogram
	probe      metric.Float64Histogram

	operationLabels *labels // operation
	attemptLabels   *labels // operation, error type
	probeLabels     *labels // error type
}

func newMeasures(m metric.Meter, pool []attribute.KeyValue) (measures, error) {
	var faults []error
	seconds := func(name, description string, buckets []float64) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(buckets...))
		faults = append(faults, err)
		return h
	}
	retries, err := m.Int64Histogram(metricRetryCount, metric.WithUnit("{retry}"), metric.WithExplicitBucketBoundaries(retryBuckets...),
		metric.WithDescription("The number of retries of an operation that was attempted again."))
	return measures{
		retryCount: retries,
		retryDelay: seconds(metricRetryDelay, "How long an operation that was attempted again waited between its attempts, in all.", operationBuckets),
		attempt:    seconds(metricAttempt, "How long the work of an attempt ran on its connection.", operationBuckets),
		probe:      seconds(metricProbe, "How long a health probe took.", operationBuckets),

		operationLabels: newLabels(pool, attrOperation),
		attemptLabels:   newLabels(pool, attrOperation, attrErrorType),
		probeLabels:     newLabels(pool, attrErrorType),
	}, errors.Join(append(faults, err)...)
}
