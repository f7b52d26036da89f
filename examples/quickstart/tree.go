// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// recorder is a span processor that keeps the spans of the process for printing.
// Another processor exports them.
type recorder struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

func (r *recorder) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (r *recorder) Shutdown(context.Context) error                  { return nil }
func (r *recorder) ForceFlush(context.Context) error                { return nil }

func (r *recorder) OnEnd(s sdktrace.ReadOnlySpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s)
}

// find returns the first span of a search for which match holds, without the first
// skip spans; nil if there is none.
func (r *recorder) find(skip int, match func(sdktrace.ReadOnlySpan) bool) sdktrace.ReadOnlySpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans[skip:] {
		if s.SpanKind() == trace.SpanKindClient && s.Name() == opSearch.Name+" "+opSearch.Target && match(s) {
			return s
		}
	}
	return nil
}

func (r *recorder) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.spans)
}

// children returns the spans directly below parent, the earliest first.
func (r *recorder) children(parent trace.SpanContext) []sdktrace.ReadOnlySpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []sdktrace.ReadOnlySpan
	for _, s := range r.spans {
		if s.Parent().TraceID() == parent.TraceID() && s.Parent().SpanID() == parent.SpanID() {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return found
}

// printTree writes span and the spans below it.
func (r *recorder) printTree(w io.Writer, span sdktrace.ReadOnlySpan) {
	r.printSpan(w, span, "  ", "  ")
}

func (r *recorder) printSpan(w io.Writer, s sdktrace.ReadOnlySpan, first, rest string) {
	status := ""
	if s.Status().Code == codes.Error {
		status = "  ERROR " + s.Status().Description
	}
	fmt.Fprintf(w, "%s%s  [%s, %v]%s\n", first, s.Name(), s.SpanKind(), s.EndTime().Sub(s.StartTime()).Round(time.Microsecond), status)
	children := r.children(s.SpanContext())
	bar := "   "
	if len(children) > 0 {
		bar = "│  "
	}
	for _, line := range attributes(s.Attributes()) {
		fmt.Fprintf(w, "%s%s%s\n", rest, bar, line)
	}
	for _, e := range s.Events() {
		fmt.Fprintf(w, "%s%s* %s: %s\n", rest, bar, e.Name, strings.Join(attributes(e.Attributes), " "))
	}
	for _, l := range s.Links() {
		fmt.Fprintf(w, "%s%s-> %s, span %s of trace %s\n", rest, bar, strings.Join(attributes(l.Attributes), " "), l.SpanContext.SpanID(), l.SpanContext.TraceID())
	}
	for i, child := range children {
		if i == len(children)-1 {
			r.printSpan(w, child, rest+"└─ ", rest+"   ")
		} else {
			r.printSpan(w, child, rest+"├─ ", rest+"│  ")
		}
	}
}

// lineWidth is the greatest width of a line of attributes.
const lineWidth = 90

// attributes returns kvs as lines of text.
func attributes(kvs []attribute.KeyValue) []string {
	kvs = slices.Clone(kvs)
	slices.SortFunc(kvs, func(a, b attribute.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	var lines []string
	for _, kv := range kvs {
		part := string(kv.Key) + "=" + kv.Value.String()
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(part) <= lineWidth {
			lines[last] += " " + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}
