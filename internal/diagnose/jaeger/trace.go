// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"slices"
	"time"
)

// Trace is what Jaeger has of a trace.
type Trace struct {
	ID    string
	Spans []Span // in the order of their begin
}

// Span is one span.
type Span struct {
	ID, Parent string // Parent is empty at the root
	Service    string
	Name       string
	Begin      time.Time
	Duration   time.Duration
	// Tags are the attributes, and what Jaeger makes of the rest of a span: span.kind,
	// otel.status_code, otel.status_description, error. A number is a float64.
	Tags   map[string]any
	Events []Event
	Links  []Link
}

// Event is an event of a span. Its name is the tag "event".
type Event struct {
	Time time.Time
	Tags map[string]any
}

// Link leads to another span. Jaeger does not keep the attributes of a link.
type Link struct{ Trace, Span string }

// Text returns a tag that is a text, "" if there is none.
func (s *Span) Text(tag string) string {
	text, _ := s.Tags[tag].(string)
	return text
}

// Number returns a tag that is a number. ok is false if there is none.
func (s *Span) Number(tag string) (n float64, ok bool) {
	n, ok = s.Tags[tag].(float64)
	return n, ok
}

// Name returns the name of the event.
func (e *Event) Name() string {
	name, _ := e.Tags["event"].(string)
	return name
}

type traceJSON struct {
	TraceID   string     `json:"traceID"`
	Spans     []spanJSON `json:"spans"`
	Processes map[string]struct {
		Service string `json:"serviceName"`
	} `json:"processes"`
}

type spanJSON struct {
	TraceID    string    `json:"traceID"`
	SpanID     string    `json:"spanID"`
	Name       string    `json:"operationName"`
	Begin      int64     `json:"startTime"` // µs
	Duration   int64     `json:"duration"`  // µs
	Process    string    `json:"processID"`
	Tags       []tagJSON `json:"tags"`
	References []struct {
		Kind  string `json:"refType"`
		Trace string `json:"traceID"`
		Span  string `json:"spanID"`
	} `json:"references"`
	Logs []struct {
		Time   int64     `json:"timestamp"` // µs
		Fields []tagJSON `json:"fields"`
	} `json:"logs"`
}

type tagJSON struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

func tags(from []tagJSON) map[string]any {
	m := make(map[string]any, len(from))
	for _, t := range from {
		m[t.Key] = t.Value
	}
	return m
}

func (t *traceJSON) trace() Trace {
	trace := Trace{ID: t.TraceID, Spans: make([]Span, len(t.Spans))}
	for i, s := range t.Spans {
		span := Span{
			ID: s.SpanID, Service: t.Processes[s.Process].Service, Name: s.Name,
			Begin: time.UnixMicro(s.Begin), Duration: time.Duration(s.Duration) * time.Microsecond, Tags: tags(s.Tags),
		}
		for _, r := range s.References {
			if r.Kind == "CHILD_OF" && r.Trace == t.TraceID && span.Parent == "" {
				span.Parent = r.Span
			} else {
				span.Links = append(span.Links, Link{r.Trace, r.Span})
			}
		}
		for _, l := range s.Logs {
			span.Events = append(span.Events, Event{time.UnixMicro(l.Time), tags(l.Fields)})
		}
		trace.Spans[i] = span
	}
	slices.SortStableFunc(trace.Spans, func(a, b Span) int { return a.Begin.Compare(b.Begin) })
	return trace
}
