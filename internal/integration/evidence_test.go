// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// rarely is a client of a service that samples few traces, and its callers.
type rarely struct {
	*penstock.Client[int]
	t     *testing.T
	spans *tracetest.SpanRecorder
	rand  *rand.Rand
	share float64
}

func sampleRarely(t *testing.T, share float64, cfg penstock.Config, poolConfig pool.Config) *rarely {
	t.Helper()
	r := &rarely{t: t, spans: emitted.Spans(t), rand: rand.New(rand.NewPCG(3, 4)), share: share}
	cfg.TracerProvider = sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(r.spans), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))))
	client, err := penstock.Open(t.Context(), penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}},
		Classifier: func(err error) core.Class {
			if errors.Is(err, errNotFound) {
				return core.Answered("not_found")
			}
			return core.Class{Verdict: core.Failure, Retry: core.RetryAlways, ErrorType: "down"}
		},
		Pool: poolConfig,
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Client = client
	return r
}

// caller returns the context of a caller with a trace of its own, of which few are
// sampled.
func (r *rarely) caller() context.Context {
	cfg := oteltrace.SpanContextConfig{Remote: true}
	binary.LittleEndian.PutUint64(cfg.TraceID[:], r.rand.Uint64()|1)
	binary.LittleEndian.PutUint64(cfg.SpanID[:], r.rand.Uint64()|1)
	if r.rand.Float64() < r.share {
		cfg.TraceFlags = oteltrace.FlagsSampled
	}
	return oteltrace.ContextWithSpanContext(r.t.Context(), oteltrace.NewSpanContext(cfg))
}

// do runs an operation whose attempts end with the given errors.
func (r *rarely) do(ctx context.Context, ends ...error) error {
	_, err := core.Do(ctx, r.Client, lookUp, func(context.Context, int) (int, error) {
		time.Sleep(time.Millisecond)
		end := ends[0]
		if len(ends) > 1 {
			ends = ends[1:]
		}
		return 0, end
	})
	return err
}

// of returns the spans of the trace of ctx that ended.
func (r *rarely) of(ctx context.Context) []sdktrace.ReadOnlySpan {
	id := oteltrace.SpanContextFromContext(ctx).TraceID()
	return slices.DeleteFunc(r.spans.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.SpanContext().TraceID() != id })
}

func (r *rarely) close() {
	r.t.Helper()
	if err := r.Close(r.t.Context()); err != nil {
		r.t.Errorf("Close = %v", err)
	}
}

// textOf returns the value of an attribute of span as text, "" if there is none.
func textOf(span sdktrace.ReadOnlySpan, key attribute.Key) string {
	set := attribute.NewSet(span.Attributes()...)
	v, _ := set.Value(key)
	return v.String()
}

// Each way in which an operation of a whole client can go wrong leaves its trace,
// although no trace is sampled.
func TestWhatGoesWrongLeavesATraceAtAnySamplingRate(t *testing.T) {
	config := penstock.Config{
		Telemetry: []otelx.Option{otelx.WithSlow(time.Minute)},
		MaxAsync:  1,
		Chain: middleware.Config{
			Bulkhead: &bulkhead.Config{MaxConcurrent: 2, MaxWaiting: 1},
			Retry:    retry.Config{MaxRetries: 2, Jitter: retry.NoJitter},
			Breaker:  breaker.Config{FailureThreshold: 3},
		},
	}
	config.Chain.Timeout.Attempt = time.Hour
	forever := func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	sleep := func(d time.Duration) func(context.Context, int) (int, error) {
		return func(context.Context, int) (int, error) { time.Sleep(d); return 0, nil }
	}
	for _, row := range []struct {
		name            string
		run             func(r *rarely, ctx context.Context)
		evidence, error string
		spans           int // of the trace
	}{
		{"good", func(r *rarely, ctx context.Context) { _ = r.do(ctx, nil) }, "", "", 0},
		{"an answer", func(r *rarely, ctx context.Context) { _ = r.do(ctx, errNotFound) }, "answered", "", 1},
		{"the same answer again", func(r *rarely, ctx context.Context) { _ = r.do(r.caller(), errNotFound); _ = r.do(ctx, errNotFound) }, "", "", 0},
		{"down", func(r *rarely, ctx context.Context) { _ = r.do(ctx, errDown) }, "failed", "down", 3},
		{"recovered", func(r *rarely, ctx context.Context) { _ = r.do(ctx, errDown, nil) }, "recovered", "", 2},
		{"canceled", func(r *rarely, ctx context.Context) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			_, _ = core.Do(ctx, r.Client, lookUp, forever)
		}, "failed", "canceled", 1},
		{"out of time", func(r *rarely, ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, _ = core.Do(ctx, r.Client, lookUp, forever)
		}, "failed", "deadline_exceeded", 1},
		{"panicked", func(r *rarely, ctx context.Context) {
			defer func() { _ = recover() }()
			_, _ = core.Do(ctx, r.Client, lookUp, func(context.Context, int) (int, error) { panic("boom") })
		}, "failed", "panic", 1},
		{"slow", func(r *rarely, ctx context.Context) { _, _ = core.Do(ctx, r.Client, lookUp, sleep(time.Minute)) }, "slow", "", 1},
		{"breaker open", func(r *rarely, ctx context.Context) {
			for range 3 {
				_ = r.do(r.caller(), errDown)
			}
			_ = r.do(ctx, nil)
		}, "rejected", "circuit_open", 1},
		{"bulkhead full", func(r *rarely, ctx context.Context) {
			var wg sync.WaitGroup
			for range 3 {
				caller := r.caller()
				wg.Go(func() { _, _ = core.Do(caller, r.Client, lookUp, sleep(time.Second)) })
			}
			synctest.Wait()
			_ = r.do(ctx, nil)
			wg.Wait()
		}, "rejected", "bulkhead_full", 1},
		{"pool too small", func(r *rarely, ctx context.Context) {
			var wg sync.WaitGroup
			caller := r.caller()
			wg.Go(func() { _, _ = core.Do(caller, r.Client, lookUp, sleep(30*time.Second)) })
			synctest.Wait()
			_ = r.do(ctx, nil)
			wg.Wait()
		}, "failed", "pool_timeout", 6}, // three attempts, each waited
		{"too many at once", func(r *rarely, ctx context.Context) {
			first := core.Go(r.caller(), r.Client, lookUp, sleep(time.Second))
			_, _ = core.Go(ctx, r.Client, lookUp, sleep(time.Second)).Await(ctx)
			_, _ = first.Await(ctx)
		}, "rejected", "bulkhead_full", 1},
		{"closed", func(r *rarely, ctx context.Context) { r.close(); _ = r.do(ctx, nil) }, "rejected", "pool_closed", 1},
		{"hedged", func(r *rarely, ctx context.Context) {
			hedger, err := hedge.New(hedge.Config{Delay: time.Second})
			if err != nil {
				r.t.Fatal(err)
			}
			_, _ = hedge.Do(ctx, hedger, r.Client, lookUp, sleep(2*time.Second))
		}, "hedged", "", 1}, // the second run
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				size := 1
				if row.name == "hedged" || row.name == "bulkhead full" {
					size = 2
				}
				r := sampleRarely(t, 0, config, pool.Config{MaxSize: size, AcquireTimeout: 2 * time.Second})
				ctx := r.caller()
				row.run(r, ctx)
				spans := r.of(ctx)
				if len(spans) < row.spans || row.spans == 0 && len(spans) > 0 {
					t.Fatalf("%d spans, want %d", len(spans), row.spans)
				}
				for _, s := range spans {
					if s.SpanKind() != oteltrace.SpanKindClient {
						continue
					}
					if why, got := textOf(s, "penstock.evidence"), textOf(s, "error.type"); why != row.evidence || got != row.error {
						t.Errorf("%s has evidence %q and error.type %q, want %q and %q", s.Name(), why, got, row.evidence, row.error)
					}
					if s.Parent().SpanID() != oteltrace.SpanContextFromContext(ctx).SpanID() {
						t.Errorf("the parent of %s is not the caller", s.Name())
					}
				}
				if row.name != "closed" {
					r.close()
				}
			})
		})
	}
}

