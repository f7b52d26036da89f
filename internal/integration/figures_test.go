// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

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

// series returns the values of a metric by one of its attributes.
func (w *watched) series(name string, key attribute.Key) map[string]int64 {
	w.t.Helper()
	values := map[string]int64{}
	if data, ok := w.metrics()[name].Data.(metricdata.Sum[int64]); ok {
		for _, p := range data.DataPoints {
			v, _ := p.Attributes.Value(key)
			values[v.AsString()] += p.Value
		}
	}
	return values
}

func newWatched(t *testing.T, name string, w *watched, chain middleware.Config, log *bytes.Buffer) *watched {
	t.Helper()
	if w == nil {
		reader := emitted.Reader(t)
		w = &watched{t: t, reader: reader}
		w.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	}
	cfg := penstock.Config{Chain: chain, MeterProvider: w.meters}
	if log != nil {
		cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	}
	client, err := penstock.New(penstock.Backend[int]{
		Factory: struct{ pool.Factory[int] }{&coretest.Factory[int]{OnDial: func(context.Context, int) (int, error) { return 1, nil }}},
		Pool:    pool.Config{Name: name},
		Address: "db.internal", Port: 19530,
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &watched{t: t, reader: w.reader, meters: w.meters, Client: client}
}

func fails(context.Context, int) (int, error) { return 0, errDown }

func TestTheStateOfABreakerAndAGateAreGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		w := newWatched(t, "docs", nil, middleware.Config{
			Breaker: breaker.Config{FailureThreshold: 1, RecoveryTimeout: time.Minute}, Retry: retry.Config{MaxRetries: retry.None},
			KeyedBreaker: &keyed.Config{Each: breaker.Config{FailureThreshold: 2, RecoveryTimeout: time.Minute}},
			Health: &health.Config{Interval: time.Second, DownThreshold: 1, Probe: func(context.Context) error {
				if down.Load() {
					return errDown
				}
				return nil
			}},
		}, nil)
		defer w.close()
		state := func(name string) map[string]int64 {
			found := map[string]int64{}
			for _, s := range []string{"closed", "open", "half_open", "forced_open", "forced_closed", "disabled"} {
				if n := w.count("penstock.circuit_breaker.state", attribute.String("penstock.circuit_breaker.name", name), attribute.String("penstock.circuit_breaker.state", s)); n != 0 {
					found[s] = n
				}
			}
			return found
		}
		want := func(when, breaker, keyed string, gate int64) {
			t.Helper()
			if got := fmt.Sprint(state("docs")); got != breaker {
				t.Errorf("%s: breaker %s, want %s", when, got, breaker)
			}
			if got := fmt.Sprint(state("docs.keyed")); got != keyed {
				t.Errorf("%s: keyed breakers %s, want %s", when, got, keyed)
			}
			if got := w.series("penstock.health.status", "")[""]; got != gate {
				t.Errorf("%s: health %d, want %d", when, got, gate)
			}
		}
		want("at the start", "map[closed:1]", "map[closed:1]", 1) // the overflow breaker
		for i := range 3 {
			w.Breaker().Reset()
			_, _ = core.Do(t.Context(), w.Client, core.Op{Name: "Get", Target: fmt.Sprint(i % 2)}, fails)
		}
		down.Store(true)
		time.Sleep(2 * time.Second)
		want("in the outage", "map[open:1]", "map[closed:2 open:1]", 0)
		time.Sleep(2 * time.Minute)
		want("after the recovery time", "map[half_open:1]", "map[closed:2 half_open:1]", 0)
		w.Breaker().ForceOpen()
		down.Store(false)
		time.Sleep(2 * time.Second)
		want("by hand", "map[forced_open:1]", "map[closed:2 half_open:1]", 1)
	})
}

func TestTwoClientsOfOneServerAreToldApart(t *testing.T) {
	first := newWatched(t, "reads", nil, middleware.Config{}, nil)
	second := newWatched(t, "writes", first, middleware.Config{}, nil)
	defer first.close()
	defer second.close()
	for range 3 {
		_, _ = core.Do(t.Context(), first.Client, lookUp, func(context.Context, int) (int, error) { return 0, nil })
	}
	_, _ = core.Do(t.Context(), second.Client, lookUp, func(context.Context, int) (int, error) { return 0, nil })
	for pool, want := range map[string]int64{"reads": 3, "writes": 1} {
		if got := first.count(duration, attribute.String("db.client.connection.pool.name", pool)); got != want {
			t.Errorf("%s has %d operations, want %d", pool, got, want)
		}
	}
}

func TestTheValuesWithAZeroAreThoseOfTheStages(t *testing.T) {
	w := newWatched(t, "docs", nil, middleware.Config{}, nil)
	defer w.close()
	outcomes := []string{
		retry.OutcomeRecovered, retry.OutcomeAnswered, retry.OutcomeExhausted, retry.OutcomeNotRetryable, retry.OutcomeUnsafe,
		retry.OutcomeLimited, retry.OutcomeForbidden, retry.OutcomeRejected, retry.OutcomeHint, retry.OutcomeBudget,
		retry.OutcomeDeadline, retry.OutcomeCanceled, retry.OutcomeClosed, retry.OutcomePanicked,
	}
	states := []string{}
	for s := breaker.Closed; s <= breaker.Disabled; s++ {
		states = append(states, s.String())
	}
	for _, row := range []struct {
		metric string
		key    attribute.Key
		want   []string
	}{
		{"penstock.retry.outcomes", "penstock.retry.outcome", outcomes},
		{"penstock.circuit_breaker.state", "penstock.circuit_breaker.state", states},
		{"penstock.timeouts", "penstock.timeout.scope", []string{"attempt", "operation"}},
		{"penstock.circuit_breaker.transitions", "penstock.circuit_breaker.to", []string{"closed", "half_open", "open"}},
	} {
		var got []string
		for value := range w.series(row.metric, row.key) {
			got = append(got, value)
		}
		slices.Sort(got)
		slices.Sort(row.want)
		if !slices.Equal(got, row.want) {
			t.Errorf("%s has %q, want %q", row.metric, got, row.want)
		}
	}
}

func TestTheClientsLoggerIsToldOfFoldedValues(t *testing.T) {
	var log bytes.Buffer
	w := newWatched(t, "docs", nil, middleware.Config{}, &log)
	defer w.close()
	for i := range 300 {
		_, _ = core.Do(t.Context(), w.Client, core.Op{Name: "Get", Target: fmt.Sprint(i)}, func(context.Context, int) (int, error) { return 0, nil })
	}
	if n := strings.Count(log.String(), "attribute=db.collection.name"); n != 1 {
		t.Errorf("%d records, want 1:\n%s", n, log.String())
	}
}
