// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
)

type conn struct{ from string }

// factory makes conns and records what happens to them.
type factory struct {
	name  string
	err   error         // of Dial
	block chan struct{} // Dial waits until it is closed; nil disables it
	mu    sync.Mutex
	log   []string
}

func (f *factory) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, s)
}

func (f *factory) notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

func (f *factory) Dial(ctx context.Context) (*conn, error) {
	f.note("dial")
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	return &conn{f.name}, nil
}

// heal lets the next Dial succeed.
func (f *factory) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = nil
}

func (f *factory) Close(context.Context, *conn) error {
	f.note("close")
	return nil
}

func provide(f *factory) fx.Option {
	return fx.Provide(func() pool.Factory[*conn] { return f })
}

type client = *penstock.Client[*conn]

var op = core.Op{Name: "Get", Safety: core.ReadOnly}

// get returns the name of the factory that made the client's connection.
func get(ctx context.Context, c client) (string, error) {
	return core.Do(ctx, c, op, func(_ context.Context, c *conn) (string, error) { return c.from, nil })
}

func TestAClientIsWiredStartedAndStopped(t *testing.T) {
	f := &factory{name: "main"}
	var (
		c   client
		p   *pool.Pool[*conn]
		ops *core.Client[*conn]
	)
	app := fxtest.New(t,
		fxmodule.Module(), fxmodule.Telemetry(), fxmodule.Client[*conn](), provide(f),
		fx.Populate(&c, &p, &ops),
	)
	if p != c.Pool() || ops != c.Client {
		t.Error("the pool and the core client in the graph are not those of the client")
	}
	app.RequireStart()
	if got := f.notes(); !slices.Equal(got, []string{"dial"}) {
		t.Errorf("after an eager start: %v, want a dial", got)
	}
	if got, err := get(t.Context(), c); got != "main" || err != nil {
		t.Errorf("Do = %q, %v, want main", got, err)
	}
	if got, want := c.Chain().String(), "breaker > retry > timeout"; got != want {
		t.Errorf("chain = %q, want %q", got, want)
	}
	app.RequireStop()
	if got := f.notes(); !slices.Equal(got, []string{"dial", "close"}) {
		t.Errorf("after the stop: %v, want the connection closed", got)
	}
	if _, err := get(t.Context(), c); !errors.Is(err, pool.ErrClosed) {
		t.Errorf("Do after the stop = %v, want %v", err, pool.ErrClosed)
	}
}

func TestTheGraphIsValid(t *testing.T) {
	err := fx.ValidateApp(fx.NopLogger,
		fxmodule.Module(), fxmodule.Telemetry(), fxmodule.Client[*conn](), provide(&factory{}),
		fx.Invoke(func(client) {}),
	)
	if err != nil {
		t.Error(err)
	}
}

type clients struct {
	fx.In
	Main    client
	Archive client `name:"archive"`
}

func TestNamedClientsHaveTheirOwnFactoryAndStages(t *testing.T) {
	var in clients
	app := fxtest.New(t,
		fxmodule.Module(), fxmodule.Client[*conn](), fxmodule.Client[*conn](fxmodule.Named("archive"), fxmodule.Without("retry")),
		provide(&factory{name: "main"}),
		fx.Provide(fx.Annotate(func() pool.Factory[*conn] { return &factory{name: "archive"} }, fx.ResultTags(`name:"archive"`))),
		fxmodule.AsMiddleware(stage("both"), fxmodule.Before("timeout")),
		fxmodule.AsMiddleware(stage("one"), fxmodule.Before("timeout"), fxmodule.For("archive")),
		fx.Invoke(func(c clients) { in = c }),
	)
	app.RequireStart()
	defer app.RequireStop()
	for _, tt := range []struct {
		c           client
		name, chain string
	}{
		{in.Main, "main", "trace > breaker > retry > both > timeout"},
		{in.Archive, "archive", "trace > breaker > both > one > timeout"},
	} {
		if got, err := get(t.Context(), tt.c); got != tt.name || err != nil {
			t.Errorf("Do = %q, %v, want %s", got, err, tt.name)
		}
		if chain := tt.c.Chain().String(); chain != tt.chain {
			t.Errorf("chain of %s = %q, want %q", tt.name, chain, tt.chain)
		}
	}
	if name := in.Archive.Pool().Name(); name != "archive" {
		t.Errorf("the pool of archive is called %q", name)
	}
}

