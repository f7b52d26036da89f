// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// shows checks attributes of a span. Nil stands for no such attribute.
func shows(t *testing.T, span sdktrace.ReadOnlySpan, want map[attribute.Key]any) {
	t.Helper()
	got := map[attribute.Key]any{}
	for _, kv := range span.Attributes() {
		got[kv.Key] = kv.Value.AsInterface()
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("span %s has %s = %v, want %v", span.Name(), key, got[key], value)
		}
	}
}

// last returns the span that ended last.
func (w *watched) last() sdktrace.ReadOnlySpan {
	ended := w.spans.Ended()
	return ended[len(ended)-1]
}

func TestARejectedOperationShowsItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errPassword := core.Sentinel("wrong password", core.TypeUnauthenticated)
		var hung, locked atomic.Bool // the backend does not answer, or refuses the password
		hung.Store(true)
		ping := func(ctx context.Context) error {
			switch {
			case hung.Load():
				<-ctx.Done()
				return ctx.Err()
			case locked.Load():
				return errPassword
			}
			return nil
		}
		w := watch(t, penstock.Config{Chain: middleware.Config{
			Retry:   retry.Config{MaxRetries: retry.None},
			Breaker: breaker.Config{FailureThreshold: 1},
			Health:  &health.Config{Probe: ping, Interval: 10 * time.Second},
		}}, pool.Config{})
		defer w.close()
		if err := w.do(t.Context(), errDown); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		time.Sleep(750 * time.Millisecond) // a probe ends after a second at the earliest
		_ = w.do(t.Context(), nil)
		shows(t, w.last(), map[attribute.Key]any{
			"error.type": "circuit_open", "penstock.cause.type": "down", "penstock.cause.message": "down", "penstock.cause.age": 0.75,
			"penstock.circuit_breaker.reopened": int64(0), "penstock.probe.result": nil,
		})
		hung.Store(false)
		for range 4 { // then the breaker ignores answers for 15 s
			for w.Breaker().State() != breaker.HalfOpen {
				time.Sleep(100 * time.Millisecond)
			}
			_ = w.do(t.Context(), errDown)
		}
		time.Sleep(13 * time.Second) // the monitor has probed meanwhile
		_ = w.do(t.Context(), nil)
		shows(t, w.last(), map[attribute.Key]any{"error.type": "circuit_open", "penstock.circuit_breaker.reopened": int64(4), "penstock.probe.result": "ok"})

		locked.Store(true)
		for w.Monitor().Up() {
			time.Sleep(time.Second)
		}
		_ = w.do(t.Context(), nil) // by now a probe of the breaker
		shows(t, w.last(), map[attribute.Key]any{
			"error.type": "unhealthy", "penstock.cause.type": "unauthenticated", "penstock.cause.message": "wrong password",
			"penstock.probe.result": "unauthenticated", "penstock.circuit_breaker.state": nil,
		})
	})
}

func TestALimitOfOursIsOnTheSpanThatItRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, penstock.Config{Chain: middleware.Config{
			Bulkhead: &bulkhead.Config{MaxConcurrent: 1}, RateLimit: &ratelimit.Config{Rate: 0.5, Burst: 1},
		}}, pool.Config{})
		defer w.close()
		_, err := core.Do(t.Context(), w.Client, lookUp, func(ctx context.Context, _ int) (int, error) {
			_ = w.do(ctx, nil)
			return 0, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = w.do(t.Context(), nil)
		shows(t, w.spans.Ended()[len(w.spans.Ended())-3], map[attribute.Key]any{"error.type": "bulkhead_full", "penstock.bulkhead.limit": int64(1)})
		shows(t, w.last(), map[attribute.Key]any{"error.type": "local_rate_limit", "penstock.ratelimit.limit": 0.5})
	})
}

func TestAFailedOperationShowsWhatTimeItHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, penstock.Config{Chain: middleware.Config{
			OperationTimeout: 3 * time.Second, Timeout: timeout.Config{Attempt: time.Second}, Retry: retry.Config{MaxRetries: retry.None},
		}}, pool.Config{})
		defer w.close()
		hang := func(ctx context.Context, op core.Op) {
			_, _ = core.Do(ctx, w.Client, op, func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		}
		quick := lookUp
		quick.Timeout = 200 * time.Millisecond
		for _, row := range []struct {
			op    core.Op
			given time.Duration // by the caller, zero is no deadline
			want  map[attribute.Key]any
		}{
			{lookUp, 0, map[attribute.Key]any{"error.type": "timeout", "penstock.deadline": nil, "penstock.timeout.attempt": 1.0, "penstock.timeout.operation": 3.0}},
			{quick, 0, map[attribute.Key]any{"error.type": "timeout", "penstock.timeout.attempt": 0.2}},
			{lookUp, 500 * time.Millisecond, map[attribute.Key]any{"error.type": "deadline_exceeded", "penstock.deadline": 0.5, "penstock.timeout.attempt": 1.0}},
			{lookUp, time.Hour, map[attribute.Key]any{"error.type": "timeout", "penstock.deadline": 3600.0, "penstock.timeout.operation": 3.0}},
		} {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if row.given > 0 {
				ctx, cancel = context.WithTimeout(ctx, row.given)
			}
			hang(ctx, row.op)
			cancel()
			shows(t, w.last(), row.want)
		}
		if n := w.count("penstock.deadline.duration"); n != 1 {
			t.Errorf("%d deadlines measured, want that of the operation that its deadline ended", n)
		}
		if err := w.do(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		shows(t, w.last(), map[attribute.Key]any{"penstock.timeout.attempt": nil, "penstock.timeout.operation": nil, "penstock.deadline": nil})
	})
}

