// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

func TestOneHistogramHoldsSuccessesAndFailures(t *testing.T) {
	h := newHarness(t, standard()...)
	for range 3 {
		h.operation(t.Context(), search, succeed)
	}
	h.operation(t.Context(), search, failWith(errBackend))
	h.operation(t.Context(), core.Op{Name: "Flush"}, failWith(context.DeadlineExceeded))

	base := attrs{
		"db.system.name": "vectordb", "db.operation.name": "Search", "db.collection.name": "docs", "db.namespace": "library",
		"server.address": "db.internal", "server.port": int64(19531), "db.client.connection.pool.name": "main",
	}
	failed := attrs{"error.type": "65535", "db.response.status_code": "65535"}
	for k, v := range base {
		failed[k] = v
	}
	flush := attrs{
		"db.system.name": "vectordb", "db.operation.name": "Flush", "db.namespace": "library",
		"server.address": "db.internal", "server.port": int64(19531), "db.client.connection.pool.name": "main", "error.type": "deadline_exceeded",
	}
	points := h.histogram("db.client.operation.duration")
	if len(points) != 3 {
		t.Fatalf("%d series, want 3", len(points))
	}
	for _, want := range []struct {
		attrs attrs
		count uint64
	}{{base, 3}, {failed, 1}, {flush, 1}} {
		if !slices.ContainsFunc(points, func(p metricdata.HistogramDataPoint[float64]) bool {
			return p.Count == want.count && reflect.DeepEqual(asMap(p.Attributes.ToSlice()), want.attrs)
		}) {
			t.Errorf("no series %v with %d measurements in %v", want.attrs, want.count, points)
		}
	}
}

func TestCollectionsBeyondTheLimitShareOneSeries(t *testing.T) {
	h := newHarness(t)
	const n = 5000 // more than there are descriptions kept
	for i := range n {
		h.operation(t.Context(), core.Op{Name: "Search", Target: fmt.Sprintf("tenant_%d", i)}, succeed)
	}
	points := h.histogram("db.client.operation.duration")
	if len(points) != 101 {
		t.Errorf("%d series, want 101", len(points))
	}
	for _, p := range points {
		if v, _ := p.Attributes.Value("db.collection.name"); v.AsString() == "_OTHER" && p.Count != n-100 {
			t.Errorf("_OTHER has %d measurements, want %d", p.Count, n-100)
		}
	}
	if last := h.spans.Ended()[n-1]; asMap(last.Attributes())["db.collection.name"] != fmt.Sprintf("tenant_%d", n-1) {
		t.Errorf("span %q has not its own collection: %v", last.Name(), last.Attributes())
	}
}

func TestOperationNamesBeyondTheLimitShareOneSeries(t *testing.T) {
	h := newHarness(t)
	for i := range 150 {
		h.operation(t.Context(), core.Op{Name: fmt.Sprintf("Op%d", i)}, succeed)
	}
	if points := h.histogram("db.client.operation.duration"); len(points) != 101 {
		t.Errorf("%d series, want 101", len(points))
	}
}

func TestErrorTypesBeyondTheLimitShareOneSeries(t *testing.T) {
	h := newHarness(t)
	for i := range 200 {
		code := fmt.Sprint(i)
		h.operation(t.Context(), search, func(ctx context.Context) error {
			err := typedError{code, code, "no"}
			h.within(ctx, core.Scope{Kind: core.ScopeAttempt, Op: search, Attempt: 2, Cause: err}, succeed)
			return err
		})
	}
	if points := h.histogram("db.client.operation.duration"); len(points) != 65 {
		t.Errorf("%d series, want 65", len(points))
	}
	if points := h.sum("penstock.retries"); len(points) != 65 {
		t.Errorf("%d series of retries, want 65", len(points))
	}
	if got := asMap(h.spans.Ended()[399].Attributes())["error.type"]; got != "_OTHER" {
		t.Errorf("error.type of the span is %v, not what the series says", got)
	}
}

func TestOtherLabelsAreBoundedToo(t *testing.T) {
	emitted.NamesOnly(t)
	h := newHarness(t, standard()...)
	for i := range 1000 {
		h.Event(t.Context(), core.Event{Kind: core.EventTransition, Name: fmt.Sprint(i), From: "closed", To: "open"})
	}
	if points := h.sum("penstock.circuit_breaker.transitions"); len(points) != 501 {
		t.Errorf("%d series, want 501", len(points))
	}
}

