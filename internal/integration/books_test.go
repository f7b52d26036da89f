// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/contract"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// books is what a storm itself counts, without a look at telemetry: the callers count
// what they get, stages of the storm count what passes them, and the factory counts
// what it is asked for. Amounts are numbers, and times in seconds.
type books struct {
	mu      sync.Mutex
	amounts map[string]float64 // guarded by mu
	breaker breaker.State      // after its last transition; guarded by mu
	answer  sync.Once          // the first of its kind is evidence
}

// add adds to the amount of a metric with one label.
func (b *books) add(metric, label string, amount float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if amount != 0 {
		b.amounts[metric+" "+label] += amount
	}
}

func (b *books) since(metric, label string, begin time.Time) {
	b.add(metric+".sum", label, time.Since(begin).Seconds())
}

// instrument is how the books have one metric.
type instrument struct {
	label     attribute.Key // tells its series apart in the books; "" adds them up
	skip      bool          // the books do not know the count, only the sum of the times
	elsewhere string        // where the books of it are, if the storm does not measure it
}

// instruments has a row for each metric there is. A histogram is in the books with its
// count, and as name.sum with its sum.
var instruments = map[string]instrument{
	"db.client.operation.duration":          {label: "error.type"},
	"db.client.connection.count":            {label: "db.client.connection.state"},
	"db.client.connection.idle.max":         {},
	"db.client.connection.idle.min":         {},
	"db.client.connection.max":              {},
	"db.client.connection.pending_requests": {},
	"db.client.connection.timeouts":         {},
	"db.client.connection.create_time":      {},
	"db.client.connection.wait_time":        {skip: true}, // a wait may take no time
	"db.client.connection.use_time":         {skip: true}, // a guard may refuse the work
	"penstock.retries":                      {},
	"penstock.retry.outcomes":               {label: "penstock.retry.outcome"},
	"penstock.circuit_breaker.transitions":  {label: "penstock.circuit_breaker.to"},
	"penstock.health.transitions":           {label: "penstock.health.to", skip: true}, // see gate
	"penstock.timeouts":                     {label: "penstock.timeout.scope"},
	"penstock.wait.duration":                {label: "penstock.stage", skip: true}, // a wait may take no time
	"penstock.deadline.duration":            {},
	"penstock.panics":                       {label: "penstock.function", elsewhere: "package callbacks"},
	"penstock.evidence.traces":              {}, // exported or left out
	"penstock.pool.connections.closed":      {},
	"penstock.pool.connections.leaving":     {},           // none after the storm
	"penstock.pool.connection.failures":     {skip: true}, // the classifier and the guards decide
	"penstock.endpoint.state":               {elsewhere: "otelx.TestTheFiguresOfEndpoints"},
	"penstock.endpoint.in_flight":           {elsewhere: "otelx.TestTheFiguresOfEndpoints"},
	"penstock.endpoint.ejections":           {elsewhere: "otelx.TestTheFiguresOfEndpoints"},
	"penstock.endpoint.latency":             {elsewhere: "otelx.TestTheFiguresOfEndpoints"},
	"penstock.pool.leases.active":           {},
	"penstock.pool.leases.remaining":        {},
	"penstock.pool.leases.leaked":           {},
	"penstock.pool.waits.canceled":          {},
	"penstock.pool.calls.stuck":             {},
	"penstock.pool.validations":             {},

	"penstock.operation.failures":               {label: "error.type"},
	"penstock.attempt.duration":                 {skip: true}, // work may take no time, and then it is as if it had not begun
	"penstock.retry.count":                      {},
	"penstock.retry.total_delay":                {},
	"penstock.retry.budget.remaining":           {},
	"penstock.circuit_breaker.state":            {label: "penstock.circuit_breaker.state"},
	"penstock.circuit_breaker.recovery_timeout": {},
	"penstock.health.status":                    {},
	"penstock.health.check.duration":            {},
	"penstock.timeout.limit":                    {label: "penstock.timeout.scope"},
	"penstock.bulkhead.running":                 {},
	"penstock.bulkhead.waiting":                 {},
	"penstock.bulkhead.limit":                   {},
	"penstock.bulkhead.operations":              {label: "penstock.admission"},
	"penstock.ratelimit.limit":                  {},
	"penstock.ratelimit.operations":             {label: "penstock.admission"},
	"penstock.async.running":                    {},
	"penstock.async.limit":                      {},
	"penstock.async.rejected":                   {},
	"penstock.configuration.generation":         {},
	"penstock.configuration.changes":            {label: "penstock.configuration.outcome", elsewhere: "penstock.TestAChangeIsToldToTelemetryAndTheLog"},
	"penstock.fallbacks":                        {label: "db.operation.name"},
	"penstock.telemetry.overflow":               {},

	"penstock.transport.connects":    {label: "penstock.disconnect.reason"},
	"penstock.transport.disconnects": {label: "penstock.disconnect.reason"},

	"penstock.hedges":                  {label: "penstock.hedge.outcome", elsewhere: "TestHedgesAgreeWithTheBooks"},
	"db.client.response.returned_rows": {elsewhere: "TestMeasurementsAreApartByConsistency"}, // an adapter says how many
}

