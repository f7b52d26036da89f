// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// SpansFromOTLP returns the spans of a message of OTLP as those of the SDK.
func SpansFromOTLP(resources []*tracepb.ResourceSpans) []sdktrace.ReadOnlySpan {
	var stubs tracetest.SpanStubs
	for _, rs := range resources {
		of := resource.NewSchemaless(attributesOf(rs.GetResource().GetAttributes())...)
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				stub := stubOf(s)
				stub.Resource, stub.InstrumentationScope = of, scopeOf(ss.GetScope(), ss.GetSchemaUrl())
				stubs = append(stubs, stub)
			}
		}
	}
	return stubs.Snapshots()
}

func stubOf(s *tracepb.Span) tracetest.SpanStub {
	stub := tracetest.SpanStub{
		Name:              s.GetName(),
		SpanContext:       contextOf(s.GetTraceId(), s.GetSpanId(), s.GetFlags(), s.GetTraceState()),
		SpanKind:          trace.SpanKind(s.GetKind()), // both count from internal, which is 1
		StartTime:         timeOf(s.GetStartTimeUnixNano()),
		EndTime:           timeOf(s.GetEndTimeUnixNano()),
		Attributes:        attributesOf(s.GetAttributes()),
		DroppedAttributes: int(s.GetDroppedAttributesCount()),
		DroppedEvents:     int(s.GetDroppedEventsCount()),
		DroppedLinks:      int(s.GetDroppedLinksCount()),
	}
	if len(s.GetParentSpanId()) > 0 {
		stub.Parent = contextOf(s.GetTraceId(), s.GetParentSpanId(), 0, "")
	}
	stub.Status = sdktrace.Status{Code: statusCodes[s.GetStatus().GetCode()], Description: s.GetStatus().GetMessage()}
	for _, e := range s.GetEvents() {
		stub.Events = append(stub.Events, sdktrace.Event{Name: e.GetName(), Time: timeOf(e.GetTimeUnixNano()), Attributes: attributesOf(e.GetAttributes())})
	}
	for _, l := range s.GetLinks() {
		stub.Links = append(stub.Links, sdktrace.Link{
			SpanContext: contextOf(l.GetTraceId(), l.GetSpanId(), l.GetFlags(), l.GetTraceState()), Attributes: attributesOf(l.GetAttributes()),
		})
	}
	return stub
}

var statusCodes = map[tracepb.Status_StatusCode]codes.Code{
	tracepb.Status_STATUS_CODE_UNSET: codes.Unset,
	tracepb.Status_STATUS_CODE_OK:    codes.Ok,
	tracepb.Status_STATUS_CODE_ERROR: codes.Error,
}

func contextOf(traceID, spanID []byte, flags uint32, state string) trace.SpanContext {
	cfg := trace.SpanContextConfig{TraceFlags: trace.TraceFlags(flags)} // the upper bits are not of the context
	copy(cfg.TraceID[:], traceID)
	copy(cfg.SpanID[:], spanID)
	cfg.TraceState, _ = trace.ParseTraceState(state)
	return trace.NewSpanContext(cfg)
}

func timeOf(nanos uint64) time.Time { return time.Unix(0, int64(nanos)) }

func scopeOf(s *commonpb.InstrumentationScope, schema string) instrumentation.Scope {
	return instrumentation.Scope{
		Name: s.GetName(), Version: s.GetVersion(), SchemaURL: schema, Attributes: attribute.NewSet(attributesOf(s.GetAttributes())...),
	}
}

func attributesOf(kvs []*commonpb.KeyValue) (attributes []attribute.KeyValue) {
	for _, kv := range kvs {
		attributes = append(attributes, attribute.KeyValue{Key: attribute.Key(kv.GetKey()), Value: valueOf(kv.GetValue())})
	}
	return attributes
}

