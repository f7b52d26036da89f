// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx"
)

// register registers figures under the name that standard gives.
func (h *harness) register(f otelx.Figures) {
	h.t.Helper()
	if err := h.RegisterFigures("main", func() otelx.Figures { return f }); err != nil {
		h.t.Fatal(err)
	}
}

// values returns the value of each series of the metrics, by the name of the metric and
// the values of the attributes other than the pool's name.
func values(metrics map[string]metricdata.Metrics, names ...string) map[string]float64 {
	found := map[string]float64{}
	for _, name := range names {
		key := func(set attribute.Set) string {
			parts := []string{strings.TrimPrefix(name, "penstock.")}
			for _, kv := range set.ToSlice() {
				if kv.Key != "db.client.connection.pool.name" {
					parts = append(parts, kv.Value.String())
				} else if kv.Value.AsString() != "main" {
					parts = append(parts, "pool "+kv.Value.AsString())
				}
			}
			return strings.Join(parts, " ")
		}
		switch data := metrics[name].Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				found[key(p.Attributes)] = float64(p.Value)
			}
		case metricdata.Gauge[float64]:
			for _, p := range data.DataPoints {
				found[key(p.Attributes)] = p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				found[key(p.Attributes)] = p.Sum
			}
		case metricdata.Histogram[int64]:
			for _, p := range data.DataPoints {
				found[key(p.Attributes)] = float64(p.Sum)
			}
		}
	}
	return found
}

var figureMetrics = []string{
	"penstock.circuit_breaker.state", "penstock.circuit_breaker.recovery_timeout", "penstock.health.status",
	"penstock.retry.budget.remaining", "penstock.timeout.limit", "penstock.bulkhead.running", "penstock.bulkhead.waiting",
	"penstock.bulkhead.limit", "penstock.bulkhead.operations", "penstock.ratelimit.limit", "penstock.ratelimit.operations",
	"penstock.async.running", "penstock.async.limit", "penstock.async.rejected", "penstock.fallbacks",
	"penstock.configuration.generation", "penstock.configuration.changes",
}

func wantValues(t *testing.T, when string, got, want map[string]float64) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s:\n%v, want\n%v", when, got, want)
	}
}

