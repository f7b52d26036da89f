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
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/internal/contract"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/fallback"
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

// trip is one operation of the storm on its way through the chain. It goes with the
// context.
type trip struct {
	at       time.Time // of the last step
	attempts int
	backoff  time.Duration
	admitted bool // by the bulkhead
	paced    bool // by the rate limiter
	working  bool
}

type tripKey struct{}

// stage returns a stage of the storm's own, which stands as place says.
func (b *books) stage(name string, place middleware.Stage, pass func(context.Context, *core.Call, *trip, func() error) error) middleware.Stage {
	place.Name = name
	place.Middleware = func(next core.Handler) core.Handler {
		return func(ctx context.Context, call *core.Call) error {
			return pass(ctx, call, ctx.Value(tripKey{}).(*trip), func() error { return next(ctx, call) })
		}
	}
	return place
}

// stages are around each stage that waits, retries or ends attempts.
func (b *books) stages() []middleware.Stage {
	wait := "penstock.wait.duration"
	return []middleware.Stage{
		b.stage("entry", middleware.Stage{Before: "bulkhead"}, func(_ context.Context, _ *core.Call, tr *trip, next func() error) error {
			tr.at = time.Now()
			err := next()
			if !tr.admitted {
				b.since(wait, "bulkhead", tr.at)
				b.add("penstock.bulkhead.operations", admission(errors.As(err, new(*bulkhead.FullError))), 1)
			}
			return err
		}),
		b.stage("admitted", middleware.Stage{After: "bulkhead"}, func(_ context.Context, _ *core.Call, tr *trip, next func() error) error {
			b.since(wait, "bulkhead", tr.at)
			b.add("penstock.bulkhead.operations", admission(false), 1)
			tr.admitted, tr.at = true, time.Now()
			err := next()
			if !tr.paced {
				b.since(wait, "ratelimit", tr.at)
				b.add("penstock.ratelimit.operations", admission(errors.As(err, new(*ratelimit.LimitedError))), 1)
			}
			return err
		}),
		b.stage("paced", middleware.Stage{Before: "retry"}, func(ctx context.Context, _ *core.Call, tr *trip, next func() error) error {
			b.since(wait, "ratelimit", tr.at)
			b.add("penstock.ratelimit.operations", admission(false), 1)
			tr.paced = true
			outcome := retry.OutcomePanicked
			defer func() {
				b.since(wait, "retry", tr.at) // a backoff that was given up
				if tr.backoff += time.Since(tr.at); tr.attempts > 1 {
					b.add("penstock.retry.count", "", 1)
					b.add("penstock.retry.count.sum", "", float64(tr.attempts-1))
					b.add("penstock.retry.total_delay", "", 1)
					b.add("penstock.retry.total_delay.sum", "", tr.backoff.Seconds())
				}
				if outcome != "" && (outcome != retry.OutcomePanicked || tr.attempts > 1) {
					b.add("penstock.retry.outcomes", outcome, 1)
				}
			}()
			err := next()
			outcome = outcomeOf(ctx, tr, err)
			return err
		}),
		b.stage("attempt", middleware.Stage{After: "retry"}, func(_ context.Context, call *core.Call, tr *trip, next func() error) error {
			if tr.attempts++; tr.attempts > 1 {
				b.add("penstock.retries", "", 1)
				b.since(wait, "retry", tr.at)
				tr.backoff += time.Since(tr.at)
			}
			defer func() { tr.at = time.Now() }()
			err := next()
			if limit, ok := errors.AsType[*core.TimeoutError](err); ok {
				b.add("penstock.timeouts", limit.Limited(), 1)
			}
			return err
		}),
		b.stage("lease", middleware.Stage{After: "health"}, func(_ context.Context, _ *core.Call, tr *trip, next func() error) error {
			tr.at, tr.working = time.Now(), false
			err := next()
			if !tr.working {
				b.since("db.client.connection.wait_time", "", tr.at)
				b.since("penstock.wait.duration", "pool", tr.at)
			}
			if e, ok := errors.AsType[*pool.AcquireError](err); ok && !tr.working && e.Waited > 0 {
				if isTimeout(e) {
					b.add("db.client.connection.timeouts", "", 1)
				} else {
					b.add("penstock.pool.waits.canceled", "", 1)
				}
			}
			return err
		}),
	}
}

