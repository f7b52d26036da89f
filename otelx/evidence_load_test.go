// SPDX-License-Identifier: Apache-2.0

package otelx_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/otelx"
)

// callers returns a context for each operation, with a trace of its own that is sampled
// with the given share. The same seed gives the same ones.
func callers(r *rand.Rand, share float64) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		var cfg trace.SpanContextConfig
		binary.LittleEndian.PutUint64(cfg.TraceID[:], r.Uint64()|1)
		binary.LittleEndian.PutUint64(cfg.SpanID[:], r.Uint64()|1)
		if r.Float64() < share {
			cfg.TraceFlags = trace.FlagsSampled
		}
		return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(cfg))
	}
}

// counted is a span processor that counts, and keeps the times of evidence.
type counted struct {
	mu       sync.Mutex
	sampled  int
	evidence map[string]int
	ends     []time.Time // of evidence
	names    map[string]int
	dropped  int64
}

func newCounted() *counted { return &counted{evidence: map[string]int{}, names: map[string]int{}} }

func (c *counted) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (c *counted) Shutdown(context.Context) error                  { return nil }
func (c *counted) ForceFlush(context.Context) error                { return nil }
func (c *counted) OnEnd(s sdktrace.ReadOnlySpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kvs := asMap(s.Attributes())
	why, ok := kvs["penstock.evidence"].(string)
	if !ok {
		c.sampled++
		return
	}
	c.evidence[why]++
	c.names[s.Name()]++
	c.ends = append(c.ends, s.EndTime())
	n, _ := kvs["penstock.evidence.dropped"].(int64)
	c.dropped += n
}

// most returns the largest number of evidence spans that ended within one second.
func (c *counted) most() (most int) {
	slices.SortFunc(c.ends, time.Time.Compare)
	for i, from := 0, 0; i < len(c.ends); i++ {
		for c.ends[i].Sub(c.ends[from]) >= time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func newLoadHarness(t *testing.T, opts ...otelx.Option) (*harness, *counted) {
	t.Helper()
	c := newCounted()
	h := newSampledHarness(t, one(), opts...)
	h.tp.RegisterSpanProcessor(c)
	h.tp.UnregisterSpanProcessor(h.spans)
	return h, c
}

// Evidence of a healthy load is a few slow operations. Fifty thousand operations are
// sampled at one percent.
func TestAHealthyLoadHasFewSlowOperations(t *testing.T) {
	for _, row := range []struct {
		name   string
		median time.Duration
		took   func(r *rand.Rand, n int) float64 // in medians
	}{
		{"constant", 5 * time.Millisecond, func(*rand.Rand, int) float64 { return 1 }},
		{"lognormal 0.5", 5 * time.Millisecond, func(r *rand.Rand, _ int) float64 { return math.Exp(.5 * r.NormFloat64()) }},
		{"lognormal 1", 5 * time.Millisecond, func(r *rand.Rand, _ int) float64 { return math.Exp(r.NormFloat64()) }},
		{"lognormal 1.5", 5 * time.Millisecond, func(r *rand.Rand, _ int) float64 { return math.Exp(1.5 * r.NormFloat64()) }},
		{"one in 200 is a hundred times slower", time.Millisecond, func(r *rand.Rand, _ int) float64 {
			if r.IntN(200) == 0 {
				return 100
			}
			return math.Exp(.5 * r.NormFloat64())
		}},
		{"slower and slower", time.Millisecond, func(r *rand.Rand, n int) float64 { return math.Exp(.5*r.NormFloat64() + float64(n)/20000) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, c := newLoadHarness(t, standard()...)
				r := rand.New(rand.NewPCG(1, 2))
				with := callers(r, .01)
				const operations = 50_000
				for n := range operations {
					h.run(with(t.Context()), search, func(*run) error {
						time.Sleep(time.Duration(float64(row.median) * row.took(r, n)))
						return nil
					})
					time.Sleep(time.Millisecond)
				}
				slow := c.evidence["slow"]
				ratio := float64(c.sampled+slow) / float64(c.sampled)
				t.Logf("%d sampled, %d slow: %.3f times the volume", c.sampled, slow, ratio)
				if ratio > 1.05 || len(c.evidence) > 1 {
					t.Errorf("%d sampled, evidence %v: more than 1.05 times the volume", c.sampled, c.evidence)
				}
			})
		})
	}
}

