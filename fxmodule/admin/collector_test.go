// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// stage returns what flows through a stage.
func stage(t *testing.T, f *admin.Flow, name string) admin.StageFlow {
	t.Helper()
	i := slices.IndexFunc(f.Stages, func(s admin.StageFlow) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no stage %q in %+v", name, f.Stages)
	}
	return f.Stages[i]
}

func TestTheFlowCountsWhatHappensAtEachStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{MaxSize: 1, AcquireTimeout: 250 * time.Millisecond})
		for range 10 {
			_ = do(t.Context(), c, search, 100*time.Millisecond)
		}
		_ = do(t.Context(), c, search, 0, errNotFound)
		_ = do(t.Context(), c, search, 0, errDown, nil)                               // recovers
		_ = do(t.Context(), c, core.Op{Name: "Insert"}, 15*time.Second, nil, errDown) // the attempt has 10 s
		done := make(chan struct{})
		go func() { _ = do(t.Context(), c, search, 9*time.Second); close(done) }()
		synctest.Wait()
		_ = do(t.Context(), c, core.Op{Name: "Insert"}, 0) // waits in vain, four times
		<-done
		c.Breaker().ForceOpen()
		for range 4 {
			_ = do(t.Context(), c, search, 0)
		}
		got := one(t, a, "docs").Flow
		for name, row := range map[string][2]uint64{
			"entered": {got.Entered.Total, 19}, "ok": {got.OK.Total, 12}, "answered": {got.Answered.Total, 1},
			"recovered": {got.Recovered.Total, 1}, "failed": {got.Failed.Total, 2}, "rejected": {got.Rejected.Total, 4},
			"refused by the breaker": {stage(t, got, "breaker").Refused.Total, 4},
			"timed out":              {stage(t, got, "timeout").TimedOut.Total, 1},
			"waits for the pool":     {stage(t, got, "pool").Waits.Total, stage(t, got, "pool").Refused.Total},
		} {
			if row[0] != row[1] {
				t.Errorf("%s: %d, want %d", name, row[0], row[1])
			}
		}
		if n := stage(t, got, "pool").Waits.Total; n == 0 || stage(t, got, "pool").WaitMean != .25 {
			t.Errorf("%d waits of %g s, want some of 0.25 s", n, stage(t, got, "pool").WaitMean)
		}
		if got.Further.Total == 0 || len(got.Causes) == 0 {
			t.Errorf("further attempts %+v because of %+v, want some", got.Further, got.Causes)
		}
		if s := stage(t, got, "breaker"); !s.Bad || s.State != "forced_open" || !slices.Equal(s.Reasons, []admin.Cause{{Reason: "circuit_open", Count: s.Refused}}) {
			t.Errorf("breaker %+v, want it forced open, with one reason", s)
		}
		if in := stage(t, got, "retry").In; math.Abs(in-(got.Entered.Rate-stage(t, got, "breaker").Refused.Rate)) > 1e-9 {
			t.Errorf("%g operations a second come to retry, want those that the breaker lets through of %g", in, got.Entered.Rate)
		}
		shut(t, c)
	})
}

func TestRatesAreOfTheLastTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		for range 30 { // ten a second, half of them "not found", for a minute
			for range 10 {
				_ = do(t.Context(), c, search, 100*time.Millisecond)
				_ = do(t.Context(), c, search, 100*time.Millisecond, errNotFound)
			}
		}
		f := one(t, a, "docs").Flow
		if math.Abs(f.OK.Rate-5) > .5 || math.Abs(f.Answered.Rate-5) > .5 || f.OK.Total != 300 {
			t.Errorf("rates %+v and %+v, want 5 a second each of 300", f.OK, f.Answered)
		}
		if math.Abs(f.P50-.1) > .1/8 || math.Abs(f.P99-.1) > .1/8 {
			t.Errorf("p50 %g s, p99 %g s, want 0.1 s", f.P50, f.P99)
		}
		time.Sleep(time.Minute)
		f = one(t, a, "docs").Flow
		if f.OK.Rate != 0 || f.Answered.Rate != 0 || f.P50 != 0 || f.OK.Total != 300 || f.Answered.Total != 300 {
			t.Errorf("a minute later %+v and %+v, p50 %g: want no rate, and the same totals", f.OK, f.Answered, f.P50)
		}
		shut(t, c)
	})
}

func TestTheHistoryIsFifteenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		start := time.Now()
		time.Sleep(2 * time.Second)
		for range 12 {
			_ = do(t.Context(), c, search, 0)
			_ = do(t.Context(), c, search, 0, errNotFound)
		}
		time.Sleep(20 * time.Second)
		for range 5 {
			_ = do(t.Context(), c, search, 100*time.Millisecond)
		}
		points := one(t, a, "docs").Points
		if len(points) != 5 || points[0].At != start.Add(5*time.Second).UTC() || points[4].At != start.Add(25*time.Second).UTC() {
			t.Fatalf("points %+v, want those of 25 s", points)
		}
		if p := points[0]; p.OK != 2.4 || p.Answered != 2.4 || p.Seconds != 5 {
			t.Errorf("the first point is %+v, want 12 of each in 5 s", p)
		}
		if p := points[1]; p.OK != 0 || p.P99 != 0 {
			t.Errorf("the second point is %+v, want nothing", p)
		}
		if p := points[4]; p.Seconds >= 5 || math.Abs(p.OK*p.Seconds-5) > 1e-9 || math.Abs(p.P50-.1) > .1/8 || p.Max < .1 {
			t.Errorf("the last point is %+v, want 5 operations of 0.1 s in less than 5 s", p)
		}
		for range 17 * 60 { // one a second
			_ = do(t.Context(), c, search, time.Second)
		}
		points = one(t, a, "docs").Points
		if len(points) != 180 {
			t.Fatalf("%d points, want those of 15 minutes", len(points))
		}
		for i, p := range points[:179] {
			if math.Abs(p.OK-1) > .21 {
				t.Errorf("point %d is %+v, want an operation a second", i, p)
			}
		}
		shut(t, c)
	})
}

// spans writes a tree in one line.
func spans(s *admin.Span) string {
	text := s.Kind + " " + s.Name
	if s.Reason != "" {
		text += " (" + s.Reason + ")"
	}
	if len(s.Children) == 0 {
		return text
	}
	var children []string
	for i := range s.Children {
		children = append(children, spans(&s.Children[i]))
	}
	return text + " [" + strings.Join(children, ", ") + "]"
}