// admission is what a stage did with an operation. An operation that another stage
// refuses after its wait was admitted.
func admission(refused bool) string {
	if refused {
		return "rejected"
	}
	return "admitted"
}

// isTimeout is the rule by which the pool counts timeouts: the caller waited, and the
// error does not say that the caller canceled the wait.
func isTimeout(e *pool.AcquireError) bool { return e.Waited > 0 && core.ErrorType(e) != "canceled" }

// outcomeOf returns how the retries ended, "" if no attempt failed.
func outcomeOf(ctx context.Context, tr *trip, err error) string {
	e, several := errors.AsType[*retry.Error](err)
	switch {
	case err == nil && tr.attempts > 1:
		return retry.OutcomeRecovered
	case err == nil:
		return ""
	case several:
		return e.Outcome
	case errors.Is(err, core.ErrRejected), errors.Is(err, errNotFound):
		return ""
	case ctx.Err() == context.DeadlineExceeded:
		return retry.OutcomeDeadline
	case ctx.Err() != nil:
		return retry.OutcomeCanceled
	default:
		return retry.OutcomeNotRetryable
	}
}

var errBusy = errors.New("busy")

// upTo returns a random time. It is not a round one, so that a wait does not begin and
// end in one instant: whether that is a wait is a matter of taste.
func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return 1 + time.Duration(r.Int64N(int64(most)))
}

// work is what one attempt of the storm does.
func (b *books) work(r *rand.Rand) func(context.Context, int) (int, error) {
	return func(ctx context.Context, _ int) (int, error) {
		tr := ctx.Value(tripKey{}).(*trip)
		b.since("db.client.connection.wait_time", "", tr.at)
		b.since("penstock.wait.duration", "pool", tr.at)
		tr.working = true
		begin := time.Now()
		defer func() {
			b.since("db.client.connection.use_time", "", begin)
			b.since("penstock.attempt.duration", "", begin)
		}()
		took := upTo(r, 30*time.Millisecond)
		kind := r.IntN(20)
		if kind == 0 {
			took = time.Hour
		}
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		switch {
		case kind == 1:
			panic("a bug")
		case kind < 5:
			return 0, errDown
		case kind < 8:
			return 0, errNotFound
		case kind < 10:
			return 0, errBusy
		default:
			return 0, nil
		}
	}
}