func TestFiguresAreReadWhenCollectedUntilOnceAfterClose(t *testing.T) {
	h := newHarness(t, standard()...)
	figures := everyFigure
	if err := h.RegisterFigures("main", func() otelx.Figures { return figures }); err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{
		"circuit_breaker.state breaker closed": 0, "circuit_breaker.state breaker open": 1, "circuit_breaker.state breaker half_open": 0,
		"circuit_breaker.state breaker forced_open": 0, "circuit_breaker.state breaker forced_closed": 0, "circuit_breaker.state breaker disabled": 0,
		"circuit_breaker.recovery_timeout breaker": 30, "health.status": 1, "retry.budget.remaining": 9.5,
		"timeout.limit attempt": 10, "timeout.limit operation": 60,
		"bulkhead.running": 3, "bulkhead.waiting": 2, "bulkhead.limit": 10, "bulkhead.operations admitted": 40, "bulkhead.operations rejected": 4,
		"ratelimit.limit": 100, "ratelimit.operations admitted": 50, "ratelimit.operations rejected": 5,
		"async.running": 1, "async.limit": 20, "async.rejected": 6, "fallbacks Search": 0, // a late series
		"configuration.generation": 3, "configuration.changes applied": 2, "configuration.changes refused": 1,
	}
	wantValues(t, "at first", values(h.metrics(), figureMetrics...), all)
	figures.Up, all["health.status"], all["fallbacks Search"] = new(false), 0, 7
	wantValues(t, "with the gate shut", values(h.metrics(), figureMetrics...), all)

	for range 2 {
		if err := h.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	figures = otelx.Figures{} // not read any more
	wantValues(t, "after Close", values(h.metrics(), figureMetrics...), map[string]float64{
		"bulkhead.running": 3, "bulkhead.waiting": 0, "bulkhead.limit": 0, "bulkhead.operations admitted": 40, "bulkhead.operations rejected": 4,
		"ratelimit.operations admitted": 50, "ratelimit.operations rejected": 5,
		"async.running": 1, "async.limit": 0, "async.rejected": 6, "fallbacks Search": 7,
		"configuration.changes applied": 2, "configuration.changes refused": 1,
	})
	wantValues(t, "after the last figures", values(h.metrics(), figureMetrics...), map[string]float64{})
}

func TestWhatAClientHasNotIsNotReported(t *testing.T) {
	h := newHarness(t, standard()...)
	h.register(otelx.Figures{Async: &otelx.AsyncFigures{Running: 2, Limit: core.Unlimited}})
	wantValues(t, "without stages", values(h.metrics(), figureMetrics...), map[string]float64{"async.running": 2, "async.rejected": 0})
}

func TestFiguresCannotBeRegisteredTwiceNorLate(t *testing.T) {
	h := newHarness(t)
	read := func() otelx.Figures { return otelx.Figures{} }
	h.register(otelx.Figures{})
	other, err := otelx.NewObserver(otelx.WithMeterProvider(h.mp))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []*otelx.Observer{h.Observer, other} {
		if err := o.RegisterFigures("main", read); err == nil || !strings.Contains(err.Error(), "pool.Config.Name") {
			t.Errorf("RegisterFigures = %v for a name used already, want the remedy", err)
		}
	}
	if h.RegisterFigures("", read) == nil || h.RegisterFigures("other", nil) == nil {
		t.Error("RegisterFigures = nil without a name, or without figures")
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.RegisterFigures("late", read) == nil {
		t.Error("RegisterFigures = nil after Close")
	}
	if err := other.RegisterFigures("main", read); err != nil {
		t.Errorf("RegisterFigures = %v after the other closed", err)
	}
}

func TestAPanicInTheFiguresIsAnErrorOfTheCollection(t *testing.T) {
	h := newHarness(t, standard()...)
	broken := false
	if err := h.RegisterFigures("main", func() otelx.Figures {
		if broken {
			panic("a bug")
		}
		return everyFigure
	}); err != nil {
		t.Fatal(err)
	}
	broken = true
	h.operation(t.Context(), search, failWith(errBackend))
	var rm metricdata.ResourceMetrics
	if err := h.reader.Collect(t.Context(), &rm); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("Collect = %v, want the panic", err)
	}
	broken = false
	if got := values(h.metrics(), "penstock.operation.failures")["operation.failures Search 65535"]; got != 1 {
		t.Errorf("failures are %v after the panic, want 1", got)
	}
}

func TestAFailureIsSeenByIncrease(t *testing.T) {
	h := newHarness(t, standard()...)
	h.register(otelx.Figures{})
	failures := func() map[string]float64 { return values(h.metrics(), "penstock.operation.failures") }
	if got := failures(); len(got) != 0 {
		t.Errorf("before any operation there are %v", got)
	}
	h.operation(t.Context(), search, succeed)
	before := failures()
	for _, typ := range []string{"timeout", "circuit_open", "_OTHER"} {
		if n, ok := before["operation.failures Search "+typ]; !ok || n != 0 {
			t.Errorf("after a success, %s is %v, %v; want 0", typ, n, ok)
		}
	}
	// The first two are known beforehand, the third comes late.
	h.operation(t.Context(), search, failWith(errPlain))
	h.operation(t.Context(), search, failWith(context.DeadlineExceeded))
	h.operation(t.Context(), search, failWith(errBackend))
	h.operation(t.Context(), core.Op{Name: "Flush"}, failWith(errPlain)) // a new name
	want := map[string]float64{"Search _OTHER": 1, "Search deadline_exceeded": 1, "Search 65535": 0, "Flush _OTHER": 0}
	for range 2 {
		got := failures()
		for series, n := range want {
			if v, ok := got["operation.failures "+series]; !ok || v != n {
				t.Errorf("%s is %v, %v; want %v", series, v, ok, n)
			}
		}
		want["Search 65535"], want["Flush _OTHER"] = 1, 1
	}
}

func TestAnAnswerIsNotAmongTheFailures(t *testing.T) {
	h := newHarness(t, standard()...)
	h.register(otelx.Figures{})
	s := core.Scope{Kind: core.ScopeOperation, Op: search, Attempt: 1, Start: time.Now()}
	ctx := h.Begin(t.Context(), s)
	s.Answered = true
	h.End(ctx, s, errBackend)
	for series, n := range values(h.metrics(), "penstock.operation.failures") {
		if n != 0 || strings.Contains(series, "65535") {
			t.Errorf("%s is %v", series, n)
		}
	}
}

func TestTheLastCollectionHasTheRealFailures(t *testing.T) {
	h := newHarness(t, standard()...)
	h.register(otelx.Figures{})
	h.operation(t.Context(), search, failWith(errBackend))
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := values(h.metrics(), "penstock.operation.failures")["operation.failures Search 65535"]; got != 1 {
		t.Errorf("the last collection has %v failures, want 1: there is no later one", got)
	}
}

func TestCodesOfABackendBeyondTheLimitAreOther(t *testing.T) {
	emitted.NamesOnly(t)
	h := newHarness(t, standard()...)
	h.register(otelx.Figures{})
	const names, codes = 120, 60
	for i := range names {
		for code := range codes {
			h.operation(t.Context(), core.Op{Name: fmt.Sprint("Op", i)}, failWith(typedError{errorType: fmt.Sprint(code)}))
		}
	}
	h.metrics()
	metrics := h.metrics()
	sum := 0.0
	series := values(metrics, "penstock.operation.failures")
	for _, n := range series {
		sum += n
	}
	if sum != names*codes || len(series) >= 2000 {
		t.Errorf("%v failures in %d series, want %d in fewer than the SDK's 2000", sum, len(series), names*codes)
	}
}

// metricdata has no zero for what was never added, so this proves the Add(0).
func TestCountersHaveTheirZeroFromTheStart(t *testing.T) {
	h := newHarness(t, standard()...)
	h.register(everyFigure)
	got := values(h.metrics(), "penstock.retry.outcomes", "penstock.timeouts", "penstock.panics", "penstock.circuit_breaker.transitions",
		"penstock.health.transitions", "penstock.telemetry.overflow", "penstock.evidence.traces")
	for _, series := range []string{
		"retry.outcomes budget", "retry.outcomes recovered", "timeouts attempt", "timeouts operation", "panics Probe",
		"circuit_breaker.transitions closed breaker open", "health.transitions up down", "health.transitions down up",
		"evidence.traces failed true", "evidence.traces slow false", "panics AttributesFunc",
		"telemetry.overflow db.collection.name", "telemetry.overflow db.operation.name", "telemetry.overflow error.type",
	} {
		if n, ok := got[series]; !ok || n != 0 {
			t.Errorf("%s is %v, %v; want 0; there are %q", series, n, ok, slices.Sorted(maps.Keys(got)))
		}
	}
	bare := newHarness(t, standard()...)
	bare.register(otelx.Figures{})
	if got := values(bare.metrics(), "penstock.circuit_breaker.transitions", "penstock.health.transitions"); len(got) != 0 {
		t.Errorf("a client without a breaker and a gate has %v", got)
	}
}

func TestRejectionsBeyondTheirLimitHaveTheirZeroWithoutEvidence(t *testing.T) {
	h := newHarness(t, append(standard(), otelx.WithEvidence(otelx.NoEvidence), otelx.WithRejectionLimit(10))...)
	h.register(otelx.Figures{})
	wantValues(t, "zeros", values(h.metrics(), "penstock.evidence.traces"), map[string]float64{"evidence.traces rejected false": 0})
}

// The first operation that may be hedged brings the zeros: most have no second run.
func TestHedgesHaveTheirZeroBeforeTheFirstSecondRun(t *testing.T) {
	h := newHarness(t, standard()...)
	op := search
	op.Hedged = true
	h.operation(t.Context(), op, succeed)
	wantValues(t, "zeros", values(h.metrics(), "penstock.hedges"), map[string]float64{
		"hedges Search won": 0, "hedges Search lost": 0, "hedges Search failed": 0, "hedges Search refused": 0,
	})
}

func TestRetriesAndTheirDelayAreMeasured(t *testing.T) {
	h := newHarness(t, standard()...)
	for attempts := range 4 {
		h.Event(t.Context(), core.Event{
			Kind: core.EventRetryEnd, Op: search, Attempt: attempts + 1, Delay: time.Duration(attempts) * time.Second, Outcome: "recovered",
		})
	}
	metrics := h.metrics()
	wantValues(t, "sums", values(metrics, "penstock.retry.count", "penstock.retry.total_delay"),
		map[string]float64{"retry.count Search": 1 + 2 + 3, "retry.total_delay Search": 1 + 2 + 3})
	if n := metrics["penstock.retry.count"].Data.(metricdata.Histogram[int64]).DataPoints[0].Count; n != 3 {
		t.Errorf("%d operations, want the 3 with a retry", n)
	}
}

func TestAttemptsAreMeasuredOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, on := range []bool{false, true} {
			h := newHarness(t, append(standard(), otelx.WithAttemptDuration(on))...)
			client, err := core.NewClient(core.ClientConfig[int]{
				Source: &coretest.Source[int]{OnAcquire: func(context.Context) error {
					time.Sleep(time.Hour) // is no part of the attempt
					return nil
				}},
				Middleware: core.Compose(h.MeasureAttempts, again),
			})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			_, err = core.Do(t.Context(), client, search, func(context.Context, int) (int, error) {
				n++
				time.Sleep(time.Duration(n) * time.Second)
				if n == 1 {
					return 0, errBackend
				}
				return n, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]float64{}
			if on {
				want = map[string]float64{"attempt.duration Search 65535": 1, "attempt.duration Search": 2}
			}
			wantValues(t, fmt.Sprint("measured: ", on), values(h.metrics(), "penstock.attempt.duration"), want)
		}
	})
}

