// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/otelx"
)

var caller = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3, 4}, Remote: true})

// unsampled returns a context with a caller whose trace is not sampled.
func unsampled(ctx context.Context) context.Context { return trace.ContextWithSpanContext(ctx, caller) }

type dropKey struct{}

// dropConnects returns a context in which exceptDroppedConnects drops new traces.
func dropConnects(ctx context.Context) context.Context {
	return context.WithValue(ctx, dropKey{}, true)
}

var exceptDroppedConnects = samplerFunc(func(p sdktrace.SamplingParameters) sdktrace.SamplingDecision {
	if p.ParentContext.Value(dropKey{}) != nil {
		return sdktrace.Drop
	}
	return sdktrace.RecordAndSample
})

// one is what a service samples that samples one trace in a hundred.
func one() sdktrace.Sampler { return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(.01)) }

// run is an operation, as core tells of it.
type run struct {
	h     *harness
	ctx   context.Context
	scope core.Scope
	state any
}

// run runs f as an operation that has a State.
func (h *harness) run(ctx context.Context, op core.Op, f func(*run) error) *run {
	r := &run{h: h}
	r.scope = core.Scope{Kind: core.ScopeOperation, Op: op, Attempt: 1, Start: time.Now(), State: &r.state}
	r.ctx = h.Begin(ctx, r.scope)
	err := f(r)
	h.End(r.ctx, r.scope, err)
	return r
}

func (r *run) event(e core.Event) {
	e.Op, e.State = r.scope.Op, &r.state
	r.h.Event(r.ctx, e)
}

func (r *run) attempt(n int, f func() error) {
	s := core.Scope{Kind: core.ScopeAttempt, Op: r.scope.Op, Attempt: n, Start: time.Now(), State: &r.state, Cause: errBackend}
	ctx := r.h.Begin(r.ctx, s)
	err := f()
	r.h.End(ctx, s, err)
}

// wait waits for d in the named stage.
func (r *run) wait(stage string, d time.Duration, err error) {
	time.Sleep(d)
	r.event(core.Event{Kind: core.EventWait, Name: stage, Delay: d, Err: err})
}

// tree returns the spans that ended, with everything that shows: a line for each span
// and event, times relative to begin.
func (h *harness) tree(begin time.Time) string {
	var b strings.Builder
	names := map[trace.SpanID]string{caller.SpanID(): "caller"}
	spans := h.spans.Ended()
	for _, s := range spans {
		names[s.SpanContext().SpanID()] = s.Name()
	}
	for _, s := range spans {
		fmt.Fprintf(&b, "%s < %s %v %v..%v %v %v\n", s.Name(), names[s.Parent().SpanID()], s.SpanKind(), s.StartTime().Sub(begin), s.EndTime().Sub(begin), s.Status(), sorted(asMap(s.Attributes())))
		for _, e := range s.Events() {
			fmt.Fprintf(&b, "  %v %s %v\n", e.Time.Sub(begin), e.Name, sorted(asMap(e.Attributes)))
		}
		for _, l := range s.Links() {
			fmt.Fprintf(&b, "  link %v %v\n", l.SpanContext.SpanID(), sorted(asMap(l.Attributes)))
		}
	}
	return b.String()
}

func sorted(m attrs) []string {
	var lines []string
	for k, v := range m {
		lines = append(lines, fmt.Sprintf("%s=%v", k, v))
	}
	slices.Sort(lines)
	return lines
}

// eventful is an operation in which much happens.
func eventful(r *run) error {
	r.wait("bulkhead", 30*time.Millisecond, nil)
	r.wait("pool", 20*time.Millisecond, nil)
	time.Sleep(100 * time.Millisecond)
	r.event(core.Event{Kind: core.EventRetry, Attempt: 1, Delay: time.Second, Err: errBackend})
	r.wait("retry", time.Second, nil)
	r.attempt(2, func() error {
		r.wait("pool", 500*time.Microsecond, nil) // too short for a span
		r.wait("pool", 3*time.Second, errPlain)
		r.event(core.Event{Kind: core.EventTimeout, Outcome: "attempt", Limit: 5 * time.Second, Err: errPlain})
		return errBackend
	})
	r.attempt(3, func() error { time.Sleep(time.Millisecond); return errBackend })
	r.event(core.Event{Kind: core.EventTransition, Name: "breaker", From: "closed", To: "open", Err: errBackend})
	r.event(core.Event{Kind: core.EventHealth, From: "up", To: "down"})
	r.event(core.Event{Kind: core.EventReject, Name: "breaker", From: "open", Delay: time.Minute, Ref: otelx.Ref{TraceID: trace.TraceID{9}, SpanID: trace.SpanID{9}}})
	r.event(core.Event{Kind: core.EventRetryEnd, Attempt: 3, Outcome: "exhausted", Err: errBackend})
	return errBackend
}