// operation runs one operation, and counts how it ended.
func (b *books) operation(ctx context.Context, c *penstock.Client[int], r *rand.Rand) {
	var cancel context.CancelFunc
	var given time.Duration
	switch r.IntN(4) {
	case 0:
		given = upTo(r, 150*time.Millisecond)
		ctx, cancel = context.WithTimeout(ctx, given)
	case 1:
		ctx, cancel = context.WithCancel(ctx)
		time.AfterFunc(upTo(r, 100*time.Millisecond), cancel)
	default:
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	tr := &trip{}
	ctx = context.WithValue(ctx, tripKey{}, tr)
	op := core.Op{Name: "Get", Target: "docs", Safety: core.Safety(r.IntN(3))}
	label, begin := "panic", time.Now()
	defer func() {
		_ = recover()
		b.add(duration, label, 1)
		switch {
		case label == "not_found":
			b.answer.Do(func() { b.add("penstock.evidence.traces", "", 1) })
		case label != "" || tr.attempts > 1: // failed or recovered
			b.add("penstock.evidence.traces", "", 1)
		}
		b.since(duration, label, begin)
		if label == "deadline_exceeded" {
			b.add("penstock.deadline.duration", "", 1)
			b.add("penstock.deadline.duration.sum", "", given.Seconds())
		}
		if label != "" && label != "not_found" {
			b.add("penstock.operation.failures", label, 1)
		}
	}()
	var err error
	if r.IntN(3) == 0 {
		_, err = core.Go(ctx, c, op, b.work(r)).Await(context.Background())
	} else {
		_, err = core.Do(ctx, c, op, b.work(r))
	}
	switch {
	case errors.Is(err, errNotFound) && errors.As(err, new(*core.Error)) && core.ErrorType(err) == "not_found":
		label = "not_found"
	default:
		label = core.ErrorType(err)
	}
	if errors.Is(err, core.ErrAsyncLimit) {
		b.add("penstock.async.rejected", "", 1)
	}
	spare, _ := fallback.Run(ctx, func(context.Context) (int, error) { return 0, err }, fallback.Plan[int]{
		Instead: func(context.Context, error) (int, error) { return 0, nil },
	})
	if spare.Cause != nil {
		b.add("penstock.fallbacks", "Get", 1)
	}
}

// room notes the state and the limits of the client, or with -1 that they are gone.
func (b *books) room(c *penstock.Client[int], sign float64) {
	b.mu.Lock()
	state := b.breaker
	b.mu.Unlock()
	if state == breaker.Open {
		state = breaker.HalfOpen // the storm has been over for longer than RecoveryTimeout
	}
	up := 0.0
	if c.Monitor().Up() {
		up = 1
	}
	b.add("penstock.circuit_breaker.state", state.String(), sign)
	b.add("penstock.circuit_breaker.recovery_timeout", "", sign*0.1)
	b.add("penstock.health.status", "", sign*up)
	b.add("penstock.retry.budget.remaining", "", sign*c.Chain().Budget.Balance())
	b.add("penstock.timeout.limit", "attempt", sign*0.05)
	b.add("penstock.bulkhead.limit", "", sign*5)
	b.add("penstock.ratelimit.limit", "", sign*200)
	b.add("penstock.async.limit", "", sign*3)
	b.add("penstock.configuration.generation", "", sign)
}

// factory returns a factory that is slow and fails at times, as b notes.
func (b *books) factory(r *rand.Rand) *coretest.Factory[int] {
	return &coretest.Factory[int]{
		OnDial: func(ctx context.Context, n int) (int, error) {
			b.mu.Lock()
			took, fails := upTo(r, 20*time.Millisecond), r.IntN(8) == 0
			b.mu.Unlock()
			begin := time.Now()
			dialed := false
			defer func() {
				if !dialed {
					b.add("penstock.evidence.traces", "", 1)
				}
				b.add("db.client.connection.create_time", "", 1)
				b.since("db.client.connection.create_time", "", begin)
			}()
			select {
			case <-time.After(took):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			if fails {
				b.add("penstock.transport.connects", "refused", 1)
				return 0, errors.New("refused")
			}
			b.add("penstock.transport.connects", "", 1)
			b.add("db.client.connection.count", "idle", 1)
			dialed = true
			return n, nil
		},
		OnClose: func(context.Context, int) error {
			b.add("db.client.connection.count", "idle", -1)
			b.add("penstock.pool.connections.closed", "", 1)
			b.add("penstock.transport.disconnects", "closed", 1)
			return nil
		},
	}
}

// transport is a factory without pings, which says what its transport does.
type transport struct {
	pool.Factory[int]
	b *books
}

func (t transport) TransportStats() pool.TransportStats {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	return pool.TransportStats{
		Connects:    uint64(t.b.amounts["penstock.transport.connects "]),
		Failed:      map[string]uint64{"refused": uint64(t.b.amounts["penstock.transport.connects refused"])},
		Disconnects: map[string]uint64{"closed": uint64(t.b.amounts["penstock.transport.disconnects closed"])},
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