// measured returns the amounts of all metrics, as the books have them.
func measured(t *testing.T, metrics map[string]metricdata.Metrics) map[string]float64 {
	t.Helper()
	amounts := map[string]float64{}
	for name, m := range metrics {
		row, ok := instruments[name]
		if !ok {
			t.Errorf("the books have no row for %s", name)
		}
		label := func(set attribute.Set) string {
			if answer, ok := set.Value("penstock.answer"); ok && row.label != "" {
				return answer.AsString()
			}
			value, _ := set.Value(row.label)
			return value.AsString()
		}
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				if !row.skip {
					amounts[name+" "+label(p.Attributes)] += float64(p.Count)
				}
				amounts[name+".sum "+label(p.Attributes)] += p.Sum
			}
		case metricdata.Histogram[int64]:
			for _, p := range data.DataPoints {
				amounts[name+" "+label(p.Attributes)] += float64(p.Count)
				amounts[name+".sum "+label(p.Attributes)] += float64(p.Sum)
			}
		case metricdata.Gauge[float64]:
			for _, p := range data.DataPoints {
				amounts[name+" "+label(p.Attributes)] += p.Value
			}
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				if !row.skip {
					amounts[name+" "+label(p.Attributes)] += float64(p.Value)
				}
			}
		default:
			t.Errorf("the books cannot read the %T of %s", data, name)
		}
	}
	return amounts
}

// compare reports each amount in which telemetry and the books differ.
func (b *books) compare(t *testing.T, when string, telemetry map[string]float64) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := slices.Sorted(maps.Keys(telemetry))
	for key := range b.amounts {
		if _, ok := telemetry[key]; !ok {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if got, want := telemetry[key], b.amounts[key]; math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %s is %v, the books have %v", when, key, got, want)
		}
	}
}

// gate checks the transitions of the health gate, which its probes and any attempt may
// cause: it shuts and opens in turn.
func gate(t *testing.T, w *watched) {
	t.Helper()
	shut := w.count("penstock.health.transitions", attribute.String("penstock.health.to", "down"))
	opened := w.count("penstock.health.transitions", attribute.String("penstock.health.to", "up"))
	if up := w.Monitor().Up(); shut == 0 || up && shut != opened || !up && shut != opened+1 {
		t.Errorf("the gate shut %d times and opened %d times, up is %v now", shut, opened, up)
	}
}

