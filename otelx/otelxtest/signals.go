// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock/internal/contract"
)

// Spans checks spans that have ended, with their events and links.
func (c *Checker) Spans(spans ...sdktrace.ReadOnlySpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range spans {
		if c.checks(span.InstrumentationScope().Name) {
			c.span(span)
		}
	}
}

func (c *Checker) span(span sdktrace.ReadOnlySpan) {
	s := c.registry.Span(span.Name(), span.SpanKind().String())
	if s == nil {
		if !c.allows(span.Name()) {
			c.findings.add("missing_span", "span "+span.Name(), "no registry defines a span of this name and kind %s", span.SpanKind())
		}
		return
	}
	c.see(s)
	c.text(signalItem(s), "the name", span.Name(), maxSpanName)
	c.text(signalItem(s), "the description of the status", span.Status().Description, maxText)
	c.attributes(s, span.Attributes(), false)
	for _, e := range span.Events() {
		c.event(e)
	}
	for _, l := range span.Links() {
		c.link(s, l.Attributes)
	}
}

// see notes that the signal was emitted.
func (c *Checker) see(s *contract.Signal) {
	if s.Deprecated != "" && !s.Mark.Keep {
		c.findings.add("deprecated", signalItem(s), "it is deprecated: %s", s.Deprecated)
	}
	c.seen[signalItem(s)] = true
}

func (c *Checker) event(e sdktrace.Event) {
	c.text("event "+e.Name, "the name", e.Name, maxText)
	s := c.registry.Signals[contract.Event][e.Name]
	if s == nil {
		if !c.allows(e.Name) {
			c.findings.add("missing_event", "event "+e.Name, "no registry defines it: define it in one, or allow it")
		}
		return
	}
	c.see(s)
	c.attributes(s, e.Attributes, false)
}

// link checks a link. A link has one attribute, the reason of the link.
func (c *Checker) link(s *contract.Signal, kvs []attribute.KeyValue) {
	for _, kv := range kvs {
		c.strings(signalItem(s), kv)
		switch value := kv.Value.String(); {
		case string(kv.Key) != linkKey:
			c.stranger(signalItem(s), string(kv.Key))
		case !slices.Contains(s.Mark.Links, value):
			c.findings.add("undefined_enum_variant", signalItem(s), "%s is %.80q, want one of %q", linkKey, value, s.Mark.Links)
		default:
			c.seen[valueItem(linkKey, value)] = true
		}
	}
}

// Metrics checks metrics that were collected.
func (c *Checker) Metrics(metrics metricdata.ResourceMetrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, scope := range metrics.ScopeMetrics {
		if !c.checks(scope.Scope.Name) {
			continue
		}
		for _, m := range scope.Metrics {
			c.metric(m)
		}
	}
}

func (c *Checker) metric(m metricdata.Metrics) {
	name := "metric " + m.Name
	c.text(name, "the name", m.Name, maxText)
	c.text(name, "the description", m.Description, 4*maxText)
	s := c.registry.Signals[contract.Metric][m.Name]
	if s == nil || !s.Emitted() && s.Deprecated == "" {
		if !c.allows(m.Name) {
			c.findings.add("missing_metric", name, "no registry defines it: define it in one, or allow it")
		}
		return
	}
	instrument, points := series(m.Data)
	if instrument != s.Instrument {
		c.findings.add("unexpected_instrument", name, "its instrument is %s, want %s", instrument, s.Instrument)
	}
	if m.Unit != s.Unit {
		c.findings.add("unit_mismatch", name, "its unit is %q, want %q", m.Unit, s.Unit)
	}
	if s.Deprecated != "" {
		c.findings.add("deprecated", name, "it is deprecated: %s", s.Deprecated)
	}
	for _, p := range points {
		if !p.empty() {
			c.seen[signalItem(s)] = true
		}
		if s.Emitted() {
			c.attributes(s, p.attributes, p.empty())
		}
	}
}

// point is a data point of any kind of metric.
type point struct {
	attributes []attribute.KeyValue
	histogram  bool
	count      uint64  // of a histogram
	value      float64 // the sum of a histogram
	monotonic  bool
}

// empty returns whether nothing was measured: the series is there for its zero.
func (p point) empty() bool {
	return p.histogram && p.count == 0 || p.monotonic && p.value == 0
}

// series returns the instrument of a metric, as Weaver calls it, and its points.
func series(data metricdata.Aggregation) (instrument string, points []point) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		return sum(d)
	case metricdata.Sum[float64]:
		return sum(d)
	case metricdata.Gauge[int64]:
		return "gauge", numbers(d.DataPoints, false)
	case metricdata.Gauge[float64]:
		return "gauge", numbers(d.DataPoints, false)
	case metricdata.Histogram[int64]:
		return "histogram", buckets(d)
	case metricdata.Histogram[float64]:
		return "histogram", buckets(d)
	case metricdata.ExponentialHistogram[int64]:
		return "histogram", exponential(d)
	case metricdata.ExponentialHistogram[float64]:
		return "histogram", exponential(d)
	}
	return "summary", nil
}

func sum[N int64 | float64](d metricdata.Sum[N]) (string, []point) {
	if d.IsMonotonic {
		return "counter", numbers(d.DataPoints, true)
	}
	return "updowncounter", numbers(d.DataPoints, false)
}

func numbers[N int64 | float64](data []metricdata.DataPoint[N], monotonic bool) (points []point) {
	for _, p := range data {
		points = append(points, point{attributes: p.Attributes.ToSlice(), value: float64(p.Value), monotonic: monotonic})
	}
	return points
}

func buckets[N int64 | float64](d metricdata.Histogram[N]) (points []point) {
	for _, p := range d.DataPoints {
		points = append(points, point{attributes: p.Attributes.ToSlice(), histogram: true, count: p.Count, value: float64(p.Sum)})
	}
	return points
}

func exponential[N int64 | float64](d metricdata.ExponentialHistogram[N]) (points []point) {
	for _, p := range d.DataPoints {
		points = append(points, point{attributes: p.Attributes.ToSlice(), histogram: true, count: p.Count, value: float64(p.Sum)})
	}
	return points
}

// label writes attributes as one text.
func label(kvs []attribute.KeyValue) string {
	var parts []string
	for _, kv := range kvs {
		parts = append(parts, string(kv.Key)+"="+kv.Value.String())
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}
