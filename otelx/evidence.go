// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/hedged"
)

// Values of attrEvidence. They say why an operation is exported although its trace was
// not sampled.
const (
	evidenceRejected  = "rejected"
	evidenceFailed    = "failed"
	evidenceRecovered = "recovered"
	evidenceHedged    = "hedged"
	evidenceSlow      = "slow"
	evidenceAnswered  = "answered"
	evidenceOverflow  = "overflow"
)

// outcomeRecovered is the outcome of an operation that succeeded after a failed
// attempt, see retry.OutcomeRecovered.
const outcomeRecovered = "recovered"

// evidence exports operations whose trace was not sampled, and that an operator wants
// to see. Nothing is kept of an operation while it goes well: its record begins with
// its first event, and its spans are written when it has ended.
type evidence struct {
	observer *Observer // the one that is told
	silent   *instruments
	limit    *limit
	slow     slowness
	records  sync.Pool // of *record
	unheard  sync.Once // the sampler refuses evidence, which is logged
}

func newEvidence(o *Observer, silent *instruments) *evidence {
	v := &evidence{observer: o, silent: silent, limit: newLimit(o.settings.evidence)}
	v.slow.threshold = o.settings.slow
	v.slow.credit.earn(maxCredit)
	return v
}

// end exports an operation that was not sampled, if it is evidence and the limit allows
// it. ctx is the context of the operation.
func (v *evidence) end(ctx context.Context, s *core.Scope, in *series, took time.Duration, err error) {
	r := v.recordIn(s.State)
	if r != nil {
		*s.State = nil
		defer v.recycle(r)
	}
	if s.Start.IsZero() {
		return
	}
	why := v.why(s, r, in, took, err)
	if why == "" {
		return
	}
	var written *replay
	if r != nil {
		written = r.written
	}
	if written == nil {
		left, ok := v.limit.take(time.Now(), trouble{why, errorTypeOf(in, s, err), in}, false)
		if ok {
			written = v.begin(ctx, *s, why, left)
		}
	}
	if written != nil {
		written.finish(r, *s, why, err)
	}
	v.observer.traces.count(ctx, why, written != nil)
}

// why returns the reason for which the operation is evidence, "" if it is none.
func (v *evidence) why(s *core.Scope, r *record, in *series, took time.Duration, err error) string {
	failed := err != nil && !s.Answered && s.Hedge != hedged.Lost
	slow := !failed && v.slow.is(in.pace, s.Start, took)
	switch {
	case failed && s.Rejected:
		return evidenceRejected
	case failed:
		return evidenceFailed
	case r != nil && r.recovered:
		return evidenceRecovered
	case s.Op.Hedge || s.Hedge != "":
		return evidenceHedged
	case slow, r != nil && r.written != nil: // a breaker that counts slow calls refers to it
		return evidenceSlow
	case err != nil && s.Answered && in.of(err, true).isNew():
		return evidenceAnswered
	case in.isNew():
		return evidenceOverflow
	}
	return ""
}

func errorTypeOf(in *series, s *core.Scope, err error) string {
	if err == nil {
		return ""
	}
	return in.of(err, s.Answered).errorType
}

// ref begins to write an operation that others refer to, because it opened a circuit
// breaker, for example. Its ids are known from then on. ref returns nil if the limit or
// the sampler does not allow that.
func (v *evidence) ref(ctx context.Context, s *core.Scope) any {
	if s.State == nil || s.Start.IsZero() || !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	r := v.record(s.State)
	if r == nil {
		return nil
	}
	if r.written == nil && !r.denied {
		if left, ok := v.limit.take(time.Now(), trouble{}, true); ok {
			r.written = v.begin(ctx, *s, evidenceFailed, left)
		}
		r.denied = r.written == nil
	}
	if r.written == nil {
		return nil
	}
	return refTo(r.written.op.span.SpanContext())
}