func TestTelemetryAgreesWithTheBooks(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(10) {
		for _, mode := range []pool.Mode{pool.Exclusive, pool.Shared} {
			t.Run(fmt.Sprintf("%v/%d", mode, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { storm(t, mode, seed, seen) })
			})
		}
	}
	for name, row := range instruments {
		if !seen[name] && row.elsewhere == "" {
			t.Errorf("%s was never measured", name)
		}
	}
	r, err := contract.Penstock()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range r.Signals[contract.Metric] {
		if _, ok := instruments[name]; !ok && s.Emitted() && s.Mark.By == "" {
			t.Errorf("the books have no row for %s", name)
		}
	}
}

func storm(t *testing.T, mode pool.Mode, seed uint64, seen map[string]bool) {
	b := &books{amounts: map[string]float64{}}
	begin := time.Now()
	w := &watched{t: t, reader: emitted.Reader(t)}
	lending := pool.Config{Mode: mode, MaxSize: 2, AcquireTimeout: 20 * time.Millisecond}
	if mode == pool.Shared {
		lending.MaxSharing = 2
	}
	client, err := penstock.New(penstock.Backend[int]{
		Factory: transport{b.factory(rand.New(rand.NewPCG(seed, 99))), b},
		Classifier: func(err error) core.Class {
			switch {
			case errors.Is(err, errNotFound):
				return core.Answered("not_found")
			case errors.Is(err, errBusy):
				return core.Busy("busy", 5*time.Millisecond)
			}
			return core.DeadConn("down")
		},
		Pool: lending,
	}, penstock.Config{
		// Nothing is sampled, so that all that fails is evidence.
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample()))),
		MaxAsync:       3, UseTime: true, Telemetry: []otelx.Option{otelx.WithAttemptDuration(true)}, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader)),
		Chain: middleware.Config{
			Breaker: breaker.Config{
				RecoveryTimeout: 100 * time.Millisecond,
				OnTransition: func(_ string, _, to breaker.State) {
					b.add("penstock.circuit_breaker.transitions", to.String(), 1)
					b.mu.Lock()
					b.breaker = to
					b.mu.Unlock()
				},
			},
			Bulkhead:  &bulkhead.Config{MaxConcurrent: 5, MaxWaiting: 3, MaxWait: 20 * time.Millisecond},
			RateLimit: &ratelimit.Config{Rate: 200, Burst: 3, MaxWait: 30 * time.Millisecond},
			Retry:     retry.Config{Interval: 10 * time.Millisecond},
			Timeout:   timeout.Config{Attempt: 50 * time.Millisecond},
			Health: &health.Config{Interval: 300 * time.Millisecond, DownThreshold: 1, Probe: func(context.Context) error {
				b.add("penstock.health.check.duration", "", 1)
				if time.Since(begin)/time.Second%2 == 1 {
					return errDown
				}
				return nil
			}},
			Stages: b.stages(),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil && !errors.Is(err, pool.ErrDial) {
		t.Fatal(err)
	}
	w.Client = client
	var wg sync.WaitGroup
	for caller := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, caller))
			for range 60 {
				b.operation(t.Context(), client, r)
				time.Sleep(upTo(r, 60*time.Millisecond))
			}
		})
	}
	wg.Wait()
	time.Sleep(time.Second) // what runs in the background ends
	stats := client.Pool().Stats()
	if stats.InUse != 0 || stats.Waiters != 0 {
		t.Errorf("after the storm: %+v", stats)
	}
	for _, name := range []string{"max", "idle.max"} {
		b.add("db.client.connection."+name, "", 2)
	}
	b.add("penstock.pool.leases.remaining", "", float64(stats.Places))
	b.room(client, 1)
	gate(t, w)
	metrics := w.metrics()
	for name := range metrics {
		seen[name] = true
	}
	b.compare(t, "after the storm", measured(t, metrics))
	b.room(client, -1)
	w.close()
	for _, name := range []string{"max", "idle.max"} {
		b.add("db.client.connection."+name, "", -2)
	}
	b.add("penstock.pool.leases.remaining", "", -float64(stats.Places))
	b.compare(t, "after the close", measured(t, w.metrics()))
	time.Sleep(time.Second)
}
