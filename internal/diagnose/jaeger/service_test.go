// SPDX-License-Identifier: Apache-2.0

package jaeger_test

import (
	"fmt"
	"maps"
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
	"github.com/penstock-go/penstock/internal/diagnose/jaeger"
)

// tags are attributes of a span or an event.
type tags map[string]any

// service writes the traces of a service that does 20 operations a second for 20
// seconds: searches in two collections, queries and inserts. Each takes about 10 ms.
type service struct {
	begin  time.Time
	traces []jaeger.Trace
	n      int
}

const (
	seconds = 20
	broken  = 8 // a second of the window, after its calm quarter
	usual   = 10 * time.Millisecond
)

func newService() *service { return &service{begin: time.Unix(1_700_000_000, 0)} }

// diagnosis is that of the whole window.
func (s *service) diagnosis() diagnosis.Verdict {
	return jaeger.Diagnosis(s.traces, s.begin, s.begin.Add(seconds*time.Second))
}

// at returns an instant of the window.
func (s *service) at(second float64) time.Time {
	return s.begin.Add(time.Duration(second * float64(time.Second)))
}

// op is one operation. The zero value is a search that succeeds.
type op struct {
	name, target string
	took         time.Duration
	tags         tags
	events       []tags // with the tag "event"
	attempts     []tags // after the first
	twice        bool   // in the trace of the operation before
}

// do writes an operation.
func (s *service) do(second float64, o op) {
	s.n++
	if o.name == "" {
		o.name = "Search"
	}
	if o.target == "" {
		o.target = "docs"
	}
	if o.took == 0 {
		o.took = usual
	}
	if !o.twice {
		s.traces = append(s.traces, jaeger.Trace{ID: fmt.Sprintf("%032x", s.n)})
	}
	t := &s.traces[len(s.traces)-1]
	id := fmt.Sprintf("%016x", s.n)
	span := jaeger.Span{ID: id, Parent: "caller", Name: o.name + " " + o.target, Begin: s.at(second), Duration: o.took, Tags: map[string]any{
		"otel.scope.name": "github.com/penstock-go/penstock/otelx", "span.kind": "client",
		"db.operation.name": o.name, "db.collection.name": o.target, "penstock.connection.number": float64(s.n%4 + 1),
	}}
	maps.Copy(span.Tags, o.tags)
	for _, e := range o.events {
		span.Events = append(span.Events, jaeger.Event{Time: span.Begin, Tags: e})
	}
	t.Spans = append(t.Spans, span)
	for i, a := range o.attempts {
		all := map[string]any{"otel.scope.name": span.Tags["otel.scope.name"], "span.kind": "internal", "penstock.attempt": float64(i + 2)}
		maps.Copy(all, a)
		t.Spans = append(t.Spans, jaeger.Span{ID: fmt.Sprintf("%s-%d", id, i), Parent: id, Name: o.name + " attempt", Begin: span.Begin.Add(time.Millisecond), Duration: usual, Tags: all})
	}
}

// dial writes a pool.connect.
func (s *service) dial(second float64, took time.Duration, t tags) {
	s.n++
	all := tags{"otel.scope.name": "github.com/penstock-go/penstock/otelx", "span.kind": "internal"}
	maps.Copy(all, t)
	s.traces = append(s.traces, jaeger.Trace{ID: fmt.Sprintf("%032x", s.n), Spans: []jaeger.Span{
		{ID: fmt.Sprintf("%016x", s.n), Name: "pool.connect", Begin: s.at(second), Duration: took, Tags: all},
	}})
}

// mix is what the callers ask for, in turn.
var mix = []op{{}, {target: "faces"}, {}, {name: "Query"}, {}, {target: "faces"}, {name: "Insert", target: "faces"}, {}}

// load writes operations from one second to another, 20 in each. change may change the
// i-th; if it returns false, the operation is not written.
func (s *service) load(from, to float64, change func(i int, o *op) bool) {
	for i := range int((to - from) * 20) {
		o := mix[i%len(mix)]
		o.tags = tags{}
		o.took = usual + time.Duration(i%5)*time.Millisecond
		if o.name == "" || o.name == "Query" {
			o.tags["milvus.consistency_level"] = "Bounded"
		}
		if change == nil || change(i, &o) {
			s.do(from+float64(i)/20, o)
		}
	}
}

// well writes the healthy beginning.
func (s *service) well() *service {
	s.load(0, broken, nil)
	return s
}

// all changes every operation from the fault on.
func (s *service) all(change func(i int, o *op)) *service {
	s.load(broken, seconds, func(i int, o *op) bool { change(i, o); return true })
	return s
}

// fails ends an operation with an error.
func (o *op) fails(kind, text string, more ...tags) {
	o.tags["error.type"], o.tags["otel.status_description"] = kind, text
	for _, m := range more {
		maps.Copy(o.tags, m)
	}
}

// refused ends an operation that a stage refuses.
func (o *op) refused(kind, text string, more ...tags) {
	o.took = 50 * time.Microsecond
	o.tags["penstock.connection.number"] = nil // none
	o.fails(kind, text, more...)
}

// recovers makes the first attempt fail.
func (o *op) recovers(kind, text string) {
	o.tags["penstock.retry.outcome"] = "recovered"
	o.events = append(o.events, tags{"event": "penstock.retry", "error.type": kind, "penstock.error.message": text, "penstock.attempt": float64(1)})
	o.attempts = append(o.attempts, tags{})
}