// connect exports a dial that failed and was not sampled. ctx has the span of the dial,
// which starts a trace of its own.
func (v *evidence) connect(ctx context.Context, s *core.Scope, err error) {
	k := kindOf(err, false)
	left, exported := v.limit.take(time.Now(), trouble{evidenceFailed, k.errorType, nil}, false)
	if exported {
		exported = v.writeConnect(v.replay(ctx, s.Start, evidenceFailed, left), s, k, err)
	}
	v.observer.traces.count(ctx, evidenceFailed, exported)
}

func (v *evidence) writeConnect(r *replay, s *core.Scope, k kind, err error) bool {
	if r == nil {
		return false
	}
	_, span := r.Start(r.ctx, spanConnect, r.observer.connectOptions(s)...)
	if !v.heard(r, span) {
		return false
	}
	k.mark(span, err)
	r.at = time.Now()
	span.End()
	return true
}

// heard reports whether the sampler took the span. It says once that the sampler takes
// no evidence. A provider without an SDK returns the parent's ids, and is no news.
func (v *evidence) heard(r *replay, span trace.Span) bool {
	sc := span.SpanContext()
	if sc.IsSampled() && span.IsRecording() {
		return true
	}
	if sc.SpanID() == r.parent.SpanID() {
		return false
	}
	v.unheard.Do(func() {
		v.observer.settings.logger.LogAttrs(r.ctx, slog.LevelWarn,
			"penstock: the sampler drops operations that failed and were not sampled at first: "+
				"let it follow the parent (parentbased_traceidratio), wrap it in sdk.EvidenceSampler, or switch evidence off with otelx.WithEvidence(otelx.NoEvidence)",
			slog.String("pool", v.observer.settings.poolName), slog.String("trace_id", sc.TraceID().String()))
	})
	return false
}

// traces counts the traces that are evidence: those exported, and those left out.
type traces struct {
	counter metric.Int64Counter
	pool    string
	labels  table[tracesKey, metric.MeasurementOption]
}

type tracesKey struct {
	why      string
	exported bool
}

func newTraces(m metric.Meter, pool string) (*traces, error) {
	counter, err := m.Int64Counter(metricEvidence, metric.WithUnit("{trace}"),
		metric.WithDescription("The number of traces to be exported whatever the sampler says, and of refused operations beyond the limit."))
	t := &traces{counter: counter, pool: pool}
	t.labels.limit = maxLabels
	return t, err
}

func (t *traces) count(ctx context.Context, why string, exported bool) {
	if t.counter.Enabled(ctx) {
		t.add(ctx, 1, tracesKey{why, exported})
	}
}

// zero begins a series with its zero.
func (t *traces) zero(why string, exported bool) {
	t.add(context.Background(), 0, tracesKey{why, exported})
}

func (t *traces) add(ctx context.Context, n int64, key tracesKey) {
	label, ok := t.labels.get(key)
	if !ok {
		label, _ = t.labels.add(key, func() metric.MeasurementOption { return t.label(key) })
	}
	t.counter.Add(ctx, n, label)
}

func (t *traces) label(key tracesKey) metric.MeasurementOption {
	kvs := []attribute.KeyValue{attrEvidence.String(key.why), attrEvidenceExported.Bool(key.exported)}
	if t.pool != "" {
		kvs = append(kvs, attrPoolName.String(t.pool))
	}
	return metric.WithAttributeSet(attribute.NewSet(kvs...))
}

// spared reports whether a refused operation whose trace is sampled is not exported,
// because there are too many of them, and counts it. Its span is not ended then.
func (o *Observer) spared(ctx context.Context, span trace.Span, s *core.Scope, in *series, err error) bool {
	if o.refusals == nil || err == nil || !s.Rejected {
		return false
	}
	left, ok := o.refusals.take(time.Now(), trouble{evidenceRejected, errorTypeOf(in, s, err), in}, false)
	if !ok {
		o.traces.count(ctx, evidenceRejected, false)
		return true
	}
	if left > 0 {
		span.SetAttributes(attrEvidenceDropped.Int(left))
	}
	return false
}