// Evidence has everything that the span of a sampled operation has: spans, times,
// attributes, events, links.
func TestEvidenceIsTheWholeOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trees []string
		for _, ctx := range []context.Context{unsampled(t.Context()), trace.ContextWithSpanContext(t.Context(), caller.WithTraceFlags(trace.FlagsSampled))} {
			h := newSampledHarness(t, one(), standard()...)
			begin := time.Now()
			h.run(ctx, search, eventful)
			tree := strings.ReplaceAll(h.tree(begin), "penstock.evidence=failed ", "")
			trees = append(trees, tree)
			for _, s := range h.spans.Ended() {
				if s.SpanContext().TraceID() != caller.TraceID() || !s.SpanContext().IsSampled() {
					t.Errorf("%s is in trace %v, want the caller's", s.Name(), s.SpanContext().TraceID())
				}
			}
		}
		evidence, acquires := []string{}, []string{} // the pool itself tells the waits of a sampled operation
		for line := range strings.Lines(trees[0]) {
			if strings.HasPrefix(line, "pool.acquire") {
				acquires = append(acquires, strings.TrimSpace(line))
			} else {
				evidence = append(evidence, line)
			}
		}
		slices.Sort(evidence)
		sampled := slices.Sorted(strings.Lines(trees[1]))
		if !slices.Equal(evidence, sampled) {
			t.Errorf("evidence is\n%s\na sampled operation\n%s", strings.Join(evidence, ""), strings.Join(sampled, ""))
		}
		want := []string{
			"pool.acquire < Search docs internal 30ms..50ms {Unset } [db.client.connection.pool.name=main penstock.evidence=failed]",
			"pool.acquire < Search attempt internal 1.1505s..4.1505s {Error plain} [db.client.connection.pool.name=main error.type=_OTHER penstock.evidence=failed]",
		}
		if got := strings.Join(acquires, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("waits for a connection are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	})
}

func TestWhatIsEvidence(t *testing.T) {
	recovered := func(r *run) error {
		r.event(core.Event{Kind: core.EventRetry, Attempt: 1, Err: errBackend})
		r.attempt(2, func() error { return nil })
		r.event(core.Event{Kind: core.EventRetryEnd, Attempt: 2, Outcome: "recovered"})
		return nil
	}
	hedged := search
	hedged.Hedge = true
	for _, row := range []struct {
		name string
		op   core.Op
		f    func(*run) error
		want string
	}{
		{"good", search, func(*run) error { return nil }, ""},
		{"waited", search, func(r *run) error { r.wait("pool", time.Second, nil); return nil }, ""},
		{"answered", search, func(r *run) error { r.scope.Answered = true; return errBackend }, "answered"},
		{"failed", search, func(*run) error { return errBackend }, "failed"},
		{"rejected", search, func(r *run) error { r.scope.Rejected = true; return errBackend }, "rejected"},
		{"recovered", search, recovered, "recovered"},
		{"recovered and failed", search, func(r *run) error { _ = recovered(r); return errBackend }, "failed"},
		{"hedged", hedged, func(*run) error { return nil }, "hedged"},
		{"hedged and recovered", hedged, recovered, "recovered"},
		{"at the threshold", search, func(*run) error { time.Sleep(time.Minute); return nil }, "slow"},
		{"slow and hedged", hedged, func(*run) error { time.Sleep(time.Minute); return nil }, "hedged"},
		{"below the threshold", search, func(*run) error { time.Sleep(time.Minute - 1); return nil }, ""},
		{"slow and answered", search, func(r *run) error { r.scope.Answered = true; time.Sleep(time.Minute); return errBackend }, "slow"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for name, ctx := range map[string]context.Context{"caller": unsampled(t.Context()), "no caller": t.Context()} {
					h := newSampledHarness(t, sdktrace.ParentBased(sdktrace.NeverSample()), otelx.WithSlow(time.Minute))
					r := h.run(ctx, row.op, row.f)
					if r.state != nil {
						t.Errorf("%s: State is %v after the end, want nil", name, r.state)
					}
					var got string
					var n int
					for _, s := range h.spans.Ended() {
						got, _ = asMap(s.Attributes())["penstock.evidence"].(string)
						if want := trace.SpanContextFromContext(r.ctx); s.SpanContext().TraceID() != want.TraceID() {
							t.Errorf("%s: evidence is in trace %v, want %v", name, s.SpanContext().TraceID(), want.TraceID())
						}
						n++
					}
					if got != row.want || (n == 0) != (row.want == "") {
						t.Errorf("%s: %d spans, evidence %q, want %q", name, n, got, row.want)
					}
					points := h.sum("penstock.evidence.traces")
					if want := min(len(row.want), 1); len(points) != want {
						t.Errorf("%s: penstock.evidence.traces = %v, want %d series", name, points, want)
					} else if want == 1 {
						if got := asMap(points[0].Attributes.ToSlice()); !reflect.DeepEqual(got, attrs{"penstock.evidence": row.want, "penstock.evidence.exported": true}) {
							t.Errorf("%s: penstock.evidence.traces has %v", name, got)
						}
					}
				}
			})
		})
	}
}

