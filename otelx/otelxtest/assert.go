// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Span is what a test expects of a span.
type Span struct {
	// Name is the name of the span.
	Name string

	// Kind is the kind of the span. Zero is any kind.
	Kind trace.SpanKind

	// Failed says whether the status of the span is Error.
	Failed bool

	// Parent is the name of the parent. Empty is any parent, or none.
	Parent string

	// Attributes are attributes that the span has, among others.
	Attributes []attribute.KeyValue

	// Absent are keys of attributes that the span does not have.
	Absent []attribute.Key

	// Events are the names of all events of the span, in their order. Nil is any.
	Events []string
}

// AssertSpan returns the first of spans that is as want says. If there is none, it
// fails t at once, with what differs and the tree of the spans.
func AssertSpan(t testing.TB, spans []sdktrace.ReadOnlySpan, want Span) sdktrace.ReadOnlySpan {
	t.Helper()
	f := newForest(spans)
	var faults []string
	for _, s := range spans {
		if s.Name() != want.Name {
			continue
		}
		fault := want.fault(f, s)
		if fault == "" {
			return s
		}
		faults = append(faults, fault)
	}
	if len(faults) == 0 {
		faults = append(faults, "there is none")
	}
	t.Fatalf("span %q: %s; the spans are\n%s", want.Name, strings.Join(faults, "; another one: "), Tree(spans, TreeConfig{}))
	return nil
}

// fault returns how s differs, "" if it does not.
func (want Span) fault(f *forest, s sdktrace.ReadOnlySpan) string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if want.Kind != 0 && s.SpanKind() != want.Kind {
		fault("its kind is %s, want %s", s.SpanKind(), want.Kind)
	}
	if failed := s.Status().Code == codes.Error; failed != want.Failed {
		fault("its status is %s %q, want failed to be %v", s.Status().Code, s.Status().Description, want.Failed)
	}
	if want.Parent != "" {
		parent := "none that is here"
		if p := f.spans[s.Parent().SpanID()]; p != nil {
			parent = p.Name()
		}
		if parent != want.Parent {
			fault("its parent is %s, want %s", parent, want.Parent)
		}
	}
	for _, kv := range want.Attributes {
		if got, ok := value(s.Attributes(), kv.Key); !ok {
			fault("it has no %s, want %s", kv.Key, kv.Value.String())
		} else if got != kv.Value {
			fault("its %s is %s (%s), want %s (%s)", kv.Key, got.String(), got.Type(), kv.Value.String(), kv.Value.Type())
		}
	}
	for _, key := range want.Absent {
		if got, ok := value(s.Attributes(), key); ok {
			fault("its %s is %s, want none", key, got.String())
		}
	}
	var events []string
	for _, e := range s.Events() {
		events = append(events, e.Name)
	}
	if want.Events != nil && !slices.Equal(events, want.Events) {
		fault("its events are %q, want %q", events, want.Events)
	}
	return strings.Join(faults, ", ")
}

func value(kvs []attribute.KeyValue, key attribute.Key) (attribute.Value, bool) {
	at := slices.IndexFunc(kvs, func(kv attribute.KeyValue) bool { return kv.Key == key })
	if at < 0 {
		return attribute.Value{}, false
	}
	return kvs[at].Value, true
}

// Metric is what a test expects of a metric.
type Metric struct {
	// Name is the name of the metric.
	Name string

	// Attributes choose the series that have these attributes, among others. Nil
	// chooses all series of the metric.
	Attributes []attribute.KeyValue

	// Value is the sum of the values of the chosen series. Of a histogram it is the
	// number of measurements.
	Value float64
}

// AssertMetric fails t unless the metric has that value, with the series that there
// are. A metric that is not there, or none of whose series is chosen, fails t even if
// want is zero.
func AssertMetric(t testing.TB, metrics metricdata.ResourceMetrics, want Metric) {
	t.Helper()
	var names, all []string
	var got float64
	chosen := 0
	for _, scope := range metrics.ScopeMetrics {
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
			if m.Name != want.Name {
				continue
			}
			_, points := series(m.Data)
			for _, p := range points {
				all = append(all, fmt.Sprintf("%s %v", label(p.attributes), p.number()))
				if p.has(want.Attributes) {
					got += p.number()
					chosen++
				}
			}
		}
	}
	slices.Sort(all)
	switch {
	case len(all) == 0:
		t.Errorf("there is no metric %s, want %v; the metrics are %q", want.Name, want.Value, names)
	case chosen == 0:
		t.Errorf("%s has no series with %s, want %v; the series are\n%s", want.Name, label(want.Attributes), want.Value, strings.Join(all, "\n"))
	case got != want.Value:
		t.Errorf("%s%s is %v, want %v; the series are\n%s", want.Name, label(want.Attributes), got, want.Value, strings.Join(all, "\n"))
	}
}

// number is the value of the point. Of a histogram it is the number of measurements.
func (p point) number() float64 {
	if p.histogram {
		return float64(p.count)
	}
	return p.value
}

// has returns whether the point has all of kvs.
func (p point) has(kvs []attribute.KeyValue) bool {
	for _, kv := range kvs {
		if got, ok := value(p.attributes, kv.Key); !ok || got != kv.Value {
			return false
		}
	}
	return true
}
