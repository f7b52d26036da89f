// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/fallback"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// wire is a connection that leads nowhere.
type wire struct{ number int }

type (
	backend = penstock.Backend[*wire]
	wires   = coretest.Factory[*wire]
	// pingless hides the Ping of a factory.
	pingless struct{ pool.Factory[*wire] }
)

func dialWire(_ context.Context, n int) (*wire, error) { return &wire{n}, nil }

// newClient returns a client that is not started.
func newClient(t *testing.T, b backend, cfg penstock.Config) *penstock.Client[*wire] {
	t.Helper()
	c, err := penstock.New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func closeClient(t *testing.T, c *penstock.Client[*wire]) {
	t.Helper()
	if err := c.Close(context.Background()); err != nil {
		t.Errorf("Close = %v", err)
	}
}

var getNumber = core.Op{Name: "Number", Safety: core.ReadOnly}

// number returns the number of the connection that an operation gets.
func number(ctx context.Context, c core.Runner[*wire]) (int, error) {
	return core.Do(ctx, c, getNumber, numberOf)
}

func numberOf(_ context.Context, w *wire) (int, error) { return w.number, nil }

// figures returns the metrics that the reader collects, by name.
func figures(t *testing.T, reader *sdkmetric.ManualReader) map[string]metricdata.Aggregation {
	t.Helper()
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		t.Fatal(err)
	}
	all := map[string]metricdata.Aggregation{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			all[m.Name] = m.Data
		}
	}
	return all
}