// again attempts an operation that failed once more.
func again(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		if err := next(ctx, call); err == nil {
			return nil
		}
		call.NextAttempt()
		return next(ctx, call)
	}
}

func TestProbesAreMeasuredAndHaveSpansOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, on := range []bool{false, true} {
			h := newHarness(t, append(standard(), otelx.WithProbeSpans(on))...)
			h.operation(t.Context(), search, func(ctx context.Context) error {
				for _, err := range []error{nil, errBackend} {
					h.within(ctx, core.Scope{Kind: core.ScopeProbe, Name: "monitor"}, func(context.Context) error {
						time.Sleep(time.Second)
						return err
					})
				}
				return nil
			})
			wantValues(t, fmt.Sprint("spans: ", on), values(h.metrics(), "penstock.health.check.duration"),
				map[string]float64{"health.check.duration": 1, "health.check.duration 65535": 1})
			spans := 0
			for _, s := range h.spans.Ended() {
				if s.Name() == "health.check" {
					spans++
					if s.Parent().IsValid() {
						t.Error("the span of a probe has a parent")
					}
				}
			}
			if on && spans != 2 || !on && spans != 0 {
				t.Errorf("WithProbeSpans(%v): %d spans", on, spans)
			}
		}
	})
}

// A program may name its collections by its users.
func TestAMillionOperationsOverManyCollectionsStayBounded(t *testing.T) {
	const operations, collections = 1_000_000, 10_000
	var log bytes.Buffer
	reader := emitted.Reader(t)
	o, err := otelx.NewObserver(append(standard(), otelx.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))...)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{Observer: o, t: t, reader: reader}
	h.register(otelx.Figures{})
	ops := make([]core.Op, collections)
	for i := range ops {
		ops[i] = core.Op{Name: "Search", Target: fmt.Sprint("tenant_", i), Safety: core.ReadOnly}
	}
	start := time.Now()
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	run := func(n int) {
		for i := range n {
			s := core.Scope{Kind: core.ScopeOperation, Op: ops[i%collections], Attempt: 1, Start: start}
			o.End(o.Begin(t.Context(), s), s, nil)
		}
	}
	run(operations / 10)
	before := heap()
	run(operations - operations/10)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes, want at most 1 MiB", grown)
	}
	if n := len(h.histogram("db.client.operation.duration")); n != 101 {
		t.Errorf("%d series, want 101", n)
	}
	folded := float64(operations / collections * (collections - 100))
	if got := values(h.metrics(), "penstock.telemetry.overflow")["telemetry.overflow db.collection.name"]; got != folded {
		t.Errorf("%v measurements were folded, want %v", got, folded)
	}
	if n := strings.Count(log.String(), "too many values"); n != 1 || !strings.Contains(log.String(), "attribute=db.collection.name limit=100") {
		t.Errorf("%d records, want 1 of db.collection.name:\n%s", n, log.String())
	}
	if allocs := testing.AllocsPerRun(100, func() { run(1) }); allocs > 0 {
		t.Errorf("an operation costs %v allocations, want 0", allocs)
	}
	last := ops[collections-1]
	if allocs := testing.AllocsPerRun(100, func() {
		s := core.Scope{Kind: core.ScopeOperation, Op: last, Attempt: 1, Start: start}
		o.End(o.Begin(t.Context(), s), s, nil)
	}); allocs > 0 {
		t.Errorf("an operation beyond the cache costs %v allocations, want 0", allocs)
	}
}