// When operations become slow, the first ones are evidence.
func TestTheFirstSlowOperationsAreEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := newLoadHarness(t, standard()...)
		r := rand.New(rand.NewPCG(1, 2))
		load := func(operations int, slower float64) {
			for range operations {
				h.run(unsampled(t.Context()), search, func(*run) error {
					time.Sleep(time.Duration(float64(5*time.Millisecond) * slower * math.Exp(.5*r.NormFloat64())))
					return nil
				})
			}
		}
		load(10_000, 1)
		if n := c.evidence["slow"]; n > 3 {
			t.Errorf("%d slow operations in a healthy load, want 3 at most", n)
		}
		before := c.evidence["slow"]
		load(100, 50)
		if n := c.evidence["slow"] - before; n == 0 {
			t.Error("none of 100 operations that are 50 times slower is evidence")
		}
	})
}

// A release asks for another consistency level, and is slow from its first operation on.
func TestWhatIsSlowIsKnownOfAllVariantsOfAnOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := newLoadHarness(t, standard()...)
		reads := func(n int, level string, took time.Duration) {
			for range n {
				h.run(unsampled(t.Context()), search, func(r *run) error {
					r.scope.Note = &fakeNote{metric: attribute.String("milvus.consistency_level", level)}
					time.Sleep(took)
					return nil
				})
			}
		}
		reads(60, "Bounded", 5*time.Millisecond)
		if len(c.evidence) > 0 {
			t.Errorf("evidence %v of a healthy load", c.evidence)
		}
		reads(5, "Strong", 200*time.Millisecond)
		if c.evidence["slow"] != 3 {
			t.Errorf("evidence %v, want the first 3 slow operations", c.evidence)
		}
	})
}

// A storm of one kind of failure is bounded, and does not hide another kind.
func TestAStormOfFailuresIsBounded(t *testing.T) {
	rare := core.Op{Name: "Query", Target: "other"}
	synctest.Test(t, func(t *testing.T) {
		h, c := newLoadHarness(t, standard()...)
		r := rand.New(rand.NewPCG(1, 2))
		with := callers(r, 0)
		refs, denied := map[any]bool{}, 0
		const seconds, each = 20, 10_000
		memory := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		var before uint64
		for n := range seconds * each {
			if n == each {
				before = memory()
			}
			ctx := with(t.Context())
			h.run(ctx, search, func(r *run) error {
				r.event(core.Event{Kind: core.EventReject, Name: "health", Err: errPlain})
				return errBackend
			})
			if n%(5*each) == each/2 { // one in five seconds
				h.run(ctx, rare, func(*run) error { return errPlain })
			}
			if n%(4*each) == each/3 { // opens a breaker in the middle of the storm
				h.run(ctx, search, func(r *run) error {
					if ref := r.h.Ref(r.ctx, r.scope); ref != nil {
						refs[ref] = true
					} else {
						denied++
					}
					return errBackend
				})
			}
			time.Sleep(time.Second / each)
		}
		if after := memory(); after > before+1<<20 {
			t.Errorf("the heap grew from %d to %d bytes in %d failures", before, after, (seconds-1)*each)
		}
		exported := len(c.ends)
		t.Logf("%d failures, %d exported, at most %d in a second", seconds*each, exported, c.most())
		if c.most() > 10 || exported < 5*seconds || exported > 10*seconds {
			t.Errorf("%d exported in %d seconds, at most %d in one second, want 5 to 10 each second", exported, seconds, c.most())
		}
		if got := c.names["Query other"]; got != seconds/5 {
			t.Errorf("%d of %d operations of a rare kind are evidence", got, seconds/5)
		}
		if denied > 0 || len(refs) != seconds/4 {
			t.Errorf("%d openers are referred to, %d are not, want %d", len(refs), denied, seconds/4)
		}
		var counted [2]int64
		for _, p := range h.sum("penstock.evidence.traces") {
			if v, _ := p.Attributes.Value("penstock.evidence.exported"); v.AsBool() {
				counted[1] += p.Value
			} else {
				counted[0] += p.Value
			}
		}
		all := int64(seconds*each + seconds/5 + seconds/4)
		if counted[1] != int64(exported) || counted[0] != all-int64(exported) || c.dropped > counted[0] || c.dropped < counted[0]-each {
			t.Errorf("counted %d exported and %d left out of %d, spans say %d and %d", counted[1], counted[0], all, exported, c.dropped)
		}
	})
}