func TestPoolIsReadWhenCollectedUntilOnceAfterClose(t *testing.T) {
	h := newHarness(t, standard()...)
	stats := pool.Stats{
		Max: 10, Min: 2, Idle: 3, InUse: 4, Waiters: 5, Timeouts: 6,
		Places: 20, InFlight: 9, Leaks: 10, Canceled: 11, Stuck: 12, Leaving: 13, Closing: 14,
		Failures: []uint64{0, 15}, Validations: 20, Invalid: map[string]uint64{"dead": 1, "UNAVAILABLE": 2},
		Closed: map[pool.CloseReason]uint64{pool.CloseDead: 7, pool.CloseShutdown: 8},
	}
	if err := h.RegisterPool("pool-1", func() pool.Stats { return stats }); err != nil {
		t.Fatal(err)
	}

	name := attribute.String("db.client.connection.pool.name", "pool-1")
	point := func(v int64, kvs ...attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(append(kvs, name)...), Value: v}
	}
	want := map[string]metricdata.Sum[int64]{
		"db.client.connection.count":            {DataPoints: []metricdata.DataPoint[int64]{point(3, attribute.String("db.client.connection.state", "idle")), point(4, attribute.String("db.client.connection.state", "used"))}},
		"db.client.connection.idle.max":         {DataPoints: []metricdata.DataPoint[int64]{point(10)}},
		"db.client.connection.idle.min":         {DataPoints: []metricdata.DataPoint[int64]{point(2)}},
		"db.client.connection.max":              {DataPoints: []metricdata.DataPoint[int64]{point(10)}},
		"db.client.connection.pending_requests": {DataPoints: []metricdata.DataPoint[int64]{point(5)}},
		"db.client.connection.timeouts":         {IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{point(6)}},
		"penstock.pool.connections.closed": {IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{
			point(7, attribute.String("penstock.close.reason", "dead")), point(8, attribute.String("penstock.close.reason", "shutdown"))}},
		"penstock.pool.leases.active":       {DataPoints: []metricdata.DataPoint[int64]{point(9)}},
		"penstock.pool.leases.remaining":    {DataPoints: []metricdata.DataPoint[int64]{point(11)}},
		"penstock.pool.leases.leaked":       {IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{point(10)}},
		"penstock.pool.waits.canceled":      {IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{point(11)}},
		"penstock.pool.calls.stuck":         {DataPoints: []metricdata.DataPoint[int64]{point(12)}},
		"penstock.pool.connections.leaving": {DataPoints: []metricdata.DataPoint[int64]{point(27)}},
		"penstock.pool.connection.failures": {IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{
			point(0, attribute.Int("penstock.connection.number", 1)), point(15, attribute.Int("penstock.connection.number", 2))}},
		"penstock.pool.validations": {IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{
			point(17), point(1, attribute.String("error.type", "dead")), point(2, attribute.String("error.type", "UNAVAILABLE"))}},
	}
	expect := func() {
		t.Helper()
		got := h.metrics()
		if len(got) != len(want) {
			t.Errorf("%d metrics, want %d", len(got), len(want))
		}
		for metric, sum := range want {
			sum.Temporality = metricdata.CumulativeTemporality
			metricdatatest.AssertAggregationsEqual(t, sum, got[metric].Data, metricdatatest.IgnoreTimestamp())
		}
	}
	expect()

	for range 2 {
		if err := h.Close(t.Context()); err != nil {
			t.Fatalf("Close = %v", err)
		}
	}
	stats = pool.Stats{} // not read any more
	for _, room := range []string{"idle.max", "idle.min", "max"} {
		want["db.client.connection."+room] = metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{point(0)}}
	}
	want["penstock.pool.leases.remaining"] = metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{point(0)}}
	expect()
	if got := h.metrics(); len(got) != 0 {
		t.Errorf("after the last figures there are still %d metrics", len(got))
	}
}

func TestAClosedPoolGivesWayToOneOfTheSameName(t *testing.T) {
	h := newHarness(t)
	if err := h.RegisterPool("p", func() pool.Stats { return pool.Stats{Max: 1} }); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, err := otelx.NewObserver(otelx.WithMeterProvider(h.mp))
	if err != nil {
		t.Fatal(err)
	}
	if err := next.RegisterPool("p", func() pool.Stats { return pool.Stats{Max: 2} }); err != nil {
		t.Fatalf("RegisterPool = %v", err)
	}
	for range 2 {
		if points := h.sum("db.client.connection.max"); len(points) != 1 || points[0].Value != 2 {
			t.Errorf("db.client.connection.max = %v, want that of the new pool", points)
		}
	}
}