func TestNoteworthyOperationsAreKeptWithTheirTrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{SlowAfter: 2 * time.Second})
		c := watch(t, a, "docs", penstock.Config{Chain: quick, TracerProvider: sdktrace.NewTracerProvider()}, pool.Config{MaxSize: 1, AcquireTimeout: 5 * time.Second})
		start := time.Now()
		_ = do(t.Context(), c, search, time.Second, errDown, errDown, nil)
		_ = do(t.Context(), c, search, time.Second) // of no note
		_ = do(t.Context(), c, search, 2001*time.Millisecond)
		go func() { _ = do(t.Context(), c, search, time.Second) }()
		synctest.Wait()
		_ = do(t.Context(), c, core.Op{Name: "Insert"}, 500*time.Millisecond, errNotFound) // of no note: an answer
		go func() { _ = do(t.Context(), c, search, time.Second) }()
		synctest.Wait()
		_ = do(t.Context(), c, core.Op{Name: "Insert", Target: "<b>"}, 500*time.Millisecond, errDown)
		c.Breaker().ForceOpen()
		_ = do(t.Context(), c, search, 0)
		got := one(t, a, "docs").Operations
		for i, want := range []admin.Operation{
			{Outcome: "rejected", Name: "Search", Target: "docs", Reason: "circuit_open"},
			{Outcome: "failed", Name: "Insert", Target: "<b>", Reason: "down", Attempts: 1, Took: 1.5, Wait: 1, Backend: .5, Conn: 1},
			{Outcome: "slow", Name: "Search", Target: "docs", Attempts: 1, Took: 2.001, Backend: 2.001, Conn: 1},
			{Outcome: "recovered", Name: "Search", Target: "docs", Reason: "down", Error: errDown.Error(), Attempts: 3, Took: 5 + 1, Backoff: 3, Backend: 3, Conn: 1, At: start.UTC()},
		} {
			if i >= len(got) {
				t.Fatalf("%d operations, want 4: %+v", len(got), got)
			}
			op := got[i]
			if op.ID == 0 || op.TraceID == "" || op.SpanID == "" || !op.Sampled || op.Tree == nil || op.Error == "" && want.Reason != "" {
				t.Errorf("operation %+v has no id, trace, tree or error", op)
			}
			if !want.At.IsZero() && op.At != want.At {
				t.Errorf("operation at %v, want %v", op.At, want.At)
			}
			if op.ID != uint64(4-i) {
				t.Errorf("operation %d has the id %d, want %d", i, op.ID, 4-i)
			}
			op.ID, op.TraceID, op.SpanID, op.Sampled, op.Tree, op.At, want.At = 0, "", "", false, nil, time.Time{}, time.Time{}
			if want.Error == "" {
				op.Error = ""
			}
			if op != want {
				t.Errorf("operation %d is\n%+v, want\n%+v", i, op, want)
			}
		}
		for i, want := range []string{
			"operation Search docs (circuit_open)",
			"operation Insert <b> (down) [wait pool]",
			"operation Search docs",
			"operation Search docs [attempt attempt 1 (down), backoff backoff, attempt attempt 2 (down), backoff backoff, attempt attempt 3]",
		} {
			if tree := spans(got[i].Tree); tree != want {
				t.Errorf("tree %d is\n%s, want\n%s", i, tree, want)
			}
		}
		var times []float64
		for _, s := range got[3].Tree.Children {
			times = append(times, s.Start, s.Took)
		}
		if want := []float64{0, 1, 1, 1, 2, 1, 3, 2, 5, 1}; !slices.Equal(times, want) {
			t.Errorf("the spans begin and last %v, want %v", times, want)
		}
		shut(t, c)
	})
}

func TestWhatIsSlowFollowsThe99thPercentile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		for range 600 { // a minute
			_ = do(t.Context(), c, search, 100*time.Millisecond)
		}
		_ = do(t.Context(), c, search, 250*time.Millisecond)
		_ = do(t.Context(), c, search, 500*time.Millisecond)
		got := one(t, a, "docs").Operations
		if len(got) != 1 || got[0].Outcome != "slow" || got[0].Took != .5 {
			t.Errorf("operations %+v, want the one of 500 ms alone", got)
		}
		shut(t, c)
	})
}

func TestTheBreakerAndTheGateHaveAHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		cfg := quick
		cfg.Breaker = breaker.Config{RecoveryTimeout: 30 * time.Second, HalfOpenSuccesses: 1}
		c := watch(t, a, "docs", penstock.Config{Chain: cfg, TracerProvider: sdktrace.NewTracerProvider()}, pool.Config{})
		start := time.Now()
		time.Sleep(time.Minute)
		for range 5 {
			_ = do(t.Context(), c, core.Op{Name: "Insert", Target: "docs"}, 0, errDown)
		}
		_ = do(t.Context(), c, search, 0)
		opened := time.Now()
		refused := one(t, a, "docs").Operations[0]
		time.Sleep(30 * time.Second)
		if err := do(t.Context(), c, search, time.Second); err != nil {
			t.Fatal(err)
		}
		got := one(t, a, "docs").Breaker
		var states []string
		for _, p := range got {
			states = append(states, p.State)
		}
		if want := []string{"closed", "open", "half_open", "closed"}; !slices.Equal(states, want) {
			t.Fatalf("states %q, want %q", states, want)
		}
		if p := got[0]; p.From != start.UTC() || p.To.IsZero() {
			t.Errorf("the first period is %+v, want one from the start", p)
		}
		if p := got[1]; p.By != "Insert docs" || p.TraceID == "" || p.Why != "down" || p.To != opened.Add(30*time.Second).UTC() {
			t.Errorf("the second period is %+v, want it opened by Insert docs, for 30 s", p)
		}
		if !got[3].To.IsZero() {
			t.Errorf("the last period is %+v, want it to go on", got[3])
		}
		if by := refused.OpenedBy; by == nil || by.Name != "Insert docs" || by.TraceID != got[1].TraceID || by.At != got[1].From {
			t.Errorf("the refused operation was refused because of %+v, want %+v", by, got[1])
		}
		time.Sleep(16 * time.Minute)
		if got := one(t, a, "docs").Breaker; len(got) != 1 || got[0].State != "closed" {
			t.Errorf("16 minutes later the history is %+v, want the last period alone", got)
		}
		shut(t, c)
	})
}

// Nothing tells of a breaker that is set by hand before its first operation.
func TestABreakerThatWasSetByHandIsInTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
		c.Breaker().ForceOpen()
		if got := one(t, a, "docs").Breaker; len(got) != 2 || got[1].State != "forced_open" {
			t.Errorf("history %+v, want closed and forced_open", got)
		}
		shut(t, c)
	})
}

// An outage in which each operation fails costs a bounded memory.
func TestAStormKeepsFewOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: middleware.Config{Breaker: breaker.Config{Disabled: true}, Retry: retry.Config{Disabled: true}}}, pool.Config{})
		for i := range 10_000 {
			_ = do(t.Context(), c, core.Op{Name: "Search", Target: strings.Repeat("x", i)}, 0, errDown)
		}
		got := one(t, a, "docs")
		if len(got.Operations) != 20 || got.Flow.Failed.Total != 10_000 {
			t.Errorf("%d operations kept of %d, want 20 in one slot", len(got.Operations), got.Flow.Failed.Total)
		}
		for range 100 {
			time.Sleep(5 * time.Second)
			_ = do(t.Context(), c, search, 0, errDown)
		}
		got = one(t, a, "docs")
		if len(got.Operations) != 40 || got.Operations[0].ID != 120 || len(got.Operations[39].Target) > 300 {
			t.Errorf("%d operations kept, the latest with the id %d, want 40 and 120", len(got.Operations), got.Operations[0].ID)
		}
		shut(t, c)
	})
}

func TestARefusalOfAnotherStageIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errQuota := core.Sentinel("quota", "quota", core.ErrRejected)
		cfg := quick
		cfg.Bulkhead = &bulkhead.Config{MaxConcurrent: 1}
		cfg.Stages = []middleware.Stage{{Name: "quota", Before: "breaker", Middleware: func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				if call.Op.Name == "Costly" {
					call.Event(core.Event{Kind: core.EventReject, Name: "quota", Err: errQuota})
					return errQuota
				}
				return next(ctx, call)
			}
		}}}
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{Chain: cfg}, pool.Config{})
		if err := do(t.Context(), c, core.Op{Name: "Costly"}, 0); !errors.Is(err, errQuota) {
			t.Fatal(err)
		}
		go func() { _ = do(t.Context(), c, search, time.Second) }()
		synctest.Wait()
		_ = do(t.Context(), c, search, 0)
		f := one(t, a, "docs").Flow
		if q, b := stage(t, f, "quota"), stage(t, f, "bulkhead"); q.Refused.Total != 1 || b.Refused.Total != 1 || b.Reasons[0].Reason != "bulkhead_full" || b.State != "1 of 1" {
			t.Errorf("quota %+v, bulkhead %+v, want a refusal by each", q, b)
		}
		time.Sleep(2 * time.Second)
		shut(t, c)
	})
}