// One error names all faults, the place of each, and the remedy.
func TestNewNamesAllThatIsWrong(t *testing.T) {
	pass := func(next core.Handler) core.Handler { return next }
	good := backend{Factory: &wires{}}
	for _, row := range []struct {
		name string
		b    backend
		cfg  penstock.Config
		want []string // lines
	}{
		{"no factory", backend{}, penstock.Config{}, []string{
			`penstock: client "penstock_test.wire": Backend.Factory is nil: set it to a pool.Factory, which dials and closes connections`,
		}},
		{
			"a bad pool", backend{Factory: &wires{}, Pool: pool.Config{Name: "docs", MinSize: 11, AcquireTimeout: -time.Second}}, penstock.Config{},
			[]string{
				`penstock: client "docs": pool: bad configuration: AcquireTimeout is -1s, want 0 (the default, 3s) or more`,
				`pool: bad configuration: MinSize 11 exceeds MaxSize 10 (the default): set a lower MinSize, or a higher MaxSize`,
			},
		},
		{
			"checks that the factory has not", backend{Factory: pingless{&wires{}}, Pool: pool.Config{Name: "docs", CheckEvery: time.Second, CheckIdleAfter: time.Second}},
			penstock.Config{},
			[]string{
				`penstock: client "docs": pool: bad configuration: CheckIdleAfter is 1s, but the factory has no method Alive: write one (see Checker), or leave CheckIdleAfter out`,
				`pool: bad configuration: CheckEvery is 1s, but the factory has no method Ping: write one (see Pinger), or leave CheckEvery out`,
			},
		},
		{
			"a bad chain", good, penstock.Config{Chain: middleware.Config{
				Name:    "docs",
				Breaker: breaker.Config{FailureThreshold: -1},
				Retry:   retry.Config{MaxRetries: -7},
				Timeout: timeout.Config{Attempt: -time.Second},
			}},
			[]string{
				`penstock: client "docs": middleware: bad configuration: breaker: FailureThreshold is -1, want 0 (the default, 5) or more`,
				`middleware: bad configuration: retry: MaxRetries is -7, want 0 (the default, 3) or more, or retry.None`,
				`middleware: bad configuration: timeout: Attempt is -1s, want 0 (the default, 10s) or more`,
			},
		},
		{
			"negative limits", good, penstock.Config{MaxAsync: -2, Chain: middleware.Config{Name: "docs", OperationTimeout: -time.Second}},
			[]string{
				`penstock: client "docs": middleware: bad configuration: OperationTimeout is -1s, want 0 (no limit) or more`,
				`core: bad configuration: MaxAsync is -2, want 0 (the default, 10000) or more, or core.Unlimited`,
			},
		},
		{
			"a stage wanted twice", good, penstock.Config{Chain: middleware.Config{
				Name:   "docs",
				Stages: []middleware.Stage{{Name: "retry", Middleware: pass, Before: "timeout"}},
			}},
			[]string{
				`penstock: client "docs": middleware: bad configuration: stage "retry" of Stages has the name of a stage of Penstock's that is in the chain: give yours another name, or set Disabled in the configuration of Penstock's`,
			},
		},
		{
			"a name in Order that no stage has", good, penstock.Config{Chain: middleware.Config{
				Name:  "docs",
				Order: []string{"trace", "breaker", "retry", "retires", "timeout", "health"},
			}},
			[]string{
				`penstock: client "docs": middleware: bad configuration: the order names stage "retires", and there is no such stage: correct the name, add the stage to Stages, or leave the name out`,
			},
		},
		{
			"a stage next to none", good, penstock.Config{Chain: middleware.Config{
				Name:   "docs",
				Stages: []middleware.Stage{{Name: "audit", Middleware: pass, After: "retires"}},
			}},
			[]string{
				`penstock: client "docs": middleware: bad configuration: stage "audit" is placed next to "retires", which is not in the chain: place it next to a stage of the order, trace > breaker > keyed_breaker > bulkhead > ratelimit > retry > timeout > health > chaos`,
			},
		},
		{
			"health without a probe", backend{Factory: pingless{&wires{}}}, penstock.Config{Chain: middleware.Config{Name: "docs", Health: &health.Config{}}},
			[]string{
				`penstock: client "docs": middleware: bad configuration: health: Probe is nil, and the factory has no Ping to make a probe of: write either`,
			},
		},
		{
			"an observer and providers", good, penstock.Config{
				Observer: &coretest.Recorder{}, TracerProvider: sdktrace.NewTracerProvider(), Chain: middleware.Config{Name: "docs"},
			},
			[]string{
				`penstock: client "docs": Observer is set beside TracerProvider, MeterProvider, Telemetry or UseTime, which it takes the place of: leave out one or the other`,
			},
		},
		{
			"a port that is none", backend{Factory: &wires{}, Address: "kv.example", Port: 70000}, penstock.Config{Chain: middleware.Config{Name: "docs"}},
			[]string{`penstock: client "docs": otelx: bad configuration: WithServer: the port is 70000, want 0 (unknown) to 65535`},
		},
		{
			"nil pointers to providers", good, penstock.Config{
				TracerProvider: (*sdktrace.TracerProvider)(nil), MeterProvider: (*sdkmetric.MeterProvider)(nil), Chain: middleware.Config{Name: "docs"},
			},
			[]string{
				`penstock: client "docs": otelx: bad configuration: WithTracerProvider: the provider is a nil *trace.TracerProvider: make one, or leave the provider out`,
				`otelx: bad configuration: WithMeterProvider: the provider is a nil *metric.MeterProvider: make one, or leave the provider out`,
			},
		},
		{
			"everything at once", backend{Pool: pool.Config{MaxSize: -1}, Port: -1},
			penstock.Config{
				MaxAsync: -2,
				Chain:    middleware.Config{Name: "docs", OperationTimeout: -time.Second, Health: &health.Config{Interval: -time.Second}},
			},
			[]string{
				`penstock: client "docs": otelx: bad configuration: WithServer: the port is -1, want 0 (unknown) to 65535`,
				`Backend.Factory is nil: set it to a pool.Factory, which dials and closes connections`,
				`pool: bad configuration: MaxSize is -1, want 0 (the default, 10) or more`,
				`middleware: bad configuration: OperationTimeout is -1s, want 0 (no limit) or more`,
				`middleware: bad configuration: health: Probe is nil, and the factory has no Ping to make a probe of: write either`,
				`middleware: bad configuration: health: Interval is -1s, want 0 (the default, 10s) or more`,
				`core: bad configuration: MaxAsync is -2, want 0 (the default, 10000) or more, or core.Unlimited`,
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := penstock.New(row.b, row.cfg)
			if want := strings.Join(row.want, "\n"); c != nil || err == nil || err.Error() != want {
				t.Errorf("New = %v, error\n%v\nwant\n%s", c, err, want)
			}
			if c, openErr := penstock.Open(t.Context(), row.b, row.cfg); c != nil || openErr == nil || openErr.Error() != err.Error() {
				t.Errorf("Open = %v, error\n%v\nwant that of New", c, openErr)
			}
		})
	}
}

func TestEachWayToTelemetryExcludesAnObserver(t *testing.T) {
	for name, cfg := range map[string]penstock.Config{
		"spans":   {TracerProvider: sdktrace.NewTracerProvider()},
		"metrics": {MeterProvider: sdkmetric.NewMeterProvider()},
		"options": {Telemetry: []otelx.Option{otelx.WithPeerService("shop")}},
		"use":     {UseTime: true},
	} {
		cfg.Observer = &coretest.Recorder{}
		if _, err := penstock.New(backend{Factory: &wires{}}, cfg); err == nil {
			t.Errorf("New takes an Observer beside %s", name)
		}
	}
}

