// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/nested"
	"github.com/penstock-go/penstock/internal/text"
)

// Limits of what is said of one attempt.
const (
	maxAnnotations = 32 // attributes of Annotate
	maxVariants    = 16 // values of a note's attribute of metrics, for each operation and collection
)

// note is what the adapter of a backend says of an attempt, see core.Scope.Note. The
// methods are called at most once each, after the attempt, and only where the result is
// needed.
type note interface {
	// SpanAttributes returns the attributes for the span.
	SpanAttributes() []attribute.KeyValue
	// MetricAttribute returns the attribute for the metrics of operations, out of a
	// closed set. Not valid is none.
	MetricAttribute() attribute.KeyValue
	// ReturnedRows returns how many rows the backend returned, false if it was not asked
	// for rows.
	ReturnedRows() (rows int64, ok bool)
}

// annotations are the attributes that the function of an operation sets.
type annotations []attribute.KeyValue

// Annotate adds attributes to the span of the attempt that ctx belongs to, and of the
// operation if the attempt is its last one. An attribute of a key that is there already
// replaces it; attributes of this package win. Beyond 32 attributes the rest is dropped.
//
// The work of an operation calls it, with its own ctx; it does nothing elsewhere, or if
// nothing observes the client. It differs from a call of the current span in two ways:
// the current span may be one of the work's own; and an operation whose trace was not
// sampled may be exported afterwards. The values are kept until the operation ends. It
// is safe for concurrent use.
func Annotate(ctx context.Context, attrs ...attribute.KeyValue) {
	nested.Add(ctx, func(said *nested.Note) *nested.Note {
		before, _ := said.Annotations.(annotations)
		all := slices.Clip(before)
		for _, kv := range attrs {
			i := slices.IndexFunc(all, func(old attribute.KeyValue) bool { return old.Key == kv.Key })
			switch {
			case !kv.Valid():
			case i >= 0:
				all = slices.Clone(all)
				all[i] = kv
			case len(all) < maxAnnotations:
				all = append(all, kv)
			}
		}
		return &nested.Note{Value: said.Value, Annotations: all, Waited: said.Waited}
	})
}

// WithAttributesFunc adds the attributes that fn returns to the span of each operation
// and of each further attempt, when it ends. ctx is the context of the operation, with
// the values of the caller. fn is called for spans that are written, for no others, by
// several goroutines at once, and must return soon. An attribute of this package wins
// over one with the same key. A panic of fn is told as a core.EventPanic, and the span
// has no attributes of fn; the first is logged, see [WithLogger]. Nil is none.
func WithAttributesFunc(fn func(ctx context.Context, op core.Op) []attribute.KeyValue) Option {
	return func(s *settings) { s.attributesFunc = fn }
}

// WithReturnedRows measures db.client.response.returned_rows, which costs each operation
// that returns rows one more measurement. The adapter must say how many there are; the
// adapter for Milvus does.
func WithReturnedRows() Option { return func(s *settings) { s.returnedRows = true } }

// said sets the attributes of a span that come from the user's functions and from the
// adapter. It is called before the observer's own attributes are set, so that these win.
func (o *Observer) said(ctx context.Context, span trace.Span, s *core.Scope) {
	if attrs := o.saidAttributes(ctx, s); len(attrs) > 0 {
		span.SetAttributes(attrs...)
	}
}

// saidAttributes returns the attributes of a span that come from the user's functions
// and from the adapter. Of two with one key the last holds.
func (o *Observer) saidAttributes(ctx context.Context, s *core.Scope) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	if fn := o.settings.attributesFunc; fn != nil {
		attrs = append(attrs, o.called(ctx, fn, s.Op)...)
	}
	if mine, ok := s.Annotations.(annotations); ok {
		attrs = append(attrs, mine...)
	}
	attrs = slices.DeleteFunc(attrs, func(kv attribute.KeyValue) bool { return !kv.Valid() || ours[kv.Key] })
	if n, ok := s.Note.(note); ok {
		attrs = append(attrs, n.SpanAttributes()...)
	}
	for i, kv := range attrs {
		attrs[i] = text.Attribute(kv)
	}
	return attrs
}

// called calls the user's function of attributes.
func (o *Observer) called(ctx context.Context, fn func(context.Context, core.Op) []attribute.KeyValue, op core.Op) (attrs []attribute.KeyValue) {
	returned := false
	defer func() {
		if !returned {
			attrs = nil
			p := contain.Recovered("AttributesFunc", recover())
			o.Event(ctx, core.Event{Kind: core.EventPanic, Name: "AttributesFunc", Op: op, Err: p})
			o.settings.logPanic(ctx, p)
		}
	}()
	attrs = slices.Clone(fn(ctx, op))
	returned = true
	return attrs
}

// logPanic logs the first panic of the user's function of attributes: it may panic for
// each operation.
func (s *settings) logPanic(ctx context.Context, p *contain.Panic) {
	s.panicked.Do(func() {
		s.logger.LogAttrs(ctx, slog.LevelError, "penstock: the function of attributes panicked, and more of its panics are only counted",
			slog.String("pool", s.poolName), slog.Any("error", p), slog.String("stack", string(p.Stack())))
	})
}

// ours are the attributes that the span of an operation or of an attempt has from the
// start. A user's attribute must not replace them at the end.
var ours = func() map[attribute.Key]bool {
	set := map[attribute.Key]bool{}
	for _, key := range []attribute.Key{
		attrSystem, attrOperation, attrCollection, attrNamespace, attrAddress, attrPort, attrPoolName, attrPeerService, attrPeerName,
		attrHedge, attrAttempt, attrRetryDelay,
	} {
		set[key] = true
	}
	return set
}()

// noted returns the series for an operation that ends with a note.
func (o *Observer) noted(s *series, scope *core.Scope) *series {
	n, ok := scope.Note.(note)
	if !ok {
		return s
	}
	kv := n.MetricAttribute()
	if !kv.Valid() {
		return s
	}
	key := variant{kv.Key, kv.Value.AsString()}
	if v, ok := s.variants.get(key); ok {
		return v
	}
	v, ok := s.variants.add(key, func() *series { return s.with(kv) })
	if !ok {
		return s
	}
	return v
}

// variant is an attribute that a note adds to the metrics of an operation.
type variant struct {
	key   attribute.Key
	value string
}

// with returns the series with one attribute more.
func (s *series) with(kv attribute.KeyValue) *series {
	v := &series{
		operation: s.operation, pace: s.pace, base: append(slices.Clip(s.base), text.Attribute(kv)),
		failures: s.failures, folded: s.folded, full: s.full,
	}
	return v.prepared()
}

// returned measures the rows of an operation that succeeded.
func (o *Observer) returned(ctx context.Context, s *core.Scope, series *series) {
	if o.inst.returnedRows == nil || !o.inst.returnedRows.Enabled(ctx) {
		return
	}
	if n, ok := s.Note.(note); ok {
		if rows, ok := n.ReturnedRows(); ok {
			o.inst.returnedRows.Record(ctx, rows, series.success...)
		}
	}
}