func TestABackendAndAFactoryMakeAClient(t *testing.T) {
	answered := func(error) core.Class { return core.Answered("no_such_key") }
	for _, row := range []struct {
		name    string
		graph   fx.Option
		breaker uint64 // failures that it counts
	}{
		{"a factory", provide(&factory{}), 1},
		{"a backend", fx.Supply(penstock.Backend[*conn]{Factory: &factory{}, Classifier: answered}), 0},
		{"a factory, and a backend without one", fx.Options(
			provide(&factory{}), fx.Supply(penstock.Backend[*conn]{Classifier: answered}),
		), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c client
			app := fxtest.New(t, fxmodule.Client[*conn](fxmodule.Without("retry")), row.graph, fx.Populate(&c))
			app.RequireStart()
			defer app.RequireStop()
			broken := errors.New("no such key")
			_, err := core.Do(t.Context(), c, op, func(context.Context, *conn) (int, error) { return 0, broken })
			if !errors.Is(err, broken) {
				t.Errorf("Do = %v, want %v", err, broken)
			}
			if n := c.Breaker().Snapshot().Counters.TotalFailures; n != row.breaker {
				t.Errorf("the breaker counts %d failures, want %d", n, row.breaker)
			}
		})
	}
}

// recording returns a provider and the recorder of its spans.
func recording(t *testing.T) (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	r := emitted.Spans(t)
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p, r
}

func TestProvidersAreTakenInTheirOrder(t *testing.T) {
	global, globalSpans := recording(t)
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(global)
	defer otel.SetTracerProvider(before)
	option, optionSpans := recording(t)
	iface, ifaceSpans := recording(t)
	concrete, concreteSpans := recording(t)
	ours := emitted.Spans(t)

	withOption := fxmodule.Config(penstock.Config{TracerProvider: option})
	withInterface := fx.Provide(func() trace.TracerProvider { return iface })
	withConcrete := fx.Supply(concrete)
	withTelemetry := fx.Options(fxmodule.Telemetry(), fx.Supply(sdk.Config{SpanProcessors: []sdktrace.SpanProcessor{ours}}))

	for _, tt := range []struct {
		name   string
		client []fxmodule.Option
		graph  []fx.Option
		want   *tracetest.SpanRecorder
	}{
		{"option", []fxmodule.Option{withOption}, []fx.Option{withInterface, withConcrete, withTelemetry}, optionSpans},
		{"interface in the graph", nil, []fx.Option{withInterface, withConcrete, withTelemetry}, ifaceSpans},
		{"SDK type in the graph", nil, []fx.Option{withConcrete, withTelemetry}, concreteSpans},
		{"Telemetry", nil, []fx.Option{withTelemetry}, ours},
		{"global", nil, nil, globalSpans},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c client
			app := fxtest.New(t, fxmodule.Client[*conn](append(tt.client, fxmodule.Start(fxmodule.StartLazy))...),
				provide(&factory{}), fx.Populate(&c), fx.Options(tt.graph...))
			app.RequireStart()
			if _, err := get(t.Context(), c); err != nil {
				t.Error(err)
			}
			app.RequireStop()
			for name, r := range map[string]*tracetest.SpanRecorder{
				"option": optionSpans, "interface": ifaceSpans, "concrete": concreteSpans, "telemetry": ours, "global": globalSpans,
			} {
				got := slices.ContainsFunc(r.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.SpanKind() == trace.SpanKindClient })
				if got != (r == tt.want) {
					t.Errorf("spans went to %s: %v", name, got)
				}
				r.Reset()
			}
		})
	}
}

