// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/text"
)

// Limits of the cache and of the number of series.
const (
	maxOperations  = 2000 // descriptions in the cache; an operation beyond the limit makes its own each time
	maxNames       = 100  // names of operations in metrics
	maxCollections = 100  // collections in metrics
	maxErrors      = 64   // pairs of error type and code for each series
)

// opKey identifies an operation in telemetry.
type opKey struct{ name, target string }

// description has the parts of an operation's telemetry that are the same each
// time. It is made once for each operation.
type description struct {
	spanName    string
	attemptName string
	start       []trace.SpanStartOption
	series      *series
}

// series has the attributes of one operation's measurements: one set for
// successes, and one for each kind of error.
type series struct {
	operation string // name in metrics: its own, or _OTHER
	base      []attribute.KeyValue
	success   []metric.RecordOption
	errors    table[kind, *ending]
	pace      *pace // of the operations that are not sampled; the variants share it
	failures  *failures
	folded    []*fold                 // what measurements of this series are folded by; nil for most
	full      *fold                   // counts the kinds of errors beyond the limit
	variants  table[variant, *series] // the same with one attribute more, see noted
	hedged    atomic.Bool             // penstock.hedges has the zeros of the operation
}

// kind is a kind of error in telemetry.
type kind struct {
	errorType, code string
	answered        bool // an answer of the backend and no failure
}

// ending has the attributes of the operations that end with one kind of error.
type ending struct {
	kind
	seen     atomic.Bool // an operation that was not sampled ended with it
	record   []metric.RecordOption
	failures *late // nil for an answer, and without a meter
	folded   *fold // nil unless the kind is beyond the limit
}

// descriptions is the cache of descriptions and of their series.
type descriptions struct {
	settings    *settings
	ops         table[opKey, *description]
	series      table[opKey, *series]
	names       values
	collections values
	failures    *failures
	overflow    *overflow
}

func newDescriptions(s *settings, f *failures, o *overflow) *descriptions {
	d := &descriptions{settings: s, failures: f, overflow: o}
	d.ops.limit = maxOperations
	d.series.limit = (maxNames + 1) * (maxCollections + 2) // all combinations, with _OTHER and "no collection"
	d.names.limit = maxNames
	d.collections.limit = maxCollections
	return d
}

// of returns the description of op.
func (d *descriptions) of(op core.Op) *description {
	key := opKey{op.Name, op.Target}
	if len(op.Name) > text.Max || len(op.Target) > text.Max {
		key = key.clean() // the cache must not keep strings of any length
	}
	if known, ok := d.ops.get(key); ok {
		return known
	}
	described, ok := d.ops.add(key, func() *description { return d.describe(key) })
	if !ok {
		described = d.describe(key)
	}
	return described
}

func (k opKey) clean() opKey { return opKey{text.Clean(k.name), text.Clean(k.target)} }

func (d *descriptions) describe(key opKey) *description {
	key = key.clean()
	kvs := append([]attribute.KeyValue(nil), d.settings.attributes...)
	kvs = append(kvs, d.operation(key)...)
	if d.settings.poolName != "" {
		kvs = append(kvs, attrPoolName.String(d.settings.poolName))
	}
	series := d.bounded(key)
	if len(series.folded) > 0 {
		kvs = append(kvs, attrTelemetryAttribute.String(string(series.folded[0].attribute)))
	}
	if d.settings.peer != "" {
		kvs = append(kvs, attrPeerService.String(d.settings.peer), attrPeerName.String(d.settings.peer))
	}
	set := attribute.NewSet(kvs...) // of two attributes with one key it keeps the last, which is ours

	return &description{
		spanName:    d.spanName(key),
		attemptName: key.name + spanAttemptSuffix,
		start:       []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(set.ToSlice()...)},
		series:      series,
	}
}

// measured returns the series of op. An operation that the cache has no room for makes
// no description: without a span it needs none, and allocates nothing.
func (d *descriptions) measured(op core.Op) *series {
	if !d.ops.full() {
		return d.of(op).series
	}
	key := opKey{op.Name, op.Target}
	if known, ok := d.ops.get(key); ok {
		return known.series
	}
	return d.bounded(key.clean())
}

// bounded returns the series of the operation with the clean key.
func (d *descriptions) bounded(key opKey) *series {
	key.name = d.names.bound(key.name)
	if key.target != "" {
		key.target = d.collections.bound(key.target)
	}
	if s, ok := d.series.get(key); ok {
		return s
	}
	bounded := key // key itself would be on the heap, for the function below
	s, _ := d.series.add(bounded, func() *series { return d.newSeries(bounded) })
	return s
}