func TestANameToLeaveOutMustBeThatOfAStage(t *testing.T) {
	const want = `middleware: bad configuration: no stage "retires" to leave out: name one of "trace", "breaker", "keyed_breaker", "bulkhead", "ratelimit", "retry", "timeout", "health", "chaos"`
	if _, err := (middleware.Config{}).Without("retires", "retry"); err == nil || err.Error() != want {
		t.Errorf("Without = %v, want %s", err, want)
	}
}

func TestAClientIsNamedAfterItsPoolOrItsConnections(t *testing.T) {
	for _, row := range []struct {
		given  backend
		cfg    penstock.Config
		pool   string
		others string
	}{
		{backend{}, penstock.Config{}, "penstock_test.wire", "penstock_test.wire"},
		{backend{Pool: pool.Config{Name: "docs"}}, penstock.Config{}, "docs", "docs"},
		{backend{Pool: pool.Config{Name: "docs"}}, penstock.Config{Chain: middleware.Config{Name: "readers"}}, "docs", "readers"},
	} {
		row.given.Factory = &wires{}
		c := newClient(t, row.given, row.cfg)
		if p, b, m := c.Pool().Name(), c.Breaker().Snapshot().Name, c.Monitor().Ready().Name; p != row.pool || b != row.others || m != row.others {
			t.Errorf("pool %q, breaker %q, monitor %q, want %q and twice %q", p, b, m, row.pool, row.others)
		}
		closeClient(t, c)
	}
}

func TestTheClientGivesAccessToItsParts(t *testing.T) {
	every := newClient(t, backend{Factory: &wires{}}, penstock.Config{
		Observer: &coretest.Recorder{},
		Chain: middleware.Config{
			KeyedBreaker: &keyed.Config{},
			Bulkhead:     &bulkhead.Config{MaxConcurrent: 1},
			RateLimit:    &ratelimit.Config{Rate: 1},
			Chaos:        &chaos.Config{},
		},
	})
	defer closeClient(t, every)
	none := newClient(t, backend{Factory: pingless{&wires{}}}, penstock.Config{Chain: middleware.Config{
		Trace: trace.Config{Disabled: true}, Breaker: breaker.Config{Disabled: true}, Retry: retry.Config{Disabled: true}, Timeout: timeout.Config{Disabled: true},
	}})
	defer closeClient(t, none)
	for name, has := range map[string]func(*penstock.Client[*wire]) bool{
		"Breaker":      func(c *penstock.Client[*wire]) bool { return c.Breaker() != nil },
		"KeyedBreaker": func(c *penstock.Client[*wire]) bool { return c.KeyedBreaker() != nil },
		"Monitor":      func(c *penstock.Client[*wire]) bool { return c.Monitor() != nil },
		"Bulkhead":     func(c *penstock.Client[*wire]) bool { return c.Bulkhead() != nil },
		"Limiter":      func(c *penstock.Client[*wire]) bool { return c.Limiter() != nil },
		"Chaos":        func(c *penstock.Client[*wire]) bool { return c.Chaos() != nil },
		"Observer":     func(c *penstock.Client[*wire]) bool { return c.Observer() != nil },
	} {
		if !has(every) || has(none) {
			t.Errorf("%s is there: %t where it is configured, %t where it is not", name, has(every), has(none))
		}
	}
	if got, want := every.Chain().String(), strings.Join(middleware.DefaultOrder(), " > "); got != want || every.Pool() == nil {
		t.Errorf("chain %q, pool %v; want %q and a pool", got, every.Pool(), want)
	}
	if got := none.Chain().String(); got != "" || none.Pool() == nil {
		t.Errorf("chain %q, pool %v; want no stage and a pool", got, none.Pool())
	}
}

func TestWithoutAListenerThereIsNoObserver(t *testing.T) {
	c := newClient(t, backend{Factory: &wires{}, System: "example"}, penstock.Config{})
	defer closeClient(t, c)
	if c.Observer() != nil {
		t.Errorf("Observer = %v, want nil: nothing listens", c.Observer())
	}
}