// A breaker opens a hundred times while one trace in a hundred is sampled. Each rejection
// that is exported links to a span that is exported.
func TestALinkToWhatOpenedTheBreakerResolves(t *testing.T) {
	for name, share := range map[string]float64{"none sampled": 0, "one in a hundred": .01, "all": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := sampleRarely(t, share, penstock.Config{Chain: middleware.Config{
					Retry:   retry.Config{MaxRetries: retry.None},
					Breaker: breaker.Config{RecoveryTimeout: 10 * time.Second},
				}}, pool.Config{})
				defer r.close()
				const openings = 100
				for range openings {
					for range 5 {
						_ = r.do(r.caller(), errDown)
					}
					for range 50 {
						if err := r.do(r.caller(), nil); !errors.Is(err, breaker.ErrOpen) {
							t.Fatalf("Do = %v, want %v", err, breaker.ErrOpen)
						}
						time.Sleep(50 * time.Millisecond)
					}
					time.Sleep(10 * time.Second)
					for range 3 {
						if err := r.do(r.caller(), nil); err != nil {
							t.Fatalf("Do = %v", err)
						}
					}
				}
				ids, openers, links := map[oteltrace.SpanID]bool{}, map[oteltrace.SpanID]bool{}, 0
				for _, s := range r.spans.Ended() {
					ids[s.SpanContext().SpanID()] = true
				}
				for _, s := range r.spans.Ended() {
					if textOf(s, "error.type") != "circuit_open" {
						continue
					}
					if len(s.Links()) != 1 {
						t.Fatalf("a rejection has %d links, want 1", len(s.Links()))
					}
					links++
					to := s.Links()[0].SpanContext.SpanID()
					if openers[to] = true; !ids[to] {
						t.Errorf("a link leads to %v, which was not exported", to)
					}
				}
				if len(openers) != openings || links < 5*openings {
					t.Errorf("%d links lead to %d operations, want at least %d to %d", links, len(openers), 5*openings, openings)
				}
			})
		})
	}
}

// A backend is down for ten seconds, under 1,000 operations a second: evidence is bounded
// within each second, from the first on.
func TestAnOutageIsNoStormOfSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sampleRarely(t, 0, penstock.Config{Chain: middleware.Config{
			Retry: retry.Config{MaxRetries: retry.None}, Breaker: breaker.Config{RecoveryTimeout: 2 * time.Second},
		}}, pool.Config{})
		defer r.close()
		for range 10_000 {
			_ = r.do(r.caller(), errDown)
		}
		ends := map[string][]time.Time{}
		var all []time.Time
		for _, s := range r.spans.Ended() {
			if s.SpanKind() == oteltrace.SpanKindClient {
				ends[textOf(s, "error.type")] = append(ends[textOf(s, "error.type")], s.EndTime())
				all = append(all, s.EndTime())
			}
		}
		slices.SortFunc(all, time.Time.Compare)
		for i := 10; i < len(all); i++ {
			if d := all[i].Sub(all[i-10]); d < time.Second {
				t.Fatalf("11 operations within %v are exported, want 10 a second at most", d)
			}
		}
		if len(ends["down"]) == 0 || len(ends["circuit_open"]) == 0 {
			t.Errorf("exported %d failures and %d rejections, want some of both", len(ends["down"]), len(ends["circuit_open"]))
		}
	})
}
