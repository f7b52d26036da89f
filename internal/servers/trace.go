// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"fmt"
	"slices"
	"time"
)

// Trace is a trace as Jaeger returns it.
type Trace struct {
	ID    string
	Spans []Span // by start time
}

// Named returns the spans with that name, by start time.
func (t *Trace) Named(name string) []Span {
	var named []Span
	for _, s := range t.Spans {
		if s.Name == name {
			named = append(named, s)
		}
	}
	return named
}

// Children returns the children of the span with that id, by start time. The id ""
// stands for the roots.
func (t *Trace) Children(spanID string) []Span {
	var children []Span
	for _, s := range t.Spans {
		if s.Parent() == spanID {
			children = append(children, s)
		}
	}
	return children
}

// Span is a span as Jaeger returns it. Its tags are the attributes of OpenTelemetry,
// and also its kind and status ("span.kind", "otel.status_code",
// "otel.status_description", "error").
type Span struct {
	TraceID    string
	ID         string
	Name       string
	Service    string
	References []Reference
	Start      time.Time
	Duration   time.Duration
	Tags       []Tag
	Resource   []Tag // attributes of the resource, without service.name
	Events     []Event
}

// Reference points to the parent span (Type "CHILD_OF") or to a linked span
// ("FOLLOWS_FROM").
type Reference struct {
	Type    string
	TraceID string
	SpanID  string
}

// Tag is a key and the text of its value: numbers as Jaeger writes them, lists as
// JSON.
type Tag struct {
	Key   string
	Value string
}

// Event is an event of a span.
type Event struct {
	Name string
	Time time.Time
	Tags []Tag
}

// Parent returns the id of the parent span; "" for a root.
func (s Span) Parent() string {
	for _, r := range s.References {
		if r.Type == "CHILD_OF" && r.TraceID == s.TraceID {
			return r.SpanID
		}
	}
	return ""
}

// Tag returns the value of the tag; "" if there is none.
func (s Span) Tag(key string) string { return value(s.Tags, key) }

// Event returns the first event with that name.
func (s Span) Event(name string) (Event, bool) {
	i := slices.IndexFunc(s.Events, func(e Event) bool { return e.Name == name })
	if i < 0 {
		return Event{}, false
	}
	return s.Events[i], true
}

// Tag returns the value of the tag; "" if there is none.
func (e Event) Tag(key string) string { return value(e.Tags, key) }

func value(tags []Tag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// traceJSON is the answer of /api/traces/{id}.
type traceJSON struct {
	Data []struct {
		TraceID string `json:"traceID"`
		Spans   []struct {
			TraceID       string `json:"traceID"`
			SpanID        string `json:"spanID"`
			OperationName string `json:"operationName"`
			References    []struct {
				RefType string `json:"refType"`
				TraceID string `json:"traceID"`
				SpanID  string `json:"spanID"`
			} `json:"references"`
			StartTime int64     `json:"startTime"` // microseconds
			Duration  int64     `json:"duration"`  // microseconds
			Tags      []tagJSON `json:"tags"`
			Logs      []struct {
				Timestamp int64     `json:"timestamp"` // microseconds
				Fields    []tagJSON `json:"fields"`
			} `json:"logs"`
			ProcessID string `json:"processID"`
		} `json:"spans"`
		Processes map[string]struct {
			ServiceName string    `json:"serviceName"`
			Tags        []tagJSON `json:"tags"`
		} `json:"processes"`
	} `json:"data"`
}

type tagJSON struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

func (a *traceJSON) trace() *Trace {
	trace := &Trace{}
	for _, data := range a.Data {
		trace.ID = data.TraceID
		for _, from := range data.Spans {
			process := data.Processes[from.ProcessID]
			span := Span{
				TraceID:  from.TraceID,
				ID:       from.SpanID,
				Name:     from.OperationName,
				Service:  process.ServiceName,
				Start:    time.UnixMicro(from.StartTime),
				Duration: time.Duration(from.Duration) * time.Microsecond,
				Tags:     tags(from.Tags),
				Resource: tags(process.Tags),
			}
			for _, r := range from.References {
				span.References = append(span.References, Reference{Type: r.RefType, TraceID: r.TraceID, SpanID: r.SpanID})
			}
			for _, log := range from.Logs {
				event := Event{Time: time.UnixMicro(log.Timestamp)}
				// Jaeger keeps the name of an event as one of its fields.
				for _, t := range tags(log.Fields) {
					if t.Key == "event" && event.Name == "" {
						event.Name = t.Value
					} else {
						event.Tags = append(event.Tags, t)
					}
				}
				span.Events = append(span.Events, event)
			}
			trace.Spans = append(trace.Spans, span)
		}
	}
	slices.SortStableFunc(trace.Spans, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return trace
}

func tags(from []tagJSON) []Tag {
	var to []Tag
	for _, t := range from {
		to = append(to, Tag{Key: t.Key, Value: fmt.Sprint(t.Value)})
	}
	return to
}