// The operation that opens a breaker is evidence, and can be linked to before its end.
// Nothing failed, and it is told once.
func TestWhatIsNewIsEvidenceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSampledHarness(t, sdktrace.ParentBased(sdktrace.NeverSample()))
		answer := func(r *run) error { r.scope.Answered = true; return errBackend }
		well := func(*run) error { return nil }
		evidence := func() (all []string) {
			for _, s := range h.spans.Ended() {
				kvs := asMap(s.Attributes())
				all = append(all, fmt.Sprint(s.Name(), " ", kvs["penstock.evidence"], " ", kvs["penstock.telemetry.attribute"]))
			}
			return all
		}
		for range 3 {
			h.run(unsampled(t.Context()), search, answer)
			h.run(unsampled(t.Context()), core.Op{Name: "Search", Target: "other"}, answer)
			time.Sleep(time.Minute)
		}
		for n := range 200 {
			h.run(unsampled(t.Context()), core.Op{Name: "Search", Target: fmt.Sprintf("tenant %d", n)}, well)
		}
		want := []string{
			"Search docs answered <nil>", "Search other answered <nil>",
			"Search tenant 98 overflow db.collection.name", // the first beyond 100 targets
		}
		if got := evidence(); !slices.Equal(got, want) {
			t.Errorf("evidence is %q, want %q", got, want)
		}
	})
}

func TestWhatIsReferredToIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			name string
			err  error
			want string
		}{{"failed", errBackend, "failed"}, {"slow", nil, "slow"}} {
			h := newSampledHarness(t, one(), standard()...)
			begin := time.Now()
			var ref, again any
			h.run(unsampled(t.Context()), search, func(r *run) error {
				time.Sleep(time.Second)
				ref, again = r.h.Ref(r.ctx, r.scope), r.h.Ref(r.ctx, r.scope)
				r.event(core.Event{Kind: core.EventTransition, Name: "breaker", From: "closed", To: "open"})
				time.Sleep(time.Second)
				return row.err
			})
			if ref == nil || ref != again {
				t.Fatalf("%s: Ref = %v, then %v", row.name, ref, again)
			}
			h.run(unsampled(t.Context()), search, func(r *run) error {
				r.scope.Rejected = true
				r.event(core.Event{Kind: core.EventReject, Name: "breaker", From: "open", Ref: ref})
				return errPlain
			})
			spans := h.spans.Ended()
			if len(spans) != 2 {
				t.Fatalf("%s: %d spans, want 2", row.name, len(spans))
			}
			opener, refused := spans[0], spans[1]
			if got := asMap(opener.Attributes())["penstock.evidence"]; got != row.want {
				t.Errorf("%s: evidence = %v, want %s", row.name, got, row.want)
			}
			if from, to := opener.StartTime().Sub(begin), opener.EndTime().Sub(begin); from != 0 || to != 2*time.Second || len(opener.Events()) != 1 {
				t.Errorf("%s: opener from %v to %v with %v, want all of it", row.name, from, to, opener.Events())
			}
			if links := refused.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != opener.SpanContext().SpanID() || links[0].SpanContext.TraceID() != opener.SpanContext().TraceID() {
				t.Errorf("%s: links = %v, want one to %v", row.name, links, opener.SpanContext())
			}
		}
	})
}

