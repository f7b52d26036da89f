// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"errors"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
)

// Limits of what is kept and of what becomes a series.
const (
	maxOperations  = 2000 // descriptions kept; those beyond are made anew each time
	maxNames       = 100  // of operations, in metrics
	maxCollections = 100  // in metrics
	maxErrors      = 64   // error types per series
	maxDescription = 256  // runes of a span's status
)

// opKey is what tells operations apart in telemetry.
type opKey struct{ name, target string }

// description is all that can be known of an operation beforehand.
type description struct {
	spanName    string
	attemptName string
	start       []trace.SpanStartOption
	series      *series
}

// series are the measurements of one operation: those of successes and, for
// each kind, those of failures.
type series struct {
	operation string // as metrics call it
	base      []attribute.KeyValue
	success   []metric.RecordOption
	failures  table[failureKey, *failure]
}

type failureKey struct{ errorType, code string }

// failure is how one kind of failure of an operation looks.
type failure struct {
	failureKey
	record []metric.RecordOption
}

// descriptions makes descriptions and keeps them.
type descriptions struct {
	settings    *settings
	ops         table[opKey, *description]
	series      table[opKey, *series]
	names       values
	collections values
}

func newDescriptions(s *settings) *descriptions {
	d := &descriptions{settings: s}
	d.ops.limit = maxOperations
	d.series.limit = (maxNames + 1) * (maxCollections + 2) // never full: _OTHER and none count too
	d.names.limit = maxNames
	d.collections.limit = maxCollections
	return d
}

// of returns the description of op.
func (d *descriptions) of(op core.Op) *description {
	key := opKey{op.Name, op.Target}
	if known, ok := d.ops.get(key); ok {
		return known
	}
	described, ok := d.ops.add(key, func() *description { return d.describe(key) })
	if !ok {
		described = d.describe(key)
	}
	return described
}

func (d *descriptions) describe(key opKey) *description {
	kvs := append([]attribute.KeyValue(nil), d.settings.attributes...)
	kvs = append(kvs, d.operation(key)...)
	if d.settings.poolName != "" {
		kvs = append(kvs, AttrPoolName.String(d.settings.poolName))
	}
	if d.settings.peer != "" {
		kvs = append(kvs, AttrPeerService.String(d.settings.peer), AttrPeerName.String(d.settings.peer))
	}
	set := attribute.NewSet(kvs...) // each key once, ours before the user's

	bounded := key
	bounded.name = d.names.bound(key.name)
	if key.target != "" {
		bounded.target = d.collections.bound(key.target)
	}
	s, _ := d.series.add(bounded, func() *series { return d.newSeries(bounded) })
	return &description{
		spanName:    d.spanName(key),
		attemptName: key.name + SpanAttemptSuffix,
		start:       []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(set.ToSlice()...)},
		series:      s,
	}
}

// operation returns the attributes that spans and metrics have in common.
func (d *descriptions) operation(key opKey) []attribute.KeyValue {
	kvs := []attribute.KeyValue{AttrSystem.String(d.settings.system)}
	if key.name != "" {
		kvs = append(kvs, AttrOperation.String(key.name))
	}
	if key.target != "" {
		kvs = append(kvs, AttrCollection.String(key.target))
	}
	if d.settings.namespace != "" {
		kvs = append(kvs, AttrNamespace.String(d.settings.namespace))
	}
	return append(kvs, d.settings.server()...)
}

// spanName follows the semantic conventions: the operation and the most
// specific target that is known.
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
	s := &series{operation: key.name, base: d.operation(key)}
	s.success = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(s.base...))}
	s.failures.limit = maxErrors
	return s
}

// failure returns how err looks. Beyond the limit all errors look the same.
func (s *series) failure(err error) *failure {
	key := failureKey{core.ErrorType(err), statusCode(err)}
	if f, ok := s.failures.get(key); ok {
		return f
	}
	f, ok := s.failures.add(key, func() *failure { return s.newFailure(key) })
	if !ok {
		f = s.newFailure(failureKey{errorType: other})
	}
	return f
}

func (s *series) newFailure(key failureKey) *failure {
	set := attribute.NewSet(append(key.attributes(), s.base...)...)
	return &failure{key, []metric.RecordOption{metric.WithAttributeSet(set)}}
}

func (k failureKey) attributes() []attribute.KeyValue {
	kvs := []attribute.KeyValue{AttrErrorType.String(k.errorType)}
	if k.code != "" {
		kvs = append(kvs, AttrStatusCode.String(k.code))
	}
	return kvs
}

// mark makes span one that failed with err.
func (k failureKey) mark(span trace.Span, err error) {
	span.SetAttributes(k.attributes()...)
	span.SetStatus(codes.Error, statusText(err, k.errorType))
}

// failureOf returns how err looks outside the operations.
func failureOf(err error) failureKey { return failureKey{core.ErrorType(err), statusCode(err)} }

// statusCode returns the code that the backend answered with, "" if err does
// not tell.
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

// statusText returns what a span's status says of err: not what error.type
// says already, not too long, and nothing that an exporter refuses.
func statusText(err error, errorType string) string {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if text == errorType {
		return ""
	}
	text = strings.TrimPrefix(text, errorType+": ")
	if utf8.RuneCountInString(text) <= maxDescription {
		return text
	}
	n := 0
	for i := range text {
		if n++; n == maxDescription {
			return text[:i] + "…"
		}
	}
	return text
}
