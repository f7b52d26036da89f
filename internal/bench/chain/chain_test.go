// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/internal/bench/internal/measure"
)

func TestEverySubjectEndsAsItsCaseSays(t *testing.T) {
	for _, c := range benchCases {
		for _, m := range c.makers() {
			ctx, cancel := c.context()
			defer cancel()
			s, err := m.open(c.setup)
			if err != nil {
				t.Errorf("%s: %s: open = %v", c.name, m.name, err)
				continue
			}
			if err := s.turns(ctx, 3); err != nil {
				t.Errorf("%s: %s: turns = %v", c.name, m.name, err)
			}
			s.close()

			if c.setup.fails {
				continue
			}
			opposite := c.setup
			opposite.fails = true
			if s, err = m.open(opposite); err != nil {
				t.Errorf("%s: %s: open = %v", c.name, m.name, err)
				continue
			}
			if err := s.turns(ctx, 1); err == nil {
				t.Errorf("%s: %s: turns does not notice that no operation fails", c.name, m.name)
			}
			s.close()
		}
	}
}

func TestEverySubjectRunsTheWork(t *testing.T) {
	for _, m := range []maker{penstockMaker, stagelessMaker, failsafeMaker, untimedMaker, resiliencyMaker, gobreakerMaker, partsMaker} {
		ran := 0
		s, err := m.open(setup{limit: time.Minute, work: func(_ context.Context, c *conn) (int, error) {
			ran += c.value
			return 0, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.turns(t.Context(), 5); err != nil || ran != 5 {
			t.Errorf("%s: turns = %v, and the work ran %d times on a connection, want 5", m.name, err, ran)
		}
		s.close()
	}
}

func TestAnAnswerIsNotAttemptedAgainAndOpensNoBreaker(t *testing.T) {
	for _, m := range append([]maker{penstockMaker, untimedMaker}, chainPeers...) {
		ran := 0
		s, err := m.open(setup{limit: time.Minute, fails: true, work: func(context.Context, *conn) (int, error) {
			ran++
			return 0, errNotFound
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.turns(t.Context(), 4*failures); err != nil || ran != 4*failures {
			t.Errorf("%s: turns = %v, and the work ran %d times, want %d", m.name, err, ran, 4*failures)
		}
		s.close()
	}
}

func TestAnOpenBreakerKeepsTheWorkFromRunning(t *testing.T) {
	for _, m := range append([]maker{penstockMaker}, chainPeers...) {
		s, err := m.open(setup{limit: time.Minute, fails: true, tripped: true, work: func(context.Context, *conn) (int, error) {
			t.Errorf("%s: the work runs", m.name)
			return 0, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.turns(t.Context(), 3); err != nil {
			t.Errorf("%s: turns = %v", m.name, err)
		}
		s.close()
	}
}

func TestTheLimitEndsAnAttempt(t *testing.T) {
	for _, m := range append([]maker{penstockMaker}, chainPeers...) {
		ended := errors.New("the work was not ended")
		// The caller's own end comes while a subject waits to attempt it again.
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		s, err := m.open(setup{limit: time.Millisecond, fails: true, work: func(ctx context.Context, _ *conn) (int, error) {
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) > 10*time.Millisecond {
				ended = errors.New("the work has no other deadline than the caller's")
			}
			<-ctx.Done()
			ended = nil
			return 0, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.turns(ctx, 1); err != nil || ended != nil {
			t.Errorf("%s: turns = %v, %v", m.name, err, ended)
		}
		s.close()
	}
}

func TestTheClassIsTheSmallestThatHoldsAnAllocation(t *testing.T) {
	for size, want := range map[int]int{1: 32, 64: 64, 65: 80, 257: 288, 512: 512} {
		if c, err := classOf(size); err != nil || c.size != want {
			t.Errorf("classOf(%d) = %d, %v, want %d", size, c.size, err, want)
		}
	}
	if c, err := classOf(513); err == nil {
		t.Errorf("classOf(513) = %d, want an error", c.size)
	}
}

// told is what a subject told OpenTelemetry of one operation.
type told struct {
	name, kind string
	span       attribute.Set
	metric     attribute.Set
	bounds     []float64
	count      uint64
}

func tell(t *testing.T, m maker) told {
	t.Helper()
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	s, err := m.open(setup{work: answer, limit: time.Minute, telemetry: func() providers {
		return providers{
			sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
			sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.turns(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(spans.Ended(), func(s sdktrace.ReadOnlySpan) bool { return strings.HasPrefix(s.Name(), search.Name) })
	if i < 0 {
		t.Fatalf("%s: no span of the operation", m.name)
	}
	span := spans.Ended()[i]
	attrs := slices.Clone(span.Attributes())
	for i, kv := range attrs {
		if kv.Key == connNumber {
			attrs[i] = connNumber.Int(1) // any connection
		}
	}
	found := told{name: span.Name(), kind: span.SpanKind().String(), span: attribute.NewSet(attrs...)}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if metric.Name != "db.client.operation.duration" {
				continue
			}
			for _, point := range metric.Data.(metricdata.Histogram[float64]).DataPoints {
				found.metric, found.bounds, found.count = point.Attributes, point.Bounds, found.count+point.Count
			}
		}
	}
	return found
}

func TestByHandTellsWhatPenstockTells(t *testing.T) {
	own, hand := tell(t, penstockMaker), tell(t, handMaker)
	if own.name != hand.name || own.kind != hand.kind || !own.span.Equals(&hand.span) {
		t.Errorf("span by hand = %s %s %s, want %s %s %s", hand.name, hand.kind, hand.span.Encoded(attribute.DefaultEncoder()),
			own.name, own.kind, own.span.Encoded(attribute.DefaultEncoder()))
	}
	if own.count != 1 || hand.count != 1 || !own.metric.Equals(&hand.metric) || !slices.Equal(own.bounds, hand.bounds) {
		t.Errorf("histogram by hand = %d %v %s, want %d %v %s", hand.count, hand.bounds, hand.metric.Encoded(attribute.DefaultEncoder()),
			own.count, own.bounds, own.metric.Encoded(attribute.DefaultEncoder()))
	}
}

func TestEveryCaseRuns(t *testing.T) {
	patience := measure.Patience(0)
	for _, c := range benchCases {
		r, err := c.run(1, time.Millisecond, &patience)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(r.lines()) != len(c.peers) || r.Self.NS <= 0 || r.Self.Ratio != 1 {
			t.Errorf("%s: %d lines, Penstock %+v", c.name, len(r.lines()), r.Self)
		}
	}
}

func TestMoreCallersThanConnectionsWait(t *testing.T) {
	patience := measure.Patience(0)
	g, err := runGrowth(3*conns, 1, time.Millisecond, &patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range append([]grown{g.Self}, g.Peers...) {
		if found.NS <= 0 || found.Stack < 1024 {
			t.Errorf("%+v: no time, or no stack", found)
		}
	}
}