// operation returns the attributes that the span and the metrics of an operation
// share.
func (d *descriptions) operation(key opKey) []attribute.KeyValue {
	kvs := []attribute.KeyValue{attrSystem.String(d.settings.system)}
	if key.name != "" {
		kvs = append(kvs, attrOperation.String(key.name))
	}
	if key.target != "" {
		kvs = append(kvs, attrCollection.String(key.target))
	}
	if d.settings.namespace != "" {
		kvs = append(kvs, attrNamespace.String(d.settings.namespace))
	}
	return append(kvs, d.settings.server()...)
}

// spanName returns the name that the semantic conventions ask for: the operation
// and the most specific target that is known.
func (d *descriptions) spanName(key opKey) string {
	target := key.target
	if target == "" {
		target = d.settings.namespace
	}
	if target == "" && d.settings.address != "" {
		target = d.settings.hostPort()
	}
	switch {
	case key.name == "" && target == "":
		return d.settings.system
	case key.name == "":
		return target
	case target == "":
		return key.name
	}
	return key.name + " " + target
}

func (d *descriptions) newSeries(key opKey) *series {
	// The conventions have no name of the pool here. Without it the durations of two
	// clients of one server would be in one series.
	s := &series{
		operation: key.name, pace: new(pace), base: append(d.operation(key), pooled(d.settings.poolName)...),
		failures: d.failures, full: d.overflow.of(attrErrorType),
	}
	if key.name == other {
		s.folded = append(s.folded, d.overflow.of(attrOperation))
	}
	if key.target == other {
		s.folded = append(s.folded, d.overflow.of(attrCollection))
	}
	d.failures.start(key.name)
	return s.prepared()
}

// prepared fills in what follows from the base.
func (s *series) prepared() *series {
	s.variants.limit = maxVariants
	s.success = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(s.base...))}
	s.errors.limit = maxErrors
	return s
}

// of returns the attributes for err. Beyond the limit every error gets the same
// ones.
func (s *series) of(err error, answered bool) *ending {
	key := kindOf(err, answered)
	if e, ok := s.errors.get(key); ok {
		return e
	}
	e, ok := s.errors.add(key, func() *ending { return s.newEnding(key) })
	if !ok {
		e = s.newEnding(kind{errorType: other, answered: answered})
		e.folded = s.full
	}
	return e
}

// isNew reports whether this is the first operation of its series that was not sampled
// and ended with e. Endings beyond the limit are never new.
func (e *ending) isNew() bool {
	return e.folded == nil && !e.seen.Load() && e.seen.CompareAndSwap(false, true)
}

// isNew reports whether this is the first operation that was not sampled of all that an
// attribute folds.
func (s *series) isNew() bool {
	for _, f := range s.folded {
		if f != nil && !f.seen.Load() && f.seen.CompareAndSwap(false, true) {
			return true
		}
	}
	return false
}

func (s *series) newEnding(key kind) *ending {
	set := attribute.NewSet(append(key.attributes(), s.base...)...)
	e := &ending{kind: key, record: []metric.RecordOption{metric.WithAttributeSet(set)}}
	if !key.answered {
		e.failures = s.failures.of(s.operation, key.errorType)
	}
	return e
}

// count counts a measurement of the series that ended with e; nil is a success.
func (s *series) count(ctx context.Context, e *ending) {
	for _, f := range s.folded {
		f.add(ctx)
	}
	if e == nil {
		return
	}
	e.failures.add()
	e.folded.add(ctx)
}

// kindOf returns the kind of err.
func kindOf(err error, answered bool) kind {
	return kind{text.Clean(core.ErrorType(err)), text.Clean(statusCode(err)), answered}
}

func (k kind) attributes() []attribute.KeyValue {
	key := attrErrorType
	if k.answered {
		key = attrAnswer
	}
	kvs := []attribute.KeyValue{key.String(k.errorType)}
	if k.code != "" {
		kvs = append(kvs, attrStatusCode.String(k.code))
	}
	return kvs
}

// mark sets the attributes of a span that ended with err, with more of them, and its
// status if that is a failure.
func (k kind) mark(span trace.Span, err error, more ...attribute.KeyValue) {
	span.SetAttributes(append(k.attributes(), more...)...)
	if !k.answered {
		span.SetStatus(codes.Error, statusText(err, k.errorType))
	}
}

// statusCode returns the backend's code in err, "" if err has none.
func statusCode(err error) string {
	coded, ok := errors.AsType[interface {
		error
		ResponseStatusCode() string
	}](err)
	if !ok {
		return ""
	}
	return coded.ResponseStatusCode()
}

// statusText returns the text of err for the status of a span, without the error
// type that it may begin with.
func statusText(err error, errorType string) string {
	description := err.Error()
	if description == errorType {
		return ""
	}
	return text.Clean(strings.TrimPrefix(description, errorType+": "))
}