func TestEachFoldedAttributeIsAnnouncedOnce(t *testing.T) {
	emitted.NamesOnly(t)
	var log bytes.Buffer
	h := newHarness(t, append(standard(), otelx.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))...)
	h.register(otelx.Figures{})
	for i := range 1000 {
		h.operation(t.Context(), core.Op{Name: fmt.Sprint("Op", i)}, succeed)
		h.operation(t.Context(), search, failWith(typedError{errorType: fmt.Sprint(i)}))
		h.Event(t.Context(), core.Event{Kind: core.EventTransition, Name: fmt.Sprint(i), From: "closed", To: "open"})
	}
	h.metrics() // late series report 0 first
	overflow := values(h.metrics(), "penstock.telemetry.overflow")
	for attribute, n := range map[string]float64{"db.operation.name": 900 + 1, "error.type": 1000 - 64, "penstock.circuit_breaker.name": 1000 - 500} {
		if strings.Count(log.String(), "attribute="+attribute+" ") != 1 {
			t.Errorf("%s was not announced once:\n%s", attribute, log.String())
		}
		if got := overflow["telemetry.overflow "+attribute]; got != n {
			t.Errorf("overflow of %s is %v, want %v", attribute, got, n)
		}
	}
}

func TestErrorTypesWithAZeroAreThoseOfTheReference(t *testing.T) {
	h := newHarness(t, standard()...)
	h.register(otelx.Figures{})
	h.operation(t.Context(), search, succeed)
	var got []string
	for series := range values(h.metrics(), "penstock.operation.failures") {
		got = append(got, strings.TrimPrefix(series, "operation.failures Search "))
	}
	slices.Sort(got)
	list, _, _ := strings.Cut(section(t, "Values of error.type"), "or a gRPC status name")
	want := append(quoted(list), "_OTHER")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("zeros of %q, the reference lists %q", got, want)
	}
}