// Outside of an operation's scope nothing would end the span of a reference.
func TestNothingRefersToWhatHasEnded(t *testing.T) {
	h := newSampledHarness(t, one(), standard()...)
	r := h.run(unsampled(t.Context()), search, func(*run) error { return nil })
	s := r.scope
	s.Start = time.Time{}
	for name, got := range map[string]any{
		"after the end": h.Ref(r.ctx, s), "without a State": h.Ref(r.ctx, core.Scope{Start: time.Now()}),
		"without a trace": h.Ref(t.Context(), r.scope),
	} {
		if got != nil {
			t.Errorf("%s: Ref = %v, want nil", name, got)
		}
	}
}

func TestADialThatFailedIsEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSampledHarness(t, sdktrace.ParentBased(sdktrace.NeverSample()), standard()...)
		begin := time.Now()
		for _, err := range []error{nil, errBackend} {
			h.within(t.Context(), core.Scope{Kind: core.ScopeConnect, Name: "main", Ref: otelx.Ref{TraceID: trace.TraceID{9}, SpanID: trace.SpanID{9}}}, func(context.Context) error {
				time.Sleep(time.Second)
				return err
			})
		}
		span := h.span("pool.connect")
		got := asMap(span.Attributes())
		if got["penstock.evidence"] != "failed" || got["error.type"] != "65535" || got["server.address"] != "db.internal" || span.Status().Code != codes.Error || len(span.Links()) != 1 {
			t.Errorf("the dial has %v, %v, %v", got, span.Status(), span.Links())
		}
		if from, to := span.StartTime().Sub(begin), span.EndTime().Sub(begin); from != time.Second || to != 2*time.Second {
			t.Errorf("the dial took from %v to %v, want 1s to 2s", from, to)
		}
	})
}

// A sampler that takes no evidence is told once; switching evidence off is no fault.
func TestASamplerThatTakesNoEvidenceIsToldOnce(t *testing.T) {
	for _, row := range []struct {
		name    string
		sampler sdktrace.Sampler
		opts    []otelx.Option
		records int
		series  int
	}{
		{"not parent-based", sdktrace.TraceIDRatioBased(0), nil, 1, 1},
		{"off", sdktrace.TraceIDRatioBased(0), []otelx.Option{otelx.WithEvidence(otelx.NoEvidence)}, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			h := newSampledHarness(t, row.sampler, append(row.opts, otelx.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))...)
			for range 3 {
				h.run(unsampled(t.Context()), search, func(*run) error { return errBackend })
			}
			if n := strings.Count(log.String(), "level=WARN"); n != row.records {
				t.Errorf("%d records, want %d: %s", n, row.records, log.String())
			}
			if n := len(h.spans.Ended()); n != 0 {
				t.Errorf("%d spans, want none", n)
			}
			points := h.sum("penstock.evidence.traces")
			if len(points) != row.series || len(points) == 1 && (points[0].Value != 3 || asMap(points[0].Attributes.ToSlice())["penstock.evidence.exported"] != false) {
				t.Errorf("penstock.evidence.traces = %v", points)
			}
		})
	}
}

// A span that is recorded and not sampled goes to the span processors and to no exporter.
func TestWhatIsOnlyRecordedIsEvidence(t *testing.T) {
	h := newSampledHarness(t, sdktrace.AlwaysRecord(sdktrace.ParentBased(sdktrace.NeverSample())), standard()...)
	h.run(t.Context(), search, func(r *run) error {
		r.event(core.Event{Kind: core.EventRetry, Attempt: 1, Err: errBackend})
		return errBackend
	})
	spans := h.spans.Ended()
	if len(spans) != 2 {
		t.Fatalf("%d spans, want one recorded and one exported", len(spans))
	}
	for i, sampled := range []bool{true, false} {
		s := spans[i]
		if s.SpanContext().IsSampled() != sampled || len(s.Events()) != 1 || (asMap(s.Attributes())["penstock.evidence"] == "failed") != sampled {
			t.Errorf("span %d: sampled %v, %v, %v", i, s.SpanContext().IsSampled(), s.Events(), s.Attributes())
		}
	}
}

// A sampler that is asked although the parent is not sampled, and says no, makes a span of
// its own; evidence is a child of the caller all the same.
func TestEvidenceIsAChildOfTheCallerWhoeverWasAsked(t *testing.T) {
	h := newSampledHarness(t, sdktrace.ParentBased(sdktrace.NeverSample()), otelx.WithStartUnsampled(true))
	h.run(unsampled(t.Context()), search, func(*run) error { return errBackend })
	if got := h.span("Search docs").Parent().SpanID(); got != caller.SpanID() {
		t.Errorf("the parent is %v, want the caller %v", got, caller.SpanID())
	}
}