func TestAnEagerStartFailsWithTheCause(t *testing.T) {
	f := &factory{err: errors.New("no route to host")}
	app := fx.New(fx.NopLogger, fxmodule.Client[*conn](), provide(f), fx.Invoke(func(client) {}))
	err := app.Start(t.Context())
	if !errors.Is(err, f.err) || !errors.Is(err, pool.ErrStart) {
		t.Errorf("Start = %v, want %v and %v", err, pool.ErrStart, f.err)
	}
}

func TestALazyStartDialsNothing(t *testing.T) {
	f := &factory{err: errors.New("no route to host")}
	app := fxtest.New(t, fxmodule.Client[*conn](fxmodule.Start(fxmodule.StartLazy)), provide(f), fx.Invoke(func(client) {}))
	app.RequireStart()
	if got := f.notes(); len(got) != 0 {
		t.Errorf("a lazy start did %v", got)
	}
	app.RequireStop()
}

func TestABackgroundStartDoesNotWaitForTheDial(t *testing.T) {
	f := &factory{block: make(chan struct{})}
	var c client
	app := fxtest.New(t, fxmodule.Client[*conn](fxmodule.Start(fxmodule.StartBackground)), provide(f), fx.Populate(&c))
	app.RequireStart() // while the dial blocks
	close(f.block)
	if _, err := get(t.Context(), c); err != nil {
		t.Error(err)
	}
	app.RequireStop()
}

func TestAStopInTheMiddleOfABackgroundStartEndsIt(t *testing.T) {
	f := &factory{block: make(chan struct{})} // never closed
	app := fxtest.New(t, fxmodule.Client[*conn](fxmodule.Start(fxmodule.StartBackground)), provide(f), fx.Invoke(func(client) {}))
	app.RequireStart()
	app.RequireStop()
}

// flushed is a span processor that records its shutdown.
type flushed struct {
	sdktrace.SpanProcessor
	f *factory
}

func (p flushed) Shutdown(ctx context.Context) error {
	left := "no deadline"
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) > 0 {
		left = "time left"
	}
	p.f.note("flush with " + left)
	return p.SpanProcessor.Shutdown(ctx)
}

func TestTheStopDrainsFirstAndFlushesLastEvenIfALeaseIsOut(t *testing.T) {
	f := &factory{}
	var p *pool.Pool[*conn]
	app := fx.New(fx.NopLogger,
		fxmodule.Telemetry(),
		fx.Supply(sdk.Config{SpanProcessors: []sdktrace.SpanProcessor{flushed{tracetest.NewSpanRecorder(), f}}}),
		fxmodule.Client[*conn](), provide(f), fx.Populate(&p),
	)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Acquire(t.Context()); err != nil { // the lease stays out
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := app.Stop(ctx)
	forced, ok := errors.AsType[*pool.CloseError](err)
	if !ok || forced.Forced != 1 {
		t.Errorf("Stop = %v, want a report of one forced lease", err)
	}
	if got, want := f.notes(), []string{"dial", "close", "flush with time left"}; !slices.Equal(got, want) {
		t.Errorf("order of things = %q, want %q", got, want)
	}
}

func Example() {
	audit := func() middleware.Stage {
		return middleware.Stage{Name: "audit", Middleware: func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				err := next(ctx, call)
				fmt.Println(call.Op.Name, "ended with", err)
				return err
			}
		}}
	}
	var c *penstock.Client[*conn]
	app := fx.New(fx.NopLogger,
		fxmodule.Module(),
		fxmodule.Client[*conn](),
		fxmodule.AsMiddleware(audit, fxmodule.Before("retry")),
		fx.Provide(func() pool.Factory[*conn] { return &factory{name: "main"} }),
		fx.Populate(&c),
	)
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer app.Stop(ctx)
	from, _ := get(ctx, c)
	fmt.Println(from)
	fmt.Println(c.Chain())
	// Output:
	// Get ended with <nil>
	// main
	// trace > breaker > audit > retry > timeout
}
