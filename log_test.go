// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

// records are the lines of a log without their times.
func records(log *bytes.Buffer) []string {
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	for i, line := range lines {
		_, lines[i], _ = strings.Cut(line, " ")
	}
	return lines
}

// outcome is the error of an operation that ends with end.
func outcome(ctx context.Context, c core.Runner[*wire], op core.Op, end error) error {
	_, err := core.Do(ctx, c, op, func(context.Context, *wire) (int, error) { return 0, end })
	return err
}

func TestABreakerThatOpensAndClosesIsTwoRecords(t *testing.T) {
	down := errors.New("down")
	for name, traced := range map[string]bool{"with telemetry": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				spans := emitted.Spans(t)
				cfg := penstock.Config{
					Logger: slog.New(slog.NewTextHandler(&log, nil)),
					Chain:  middleware.Config{Breaker: breaker.Config{HalfOpenSuccesses: 1}, Retry: retry.Config{MaxRetries: retry.None}},
				}
				if traced {
					cfg.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
				}
				c := newClient(t, backend{Factory: pingless{&wires{OnDial: dialWire}}}, cfg)
				defer closeClient(t, c)
				if (c.Observer() != nil) != traced {
					t.Errorf("Observer = %v", c.Observer())
				}
				for range 100 {
					if outcome(t.Context(), c, getNumber, down) == nil {
						t.Error("Do = nil")
					}
				}
				for range 3 { // an outage goes on
					time.Sleep(31 * time.Second)
					_ = outcome(t.Context(), c, getNumber, down)
				}
				time.Sleep(31 * time.Second)
				if err := outcome(t.Context(), c, getNumber, nil); err != nil {
					t.Errorf("Do = %v", err)
				}
				ids := [2]string{}
				if traced {
					ended := spans.Ended()
					var operations []sdktrace.ReadOnlySpan
					for _, s := range ended {
						if !strings.HasPrefix(s.Name(), "pool.") {
							operations = append(operations, s)
						}
					}
					for i, s := range []sdktrace.ReadOnlySpan{operations[4], operations[len(operations)-1]} {
						ids[i] = fmt.Sprintf(" trace_id=%v span_id=%v", s.SpanContext().TraceID(), s.SpanContext().SpanID())
					}
				}
				want := []string{
					`level=WARN msg="penstock: circuit breaker opened" breaker=penstock_test.wire from=closed to=open pool=penstock_test.wire error=down` + ids[0],
					`level=INFO msg="penstock: circuit breaker closed" breaker=penstock_test.wire from=half_open to=closed pool=penstock_test.wire` + ids[1],
				}
				if got := records(&log); strings.Join(got, "\n") != strings.Join(want, "\n") {
					t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		})
	}
}

func TestAGateThatShutsAndOpensIsTwoRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		down := errors.New("no sign of life")
		f := &wires{OnDial: dialWire, OnPing: func(context.Context, *wire) error { return down }}
		c := newClient(t, backend{Factory: f}, penstock.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Chain:  middleware.Config{Health: &health.Config{DownThreshold: 2}},
		})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := outcome(t.Context(), c, getNumber, nil); err != nil {
			t.Errorf("Do = %v", err)
		}
		closeClient(t, c)
		got := records(&log)
		if len(got) != 2 || !strings.Contains(got[0], `level=WARN msg="penstock: health gate shut" monitor=penstock_test.wire`) ||
			!strings.Contains(got[0], "no sign of life") || !strings.Contains(got[1], `level=INFO msg="penstock: health gate opened"`) {
			t.Errorf("logged\n%s\nwant that the gate shut and opened", strings.Join(got, "\n"))
		}
	})
}

func TestAStormOfTransitionsIsAFewRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		down := errors.New("down")
		c := newClient(t, backend{Factory: pingless{&wires{OnDial: dialWire}}}, penstock.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Chain: middleware.Config{
				Breaker:      breaker.Config{Disabled: true},
				KeyedBreaker: &keyed.Config{Each: breaker.Config{FailureThreshold: 1}},
				Retry:        retry.Config{MaxRetries: retry.None},
			},
		})
		defer closeClient(t, c)
		fail := func(n int) {
			for range n {
				key := fmt.Sprintf("key %d", time.Now().UnixNano())
				time.Sleep(time.Nanosecond)
				_ = outcome(t.Context(), c, core.Op{Name: "Get", Target: key}, down)
			}
		}
		fail(100)
		if n := len(records(&log)); n != 20 {
			t.Errorf("%d records of 100 breakers that opened at once, want 20", n)
		}
		time.Sleep(10 * time.Second)
		log.Reset()
		fail(1)
		if got := records(&log); len(got) != 1 || !strings.Contains(got[0], "left_out=80") {
			t.Errorf("logged %q, want one record with what was left out", got)
		}
		time.Sleep(30 * time.Second) // the timers of open breakers cannot be stopped
	})
}

// In an outage the budget refuses each operation another attempt.
func TestASpentBudgetIsOneRecordInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		budget, err := core.NewBudget(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, backend{Factory: pingless{&wires{OnDial: dialWire}}}, penstock.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Chain:  middleware.Config{Breaker: breaker.Config{Disabled: true}, Retry: retry.Config{Budget: budget}},
		})
		defer closeClient(t, c)
		for _, operations := range []int{1, 100} {
			log.Reset()
			for range 100 {
				_ = outcome(t.Context(), c, getNumber, errors.New("down"))
			}
			want := fmt.Sprintf(`level=WARN msg="penstock: retry budget spent" operation=%s operations=%d`, getNumber.Name, operations)
			if got := records(&log); len(got) != 1 || !strings.Contains(got[0], want) {
				t.Errorf("logged %q, want one record with %s", got, want)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

// bad is an observer with a bug.
type bad struct{ coretest.Recorder }

func (*bad) Begin(context.Context, core.Scope) context.Context { panic("a bug") }

func TestAPanicThatIsRecoveredIsLogged(t *testing.T) {
	var log bytes.Buffer
	c := newClient(t, backend{Factory: pingless{&wires{OnDial: dialWire}}}, penstock.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Observer: &bad{},
	})
	if err := outcome(t.Context(), c, getNumber, nil); err != nil {
		t.Errorf("Do = %v", err)
	}
	closeClient(t, c)
	if got := log.String(); !strings.Contains(got, `level=ERROR msg="penstock: recovered a panic" function=Observer.Begin`) || !strings.Contains(got, "log_test.go") {
		t.Errorf("logged %s, want the panic and its stack", got)
	}
}

func TestUseTimeIsMeasuredOnDemand(t *testing.T) {
	for name, on := range map[string]bool{"on": true, "off": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := emitted.Reader(t)
				var own []time.Duration
				c := newClient(t, backend{
					Factory: pingless{&wires{OnDial: dialWire}},
					Pool:    pool.Config{OnUse: func(d time.Duration) { own = append(own, d) }},
				}, penstock.Config{UseTime: on, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
				defer closeClient(t, c)
				for range 3 {
					_, err := core.Do(t.Context(), c, getNumber, func(ctx context.Context, w *wire) (int, error) {
						time.Sleep(time.Second)
						return 0, nil
					})
					if err != nil {
						t.Errorf("Do = %v", err)
					}
				}
				data, measured := figures(t, reader)["db.client.connection.use_time"].(metricdata.Histogram[float64])
				if measured != on || on && (data.DataPoints[0].Count != 3 || data.DataPoints[0].Sum != 3) {
					t.Errorf("db.client.connection.use_time = %v, UseTime %v", data.DataPoints, on)
				}
				if len(own) != 3 {
					t.Errorf("the pool's own OnUse was told of %d leases, want 3", len(own))
				}
			})
		})
	}
}