// valueOf returns a value. A list has the type of its first element; of other kinds
// than the SDK's the text is returned.
func valueOf(v *commonpb.AnyValue) attribute.Value {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return attribute.StringValue(v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return attribute.BoolValue(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return attribute.Int64Value(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return attribute.Float64Value(v.DoubleValue)
	case *commonpb.AnyValue_ArrayValue:
		return listOf(v.ArrayValue.GetValues())
	}
	return attribute.StringValue(v.String())
}

func listOf(values []*commonpb.AnyValue) attribute.Value {
	if len(values) == 0 {
		return attribute.StringSliceValue(nil)
	}
	switch values[0].GetValue().(type) {
	case *commonpb.AnyValue_BoolValue:
		return attribute.BoolSliceValue(each(values, (*commonpb.AnyValue).GetBoolValue))
	case *commonpb.AnyValue_IntValue:
		return attribute.Int64SliceValue(each(values, (*commonpb.AnyValue).GetIntValue))
	case *commonpb.AnyValue_DoubleValue:
		return attribute.Float64SliceValue(each(values, (*commonpb.AnyValue).GetDoubleValue))
	}
	return attribute.StringSliceValue(each(values, (*commonpb.AnyValue).GetStringValue))
}

func each[E, V any](list []E, of func(E) V) []V {
	values := make([]V, len(list))
	for i, e := range list {
		values[i] = of(e)
	}
	return values
}

// MetricsFromOTLP returns the metrics of a message of OTLP as those of the SDK, an
// element for each resource. Summaries are left out: the SDK has none.
func MetricsFromOTLP(resources []*metricspb.ResourceMetrics) []metricdata.ResourceMetrics {
	var all []metricdata.ResourceMetrics
	for _, rm := range resources {
		one := metricdata.ResourceMetrics{Resource: resource.NewSchemaless(attributesOf(rm.GetResource().GetAttributes())...)}
		for _, sm := range rm.GetScopeMetrics() {
			scope := metricdata.ScopeMetrics{Scope: scopeOf(sm.GetScope(), sm.GetSchemaUrl())}
			for _, m := range sm.GetMetrics() {
				if data := aggregationOf(m); data != nil {
					scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: m.GetName(), Description: m.GetDescription(), Unit: m.GetUnit(), Data: data})
				}
			}
			one.ScopeMetrics = append(one.ScopeMetrics, scope)
		}
		all = append(all, one)
	}
	return all
}

func aggregationOf(m *metricspb.Metric) metricdata.Aggregation {
	switch d := m.GetData().(type) {
	case *metricspb.Metric_Gauge:
		return metricdata.Gauge[float64]{DataPoints: each(d.Gauge.GetDataPoints(), numberOf)}
	case *metricspb.Metric_Sum:
		return metricdata.Sum[float64]{
			DataPoints: each(d.Sum.GetDataPoints(), numberOf), Temporality: temporalityOf(d.Sum.GetAggregationTemporality()), IsMonotonic: d.Sum.GetIsMonotonic(),
		}
	case *metricspb.Metric_Histogram:
		return metricdata.Histogram[float64]{
			DataPoints: each(d.Histogram.GetDataPoints(), histogramOf), Temporality: temporalityOf(d.Histogram.GetAggregationTemporality()),
		}
	case *metricspb.Metric_ExponentialHistogram:
		return metricdata.ExponentialHistogram[float64]{
			DataPoints:  each(d.ExponentialHistogram.GetDataPoints(), exponentialOf),
			Temporality: temporalityOf(d.ExponentialHistogram.GetAggregationTemporality()),
		}
	}
	return nil
}

func temporalityOf(t metricspb.AggregationTemporality) metricdata.Temporality {
	if t == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA {
		return metricdata.DeltaTemporality
	}
	return metricdata.CumulativeTemporality
}

func numberOf(p *metricspb.NumberDataPoint) metricdata.DataPoint[float64] {
	value := p.GetAsDouble()
	if i, ok := p.GetValue().(*metricspb.NumberDataPoint_AsInt); ok {
		value = float64(i.AsInt)
	}
	return metricdata.DataPoint[float64]{
		Attributes: attribute.NewSet(attributesOf(p.GetAttributes())...), StartTime: timeOf(p.GetStartTimeUnixNano()), Time: timeOf(p.GetTimeUnixNano()), Value: value,
	}
}

func histogramOf(p *metricspb.HistogramDataPoint) metricdata.HistogramDataPoint[float64] {
	return metricdata.HistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attributesOf(p.GetAttributes())...), StartTime: timeOf(p.GetStartTimeUnixNano()), Time: timeOf(p.GetTimeUnixNano()),
		Count: p.GetCount(), Sum: p.GetSum(), Bounds: p.GetExplicitBounds(), BucketCounts: p.GetBucketCounts(),
	}
}

func exponentialOf(p *metricspb.ExponentialHistogramDataPoint) metricdata.ExponentialHistogramDataPoint[float64] {
	return metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attributesOf(p.GetAttributes())...), StartTime: timeOf(p.GetStartTimeUnixNano()), Time: timeOf(p.GetTimeUnixNano()),
		Count: p.GetCount(), Sum: p.GetSum(), Scale: p.GetScale(), ZeroCount: p.GetZeroCount(), ZeroThreshold: p.GetZeroThreshold(),
	}
}
