// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/trace"
	"github.com/penstock-go/penstock/pool"
)

var (
	lookUp      = core.Op{Name: "Get", Target: "docs", Safety: core.ReadOnly}
	errNotFound = errors.New("no such document")
	errDown     = errors.New("down")
)

// watched is a client with the OpenTelemetry SDK in memory behind it.
type watched struct {
	*penstock.Client[int]
	t      *testing.T
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
	meters *sdkmetric.MeterProvider // set if other clients share it
}

func watch(t *testing.T, cfg penstock.Config, poolConfig pool.Config) *watched {
	t.Helper()
	w := &watched{t: t, spans: emitted.Spans(t), reader: emitted.Reader(t)}
	cfg.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	cfg.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))
	client, err := penstock.Open(t.Context(), penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{}},
		Classifier: func(err error) core.Class {
			if errors.Is(err, errNotFound) {
				return core.Answered("not_found")
			}
			return core.DeadConn("down")
		},
		Pool: poolConfig,
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Client = client
	return w
}

// do runs an operation whose attempts end with the given errors, one after the
// other.
func (w *watched) do(ctx context.Context, ends ...error) error {
	_, err := core.Do(ctx, w.Client, lookUp, func(context.Context, int) (int, error) {
		end := ends[0]
		ends = ends[1:]
		return 0, end
	})
	return err
}

// metrics returns what was measured, by name.
func (w *watched) metrics() map[string]metricdata.Metrics {
	w.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := w.reader.Collect(w.t.Context(), &rm); err != nil {
		w.t.Fatal(err)
	}
	byName := map[string]metricdata.Metrics{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// count returns how much was measured in the series of a metric that have all of
// the attributes; an empty value stands for no such attribute.
func (w *watched) count(name string, attributes ...attribute.KeyValue) int64 {
	w.t.Helper()
	var n int64
	has := func(set attribute.Set) bool {
		for _, want := range attributes {
			if got, _ := set.Value(want.Key); got.AsString() != want.Value.AsString() {
				return false
			}
		}
		return true
	}
	switch data := w.metrics()[name].Data.(type) {
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			if has(p.Attributes) {
				n += int64(p.Count)
			}
		}
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			if has(p.Attributes) {
				n += p.Value
			}
		}
	}
	return n
}

// ended returns the spans of operations and attempts that have ended.
func (w *watched) ended() []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(w.spans.Ended(), func(s sdktrace.ReadOnlySpan) bool { return strings.HasPrefix(s.Name(), "pool.") })
}

func (w *watched) close() {
	w.t.Helper()
	if err := w.Close(w.t.Context()); err != nil {
		w.t.Errorf("Close = %v", err)
	}
}

const duration = "db.client.operation.duration"

func errorType(s string) attribute.KeyValue { return attribute.String("error.type", s) }

func TestARetryIsCountedWhenItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, penstock.Config{Chain: middleware.Config{
			Retry: retry.Config{Interval: time.Hour, MaxInterval: time.Hour, Jitter: retry.NoJitter},
		}}, pool.Config{})
		defer w.close()
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Minute, cancel)
			if err := w.do(ctx, errDown); !errors.Is(err, errDown) {
				t.Errorf("Do = %v, want %v", err, errDown)
			}
		}
		if n := w.count("penstock.retries"); n != 0 {
			t.Errorf("%d retries after three operations that were given up in the backoff, want 0", n)
		}
		if err := w.do(t.Context(), errDown, errDown, nil); err != nil {
			t.Errorf("Do = %v", err)
		}
		if n := w.count("penstock.retries", errorType("down")); n != 2 {
			t.Errorf("%d retries after an operation of three attempts, want 2", n)
		}
	})
}

func TestWhatGoRefusesIsMeasured(t *testing.T) {
	for name, traced := range map[string]bool{"traced": true, "not traced": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, penstock.Config{MaxAsync: 1, Chain: middleware.Config{Trace: trace.Config{Disabled: !traced}}}, pool.Config{})
				submit := func() *core.Future[int] {
					return core.Go(t.Context(), w.Client, lookUp, func(context.Context, int) (int, error) {
						time.Sleep(time.Second)
						return 1, nil
					})
				}
				first := submit()
				for range 100 {
					if _, err := submit().Await(t.Context()); !errors.Is(err, core.ErrAsyncLimit) {
						t.Fatalf("Go = %v, want %v", err, core.ErrAsyncLimit)
					}
				}
				if _, err := first.Await(t.Context()); err != nil {
					t.Errorf("Go = %v", err)
				}
				w.close()
				if _, err := submit().Await(t.Context()); !errors.Is(err, core.ErrClientClosed) {
					t.Errorf("Go = %v, want %v", err, core.ErrClientClosed)
				}

				for _, row := range []struct {
					errorType string
					want      int64
				}{{"", 1}, {"bulkhead_full", 100}, {"pool_closed", 1}} {
					want := row.want
					if !traced {
						want = 0 // no operation is measured, so a refused one is not either
					}
					if got := w.count(duration, errorType(row.errorType)); got != want {
						t.Errorf("%d operations with error.type %q, want %d", got, row.errorType, want)
					}
				}
				if n := len(w.ended()); traced && n != 102 {
					t.Errorf("%d spans, want 102", n)
				}
			})
		})
	}
}