func TestAClientHasATraceStageIfSomethingListens(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  penstock.Config
		want string
	}{
		{"nothing", penstock.Config{}, "breaker > retry > timeout > health"},
		{"a logger", penstock.Config{Logger: slog.New(slog.DiscardHandler)}, "breaker > retry > timeout > health"},
		{"an observer", penstock.Config{Observer: &coretest.Recorder{}}, "trace > breaker > retry > timeout > health"},
		{"a provider of spans", penstock.Config{TracerProvider: sdktrace.NewTracerProvider()}, "trace > breaker > retry > timeout > health"},
		{"a provider of metrics", penstock.Config{MeterProvider: sdkmetric.NewMeterProvider()}, "trace > breaker > retry > timeout > health"},
		{"an observer, and the stage disabled", penstock.Config{
			Observer: &coretest.Recorder{}, Chain: middleware.Config{Trace: trace.Config{Disabled: true}},
		}, "breaker > retry > timeout > health"},
		{"nothing, and an order", penstock.Config{Chain: middleware.Config{
			Order: []string{"trace", "retry", "breaker", "timeout", "health"},
		}}, "retry > breaker > timeout > health"},
	} {
		c := newClient(t, backend{Factory: &wires{}}, row.cfg)
		if got := c.Chain().String(); got != row.want {
			t.Errorf("%s: chain %q, want %q", row.name, got, row.want)
		}
		described, want := c.Chain().Describe(), strings.HasPrefix(row.want, "trace")
		if got := strings.Contains(described, "trace "); got != want {
			t.Errorf("%s: Describe has a line of the trace stage: %t, want %t:\n%s", row.name, got, want, described)
		}
		closeClient(t, c)
	}
}

func TestEachKindOfOperationTakesTheClient(t *testing.T) {
	ctx := t.Context()
	c := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{})
	defer closeClient(t, c)
	if n, err := core.Do(ctx, c, getNumber, numberOf); n != 1 || err != nil {
		t.Errorf("core.Do = %v, %v, want 1", n, err)
	}
	if n, err := core.Go(ctx, c, getNumber, numberOf).Await(ctx); n != 1 || err != nil {
		t.Errorf("core.Go = %v, %v, want 1", n, err)
	}
	hedger, err := hedge.New(hedge.Config{Delay: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := hedge.Do(ctx, hedger, c, getNumber, numberOf); n != 1 || err != nil {
		t.Errorf("hedge.Do = %v, %v, want 1", n, err)
	}
	c.Breaker().ForceOpen()
	instead := func(context.Context, error) (int, error) { return -1, nil }
	if n, err := fallback.Do(ctx, c, getNumber, numberOf, instead); n != -1 || err != nil {
		t.Errorf("fallback.Do = %v, %v, want -1, the fallback's", n, err)
	}
	if _, err := number(ctx, c); !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("core.Do = %v, want %v", err, breaker.ErrOpen)
	}
}

// docs/own-backend.md says so.
func TestWithoutAClassifierAnswersOpenTheBreaker(t *testing.T) {
	errMissing := errors.New("no such key")
	for _, row := range []struct {
		name       string
		classifier core.Classifier
		state      breaker.State
		dials      int
	}{
		{"no classifier", nil, breaker.Open, 5},
		{"one that knows an answer", func(error) core.Class { return core.Answered("not_found") }, breaker.Closed, 1},
	} {
		f := &wires{OnDial: dialWire}
		c := newClient(t, backend{Factory: f, Classifier: row.classifier}, penstock.Config{})
		for range 5 {
			_, err := core.Do(t.Context(), c, core.Op{Name: "Get"}, func(context.Context, *wire) (int, error) { return 0, errMissing })
			if !errors.Is(err, errMissing) {
				t.Errorf("%s: Do = %v, want %v", row.name, err, errMissing)
			}
		}
		if got := c.Breaker().State(); got != row.state || f.Dials() != row.dials {
			t.Errorf("%s: after 5 answers the breaker is %v, and there were %d dials; want %v and %d", row.name, got, f.Dials(), row.state, row.dials)
		}
		closeClient(t, c)
	}
}

func TestTheObserverIsToldOfOperationsAndDials(t *testing.T) {
	var recorder coretest.Recorder
	c := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{Observer: &recorder})
	if _, err := number(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	closeClient(t, c)
	if err := recorder.Check(); err != nil {
		t.Error(err)
	}
	lines := strings.Join(recorder.Lines(), "\n")
	for _, want := range []string{"begin operation Number", "begin connect", "end connect", "end operation Number"} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in\n%s", want, lines)
		}
	}
}

func TestTheStartLogsWhatIsDoubtful(t *testing.T) {
	var log bytes.Buffer
	c := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, penstock.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Chain:  middleware.Config{Timeout: timeout.Config{Disabled: true}},
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeClient(t, c)
	if want := `level=WARN msg="penstock: settings of the chain work against each other" pool=penstock_test.wire warning="nothing limits an operation`; !strings.Contains(log.String(), want) {
		t.Errorf("logged %s, want %s", log.String(), want)
	}
}