// Many kinds of failure at once leave two places for operations that others refer to.
func TestPlacesAreKeptForWhatOthersReferTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := newLoadHarness(t, standard()...)
		ctx := unsampled(t.Context())
		for n := range 20 {
			h.run(ctx, core.Op{Name: fmt.Sprint("op", n)}, func(*run) error { return errBackend })
		}
		if n := c.evidence["failed"]; n != 8 {
			t.Errorf("%d of 20 kinds are exported at once, want 8", n)
		}
		for n, want := range []bool{true, true, false} {
			h.run(ctx, search, func(r *run) error {
				if ref := r.h.Ref(r.ctx, r.scope); (ref != nil) != want {
					t.Errorf("opener %d: Ref = %v, want one: %v", n, ref, want)
				}
				return errBackend
			})
		}
		if n := c.evidence["failed"]; n != 10 {
			t.Errorf("%d are exported in a second, want 10", n)
		}
	})
}

// Rejections that are sampled are bounded by an option.
func TestAStormOfSampledRejectionsIsBounded(t *testing.T) {
	for _, row := range []struct{ limit, least, most int }{{0, 20_000, 20_000}, {10, 10, 20}, {1, 1, 2}} {
		t.Run(fmt.Sprint(row.limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, otelx.WithRejectionLimit(row.limit))
				for n := range 20_000 {
					h.run(t.Context(), search, func(r *run) error {
						r.scope.Rejected = true
						return errPlain
					})
					if n%1000 == 0 { // what is not refused is not limited
						h.run(t.Context(), core.Op{Name: "Insert"}, func(*run) error { return errBackend })
					}
					time.Sleep(100 * time.Microsecond)
				}
				got := map[string]int{}
				for _, s := range h.spans.Ended() {
					got[s.Name()]++
				}
				if n := got["Search docs"]; n < row.least || n > row.most || got["Insert"] != 20 {
					t.Errorf("exported %v in two seconds, want %d to %d and all 20 of Insert", got, row.least, row.most)
				}
				var left int64
				for _, p := range h.sum("penstock.evidence.traces") {
					left += p.Value
				}
				if want := int64(20_000 - got["Search docs"]); left != want {
					t.Errorf("%d left out are counted, want %d", left, want)
				}
			})
		})
	}
}

// A span that is not ended is kept by nothing.
func TestASpanThatIsNotExportedIsNotKept(t *testing.T) {
	c := newCounted()
	h := newHarness(t, otelx.WithRejectionLimit(1))
	h.tp.UnregisterSpanProcessor(h.spans)
	h.tp.RegisterSpanProcessor(c)
	refuse := func() {
		h.run(t.Context(), search, func(r *run) error {
			r.scope.Rejected = true
			r.event(core.Event{Kind: core.EventReject, Name: "breaker", From: "open"})
			return errPlain
		})
	}
	heap := func() uint64 {
		for range 1000 {
			refuse()
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	heap()
	before := heap()
	for range 20 {
		heap()
	}
	if after := heap(); after > before+2000 {
		t.Errorf("%d objects on the heap after 1,000 rejections, %d after 23,000", before, after)
	}
}

// Whatever a program does, a record stays small and the observer lives.
func TestARecordIsBounded(t *testing.T) {
	emitted.NamesOnly(t)
	h := newSampledHarness(t, one(), standard()...)
	h.run(unsampled(t.Context()), search, func(r *run) error {
		for n := range 100_000 {
			r.event(core.Event{Kind: core.EventRetry, Attempt: n, Err: typedError{"\xff\xfe", "\xff", string(make([]byte, 10_000))}})
			r.attempt(n, func() error { return typedError{"\xff", "\xff", "\xff"} })
		}
		r.event(core.Event{Kind: core.EventRetryEnd, Attempt: 100_000, Outcome: "exhausted"})
		return errBackend
	})
	op := h.span("Search docs")
	got := asMap(op.Attributes())
	if n := len(op.Events()); n != 24 || got["penstock.evidence.omitted"] != int64(200_000-24-16) || got["penstock.retry.outcome"] != "exhausted" {
		t.Errorf("%d events, %v", n, got)
	}
	if n := len(h.spans.Ended()); n != 17 {
		t.Errorf("%d spans, want the operation and 16 attempts", n)
	}
}

// Operations of many goroutines, with a provider and an observer that end in the middle.
func TestEvidenceIsSafeForConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSampledHarness(t, one(), append(standard(), otelx.WithEvidence(1000))...)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for n := range 300 {
					op := core.Op{Name: fmt.Sprint("op", n%7), Target: fmt.Sprint(g % 3)}
					h.run(unsampled(t.Context()), op, func(r *run) error {
						switch n % 5 {
						case 0:
							_ = eventful(r)
						case 1:
							h.Ref(r.ctx, r.scope)
						case 2:
							return nil
						}
						return errBackend
					})
					if g == 0 && n == 100 {
						_ = h.Close(t.Context())
						_ = h.tp.Shutdown(t.Context())
					}
				}
			})
		}
		wg.Wait()
	})
}