func TestAHedgedOperationIsMeasuredAsItsCallerSawIt(t *testing.T) {
	// A run takes so long, and ends with an error or without.
	type end struct {
		after time.Duration
		err   error
	}
	const delay = 100 * time.Millisecond // before the second run
	for _, row := range []struct {
		name          string
		first, second end
		seen          string        // error type or answer that the caller saw
		took          time.Duration // as the caller saw it
		outcomes      [2]any        // of the first and the second run
	}{
		{"the second wins", end{time.Second, nil}, end{50 * time.Millisecond, nil}, "", 150 * time.Millisecond, [2]any{"lost", "won"}},
		{"the first wins", end{200 * time.Millisecond, nil}, end{time.Second, nil}, "", 200 * time.Millisecond, [2]any{"won", "lost"}},
		{"the second is answered", end{time.Second, nil}, end{50 * time.Millisecond, errNotFound}, "not_found", 150 * time.Millisecond, [2]any{"lost", "won"}},
		{"the first fails, the second wins", end{200 * time.Millisecond, errDown}, end{300 * time.Millisecond, nil}, "", 400 * time.Millisecond, [2]any{"failed", "won"}},
		{"both fail", end{200 * time.Millisecond, errDown}, end{300 * time.Millisecond, errors.New("other")}, "down", 400 * time.Millisecond, [2]any{"failed", "failed"}},
		{"no second run", end{50 * time.Millisecond, nil}, end{}, "", 50 * time.Millisecond, [2]any{nil, nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, penstock.Config{Chain: middleware.Config{Retry: retry.Config{MaxRetries: retry.None}}}, pool.Config{})
				defer w.close()
				hedger, err := hedge.New(hedge.Config{Delay: delay})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				_, _ = hedge.Do(t.Context(), hedger, w.Client, lookUp, func(ctx context.Context, _ int) (int, error) {
					end := row.first
					if time.Since(begin) >= delay {
						end = row.second
					}
					select {
					case <-time.After(end.after):
						return 0, end.err
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				})
				const name = "db.client.operation.duration"
				if n := w.count(name); n != 1 {
					t.Errorf("%d operations measured, want 1", n)
				}
				kind := attribute.Key("error.type")
				if row.seen == "not_found" {
					kind = "penstock.answer"
				}
				if n := w.count(name, kind.String(row.seen)); n != 1 {
					t.Errorf("%d operations measured with %s = %q, want 1: %+v", n, kind, row.seen, w.metrics()[name].Data)
				}
				if got := w.sum(name); time.Duration(got*1e9).Round(time.Millisecond) != row.took {
					t.Errorf("the operation took %v s, want %v", got, row.took)
				}
				w.runs(row.outcomes)
			})
		})
	}
}

// sum returns the sum of a histogram.
func (w *watched) sum(name string) (s float64) {
	data, _ := w.metrics()[name].Data.(metricdata.Histogram[float64])
	for _, p := range data.DataPoints {
		s += p.Sum
	}
	return s
}

// runs checks the spans of the two runs of an operation, and the count of second runs.
func (w *watched) runs(outcomes [2]any) {
	w.t.Helper()
	spans := 0
	for _, span := range w.spans.Ended() {
		if span.Name() != "Get docs" {
			continue
		}
		spans++
		outcome, second := outcomes[0], any(false)
		if outcome == nil {
			second = nil
		}
		for _, kv := range span.Attributes() {
			if kv.Key == "penstock.hedge" && kv.Value.AsBool() {
				outcome, second = outcomes[1], true
			}
		}
		shows(w.t, span, map[attribute.Key]any{"penstock.hedge": second, "penstock.hedge.outcome": outcome})
		if failed := span.Status().Code == codes.Error; failed != (outcome == "failed") {
			w.t.Errorf("the run that %v has status %v", outcome, span.Status())
		}
		if outcome == "lost" {
			shows(w.t, span, map[attribute.Key]any{"error.type": nil})
		}
	}
	want := 2
	if outcomes[1] == nil {
		want = 1
	} else if n := w.count("penstock.hedges", attribute.String("penstock.hedge.outcome", outcomes[1].(string))); n != 1 {
		w.t.Errorf("%d hedges %v, want 1", n, outcomes[1])
	}
	if spans != want {
		w.t.Errorf("%d spans, want %d", spans, want)
	}
}