func TestAnAnswerOfTheBackendIsNotRed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, penstock.Config{}, pool.Config{})
		defer w.close()
		for _, ends := range [][]error{{errNotFound}, {errDown, errNotFound}} {
			if err := w.do(t.Context(), ends...); !errors.Is(err, errNotFound) {
				t.Errorf("Do = %v, want %v", err, errNotFound)
			}
		}
		spans := w.ended()
		if len(spans) != 3 {
			t.Fatalf("%d spans, want two operations and one attempt", len(spans))
		}
		for _, span := range spans {
			set := attribute.NewSet(span.Attributes()...)
			answer, _ := set.Value("penstock.answer")
			if _, failed := set.Value("error.type"); failed || answer.AsString() != "not_found" || span.Status().Code != codes.Unset {
				t.Errorf("span %s has status %v and %v, want the answer alone", span.Name(), span.Status(), span.Attributes())
			}
		}
		if got := w.count(duration, attribute.String("penstock.answer", "not_found"), errorType("")); got != 2 {
			t.Errorf("%d answers, want 2", got)
		}
		if got := w.count("penstock.retry.outcomes", attribute.String("penstock.retry.outcome", "answered")); got != 1 {
			t.Errorf("%d operations with an answer after a failure, want 1", got)
		}
		if got := w.count("penstock.retry.outcomes"); got != 1 {
			t.Errorf("%d operations with a failed attempt, want 1", got)
		}
	})
}

func TestEachWaitIsToldAndThePartsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, penstock.Config{Chain: middleware.Config{
			Bulkhead:  &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1},
			RateLimit: &ratelimit.Config{Rate: 1, Burst: 1, MaxWait: time.Minute},
			Retry:     retry.Config{Interval: 3 * time.Second, Jitter: retry.NoJitter},
		}}, pool.Config{MaxSize: 1})
		defer w.close()
		run := func(name string, took time.Duration, ends ...error) {
			_, err := core.Do(t.Context(), w.Client, core.Op{Name: name, Safety: core.ReadOnly}, func(context.Context, int) (int, error) {
				time.Sleep(took)
				end := ends[0]
				ends = ends[1:]
				return 0, end
			})
			if err != nil {
				t.Errorf("%s: Do = %v", name, err)
			}
		}
		// It takes the only token of the first second, and the only slot. Then a lease
		// beside the chain takes the only connection.
		go run("First", 700*time.Millisecond, nil)
		synctest.Wait()
		begin := time.Now()
		go func() {
			time.Sleep(3 * time.Second) // in the backoff
			lease, err := w.Pool().Acquire(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(5 * time.Second)
			lease.Release()
		}()
		run("Second", time.Second, errDown, nil)
		took := time.Since(begin)

		waits := map[string]time.Duration{}
		for _, span := range w.ended() {
			if !strings.HasPrefix(span.Name(), "Second") {
				continue
			}
			for _, e := range span.Events() {
				if set := attribute.NewSet(e.Attributes...); e.Name == "penstock.wait" {
					stage, _ := set.Value("penstock.stage")
					d, _ := set.Value("penstock.wait.duration")
					waits[stage.AsString()] += time.Duration(d.AsFloat64() * float64(time.Second))
				}
			}
		}
		var acquired time.Duration
		for _, span := range w.spans.Ended() {
			if span.Name() == "pool.acquire" {
				acquired += span.EndTime().Sub(span.StartTime())
			}
		}
		if acquired != waits["pool"] {
			t.Errorf("the spans of the waits for a connection take %v, the events tell of %v", acquired, waits["pool"])
		}
		want := map[string]time.Duration{}
		for _, p := range w.metrics()["penstock.wait.duration"].Data.(metricdata.Histogram[float64]).DataPoints {
			stage, _ := p.Attributes.Value("penstock.stage")
			want[stage.AsString()] += time.Duration(p.Sum * float64(time.Second))
		}
		for _, stage := range []string{"bulkhead", "ratelimit", "retry", "pool"} {
			if waits[stage] <= 0 || waits[stage] != want[stage] {
				t.Errorf("%s made the operation wait %v; measured: %v", stage, waits[stage], want[stage])
			}
		}
		parts := 2 * time.Second // of work
		for _, d := range waits {
			parts += d
		}
		if parts != took {
			t.Errorf("waits %v and 2s of work are %v, the operation took %v", waits, parts, took)
		}
	})
}

func TestAWaitThatIsGivenUpIsToldToo(t *testing.T) {
	for _, row := range []struct {
		stage string
		cfg   middleware.Config
	}{
		{"bulkhead", middleware.Config{Bulkhead: &bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1}}},
		{"ratelimit", middleware.Config{RateLimit: &ratelimit.Config{Rate: 0.001, Burst: 1, MaxWait: time.Hour}}},
		{"retry", middleware.Config{Retry: retry.Config{Interval: time.Hour, MaxInterval: time.Hour, Jitter: retry.NoJitter}}},
	} {
		t.Run(row.stage, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, penstock.Config{Chain: row.cfg}, pool.Config{})
				defer w.close()
				switch row.stage {
				case "bulkhead": // takes the only slot
					release := make(chan struct{})
					defer close(release)
					go core.Do(t.Context(), w.Client, lookUp, func(context.Context, int) (int, error) {
						<-release
						return 0, nil
					})
					synctest.Wait()
				case "ratelimit": // takes the only token
					if err := w.do(t.Context(), nil); err != nil {
						t.Errorf("Do = %v", err)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Minute, cancel)
				if err := w.do(ctx, errDown); !errors.Is(err, context.Canceled) {
					t.Errorf("Do = %v, want %v", err, context.Canceled)
				}
				data, _ := w.metrics()["penstock.wait.duration"].Data.(metricdata.Histogram[float64])
				if len(data.DataPoints) != 1 || data.DataPoints[0].Count != 1 || data.DataPoints[0].Sum != 60 {
					t.Errorf("penstock.wait.duration = %v, want one wait of 60 s", data.DataPoints)
				}
			})
		})
	}
}
