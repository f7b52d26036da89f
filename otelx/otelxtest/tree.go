// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TreeConfig says what a tree shows. The zero value shows everything but times.
type TreeConfig struct {
	// Attributes are the keys of the attributes that are shown, in this order. A key
	// that ends in ".*" stands for all keys below. Nil shows all, sorted.
	Attributes []string

	// Times shows when a span began, counted from the begin of its trace, and how long
	// it was, in whole microseconds. In a testing/synctest bubble the times are the same in each run.
	Times bool

	// Width is the greatest width of the attributes of a span in a line of their own, for
	// people to read. Zero writes a line for each attribute, so that a golden file shows
	// which one has changed.
	Width int
}

// Tree writes spans as text, a line for each span, attribute, event and link, with
// children below their parents:
//
//	Search docs [client] error: segment not loaded
//	    error.type=65535
//	    * penstock.retry {error.type=65535, penstock.attempt=1, penstock.retry.delay=1}
//	  Search attempt [internal]
//	      penstock.attempt=2
//	pool.connect [internal]
//	    -> Search docs {penstock.link=needed_by}
//
// Ids are left out: a link names the span that it leads to. Spans are ordered by
// their begin, then by their name, so that the text of a test is the same in each run.
func Tree(spans []sdktrace.ReadOnlySpan, cfg TreeConfig) string {
	f := newForest(spans)
	w := treeWriter{cfg: cfg, forest: f}
	for _, root := range f.roots {
		w.begin = root.StartTime()
		w.span(root, 0)
	}
	return w.text.String()
}

// forest has spans by their ids.
type forest struct {
	spans    map[trace.SpanID]sdktrace.ReadOnlySpan
	children map[trace.SpanID][]sdktrace.ReadOnlySpan
	roots    []sdktrace.ReadOnlySpan // without a parent, or with one that is not there
}

func newForest(spans []sdktrace.ReadOnlySpan) *forest {
	f := &forest{spans: map[trace.SpanID]sdktrace.ReadOnlySpan{}, children: map[trace.SpanID][]sdktrace.ReadOnlySpan{}}
	for _, s := range spans {
		f.spans[s.SpanContext().SpanID()] = s
	}
	sorted := slices.SortedStableFunc(slices.Values(spans), func(a, b sdktrace.ReadOnlySpan) int {
		return cmp.Or(a.StartTime().Compare(b.StartTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, s := range sorted {
		if parent := s.Parent().SpanID(); f.spans[parent] != nil {
			f.children[parent] = append(f.children[parent], s)
		} else {
			f.roots = append(f.roots, s)
		}
	}
	return f
}

type treeWriter struct {
	cfg    TreeConfig
	forest *forest
	begin  time.Time // of the trace
	text   strings.Builder
}

func (w *treeWriter) line(depth int, format string, args ...any) {
	fmt.Fprintf(&w.text, strings.Repeat("  ", depth)+format+"\n", args...)
}

func (w *treeWriter) span(s sdktrace.ReadOnlySpan, depth int) {
	w.line(depth, "%s [%s]%s%s", s.Name(), s.SpanKind(), status(s), w.times(s))
	for _, line := range w.lines(w.chosen(s.Attributes())) {
		w.line(depth+2, "%s", line)
	}
	for _, e := range s.Events() {
		w.line(depth+2, "* %s%s%s", e.Name, w.braced(e.Attributes), w.at(e.Time))
	}
	for _, l := range s.Links() {
		w.line(depth+2, "-> %s%s", w.target(l.SpanContext), w.braced(l.Attributes))
	}
	for _, child := range w.forest.children[s.SpanContext().SpanID()] {
		w.span(child, depth+1)
	}
}

// lines writes attributes, as many in a line as its width allows.
func (w *treeWriter) lines(kvs []attribute.KeyValue) (lines []string) {
	for _, kv := range kvs {
		part := string(kv.Key) + "=" + kv.Value.String()
		if last := len(lines) - 1; last >= 0 && len(lines[last])+len(" ")+len(part) <= w.cfg.Width {
			lines[last] += " " + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}

func status(s sdktrace.ReadOnlySpan) string {
	switch s.Status().Code {
	case codes.Error:
		return strings.TrimSuffix(" error: "+s.Status().Description, ": ")
	case codes.Ok:
		return " ok"
	}
	return ""
}

func (w *treeWriter) times(s sdktrace.ReadOnlySpan) string {
	if !w.cfg.Times {
		return ""
	}
	return fmt.Sprintf("%s for %v", w.at(s.StartTime()), s.EndTime().Sub(s.StartTime()).Round(time.Microsecond))
}

func (w *treeWriter) at(t time.Time) string {
	if !w.cfg.Times {
		return ""
	}
	return fmt.Sprintf(" +%v", t.Sub(w.begin).Round(time.Microsecond))
}

// target names the span that a link leads to.
func (w *treeWriter) target(sc trace.SpanContext) string {
	if s := w.forest.spans[sc.SpanID()]; s != nil {
		return s.Name()
	}
	return "(a span that is not here)"
}

func (w *treeWriter) braced(kvs []attribute.KeyValue) string {
	if kvs = w.chosen(kvs); len(kvs) == 0 {
		return ""
	}
	return " " + label(kvs)
}

// chosen returns the attributes that are shown, in their order.
func (w *treeWriter) chosen(kvs []attribute.KeyValue) (chosen []attribute.KeyValue) {
	sorted := slices.SortedFunc(slices.Values(kvs), func(a, b attribute.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	if w.cfg.Attributes == nil {
		return sorted
	}
	for _, pattern := range w.cfg.Attributes {
		for _, kv := range sorted {
			if namedBy(pattern, string(kv.Key)) && !slices.Contains(chosen, kv) {
				chosen = append(chosen, kv)
			}
		}
	}
	return chosen
}

// namedBy returns whether the pattern is the name, or stands for all names below a
// name and ends in ".*".
func namedBy(pattern, name string) bool {
	below, tree := strings.CutSuffix(pattern, "*")
	return name == pattern || tree && strings.HasSuffix(below, ".") && strings.HasPrefix(name, below)
}