func TestPoolCannotBeRegisteredTwiceNorLate(t *testing.T) {
	h := newHarness(t)
	stats := func() pool.Stats { return pool.Stats{} }
	if err := h.RegisterPool("p", stats); err != nil {
		t.Fatal(err)
	}
	if err := h.RegisterPool("q", stats); err != nil {
		t.Errorf("RegisterPool of another = %v", err)
	}
	if h.RegisterPool("p", stats) == nil || h.RegisterPool("", stats) == nil || h.RegisterPool("r", nil) == nil {
		t.Error("RegisterPool = nil for a name used already, no name, or no stats")
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.RegisterPool("s", stats) == nil {
		t.Error("RegisterPool = nil after Close")
	}
}

// An application without telemetry has the global provider, and may run several times in
// one process.
func TestANameIsFreeWhileNothingReadsTheProvider(t *testing.T) {
	for name, meters := range map[string]metric.MeterProvider{
		"the global one": otel.GetMeterProvider(), "without a reader": sdkmetric.NewMeterProvider(),
	} {
		for range 2 {
			o, err := otelx.NewObserver(otelx.WithMeterProvider(meters))
			if err != nil {
				t.Fatal(err)
			}
			if err := o.RegisterPool("free", func() pool.Stats { return pool.Stats{} }); err != nil {
				t.Errorf("%s: RegisterPool = %v", name, err)
			}
			defer o.Close(t.Context())
		}
	}
}

// The registry of pools must not keep a provider that nothing collects from any more.
func TestAClosedPoolIsForgottenWithoutACollection(t *testing.T) {
	for name, options := range map[string][]sdkmetric.Option{
		"no reader": nil, "nobody collects": {sdkmetric.WithReader(sdkmetric.NewManualReader())},
	} {
		synctest.Test(t, func(t *testing.T) {
			o, err := otelx.NewObserver(otelx.WithMeterProvider(sdkmetric.NewMeterProvider(options...)))
			if err != nil {
				t.Fatal(err)
			}
			if err := o.RegisterPool("forgotten", func() pool.Stats { return pool.Stats{} }); err != nil {
				t.Fatal(err)
			}
			if err := o.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if n := otelx.RegisteredPools("forgotten"); n != 0 {
				t.Errorf("%s: %d pools are kept", name, n)
			}
		})
	}
}

func TestTwoObserversOfOneProviderCannotRegisterOneName(t *testing.T) {
	stats := func() pool.Stats { return pool.Stats{} }
	provider := func() *sdkmetric.MeterProvider {
		return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	}
	mp, other := provider(), provider()
	observer := func(meters metric.MeterProvider) *otelx.Observer {
		o, err := otelx.NewObserver(otelx.WithMeterProvider(meters))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first, second := observer(mp), observer(mp)
	if err := first.RegisterPool("p", stats); err != nil {
		t.Fatal(err)
	}
	const want = `otelx: pool "p" is registered already with this meter provider: give each client's pool a name of its own (pool.Config.Name), or close the other client first`
	if err := second.RegisterPool("p", stats); err == nil || err.Error() != want {
		t.Errorf("RegisterPool = %v, want %s", err, want)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := observer(mp).RegisterPool("p", stats); err == nil {
		t.Error("the close of one observer took away the name of another")
	}
	if err := observer(other).RegisterPool("p", stats); err != nil {
		t.Errorf("RegisterPool with another provider = %v", err)
	}
	if err := observer(nil).RegisterPool("p", stats); err != nil {
		t.Errorf("RegisterPool without a provider = %v", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := observer(mp).RegisterPool("p", stats); err != nil {
		t.Errorf("RegisterPool after the close of the other = %v", err)
	}
}

func TestSuccessIsMeasuredWithoutAllocation(t *testing.T) {
	h := newSampledHarness(t, sdktrace.NeverSample(), standard()...)
	metricsOnly, err := otelx.NewObserver(append(standard(), otelx.WithMeterProvider(h.mp))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, s := t.Context(), core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now()}
	measure := func(err error) float64 {
		return testing.AllocsPerRun(1000, func() {
			metricsOnly.End(metricsOnly.Begin(ctx, s), s, err)
		})
	}
	if n := measure(nil); n != 0 {
		t.Errorf("a success costs %v allocations, want 0", n)
	}
	if n := measure(core.ErrPanic); n > 1 {
		t.Errorf("a failure costs %v allocations, want at most 1", n)
	}
}

func TestSpanCostsOneAllocationMoreThanByHand(t *testing.T) {
	h := newHarness(t, standard()...)
	b := newByHand(h)
	ctx, s := t.Context(), core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now()}
	hand := testing.AllocsPerRun(200, func() { b.run(ctx) })
	ours := testing.AllocsPerRun(200, func() { h.End(h.Begin(ctx, s), s, nil) })
	if ours > hand+1 {
		t.Errorf("an operation costs %v allocations, by hand %v", ours, hand)
	}
}

func TestObserverIsSafeForConcurrentUse(t *testing.T) {
	emitted.NamesOnly(t)
	h := newHarness(t, standard()...)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				op := core.Op{Name: "Search", Target: fmt.Sprint(i)}
				err := typedError{errorType: fmt.Sprint(i % 100)}
				h.operation(context.Background(), op, func(ctx context.Context) error {
					h.Event(ctx, core.Event{Kind: core.EventRetry, Op: op, Err: err})
					h.Event(ctx, core.Event{Kind: core.EventTransition, Name: fmt.Sprint(g), Ref: h.Ref(ctx, core.Scope{})})
					h.within(ctx, core.Scope{Kind: core.ScopeAttempt, Op: op, Attempt: 2}, failWith(err))
					return err
				})
			}
		})
	}
	wg.Wait()
	if got, want := len(h.spans.Ended()), 8*200*2; got != want {
		t.Errorf("%d spans, want %d", got, want)
	}
}
