// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// pinged is a factory with a Ping.
type pinged struct {
	factory
	down error // of Ping
}

// fail sets the error of Ping.
func (f *pinged) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

func (f *pinged) Ping(context.Context, *conn) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

// all is what the graph has of two clients.
type all struct {
	fx.In
	Main     client
	Pool     *pool.Pool[*conn]
	Chain    *middleware.Chain
	Breaker  *breaker.Breaker
	Monitor  *health.Monitor
	Observer *otelx.Observer

	Archive         client              `name:"archive"`
	ArchivePool     *pool.Pool[*conn]   `name:"archive"`
	ArchiveChain    *middleware.Chain   `name:"archive"`
	ArchiveBreaker  *breaker.Breaker    `name:"archive"`
	ArchiveMonitor  *health.Monitor     `name:"archive"`
	ArchiveObserver *otelx.Observer     `name:"archive"`
	ArchiveCore     *core.Client[*conn] `name:"archive"`
}

func TestThePartsOfEachClientAreInTheGraph(t *testing.T) {
	spans := emitted.Spans(t)
	var in all
	app := fxtest.New(t,
		fxmodule.Module(), fxmodule.Client[*conn](), fxmodule.Client[*conn](fxmodule.Named("archive")),
		fx.Supply(conns{Factory: &pinged{}}, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))), with("archive", conns{Factory: &pinged{}}),
		fx.Invoke(func(a all) { in = a }),
	)
	app.RequireStart()
	defer app.RequireStop()
	if in.Main == in.Archive {
		t.Error("both clients are one")
	}
	if in.Pool != in.Main.Pool() || in.Chain != in.Main.Chain() || in.Breaker != in.Main.Breaker() || in.Monitor != in.Main.Monitor() || in.Observer != in.Main.Observer() {
		t.Errorf("the parts are not those of the client: %+v", in)
	}
	if in.ArchivePool != in.Archive.Pool() || in.ArchiveChain != in.Archive.Chain() || in.ArchiveBreaker != in.Archive.Breaker() ||
		in.ArchiveMonitor != in.Archive.Monitor() || in.ArchiveObserver != in.Archive.Observer() || in.ArchiveCore != in.Archive.Client {
		t.Errorf("the parts of archive are not those of its client: %+v", in)
	}
}

// A client that nothing asks for neither dials nor stops anything, and its wiring is
// checked all the same.
func TestAClientThatNothingAsksForDoesNotStart(t *testing.T) {
	f := &factory{}
	var watched looks
	app := fxtest.New(t, fxmodule.Module(), fxmodule.Client[*conn](), provide(f),
		fx.Supply(fx.Annotate(&watched, fx.As(new(penstock.Watcher)), fx.ResultTags(`group:"penstock.watchers"`))))
	app.RequireStart()
	if watched != (looks{made: 1, closed: 1}) {
		t.Errorf("the watcher heard of %+v, want a client that was made and closed", watched)
	}
	app.RequireStop()
	if got := f.notes(); len(got) > 0 {
		t.Errorf("the factory was asked to %v", got)
	}
}

// looks counts what a watcher hears.
type looks struct{ made, closed int }

func (l *looks) Watch(string) penstock.Watch {
	return penstock.Watch{Made: func(penstock.Inspected) { l.made++ }, Closed: func() { l.closed++ }}
}

func TestTheObserverOfTheApplicationTakesThePlaceOfTelemetry(t *testing.T) {
	tracers, spans := recording(t)
	var shared, own coretest.Recorder
	var in clients
	app := fxtest.New(t,
		fxmodule.Module(), fxmodule.Client[*conn](), fxmodule.Client[*conn](fxmodule.Named("archive")),
		provide(&factory{}), with("archive", conns{Factory: &factory{}}), fx.Supply(tracers),
		fx.Supply(fx.Annotate(&shared, fx.As(new(core.Observer)))),
		fx.Supply(fx.Annotate(&own, fx.As(new(core.Observer)), fx.ResultTags(`name:"archive"`))),
		fx.Invoke(func(c clients) { in = c }),
	)
	app.RequireStart()
	defer app.RequireStop()
	told := func(r *coretest.Recorder) bool { return len(r.Lines()) > 0 }
	before := [2]int{len(shared.Lines()), len(own.Lines())}
	if _, err := get(t.Context(), in.Archive); err != nil {
		t.Error(err)
	}
	if len(shared.Lines()) != before[0] || len(own.Lines()) == before[1] {
		t.Errorf("an operation of archive told the observer of all %t, its own %t; want its own alone", told(&shared), told(&own))
	}
	if _, err := get(t.Context(), in.Main); err != nil {
		t.Error(err)
	}
	if len(shared.Lines()) == before[0] || len(spans.Ended()) > 0 {
		t.Errorf("an operation told the observer of all %t, and there are %d spans; want true and none", told(&shared), len(spans.Ended()))
	}
}

func TestAnObserverOfTheOptionWins(t *testing.T) {
	var option, graph coretest.Recorder
	var c client
	app := fxtest.New(t, provide(&factory{}), fx.Populate(&c),
		fxmodule.Client[*conn](fxmodule.Config(penstock.Config{Observer: &option})),
		fx.Supply(fx.Annotate(&graph, fx.As(new(core.Observer)))),
	)
	app.RequireStart()
	defer app.RequireStop()
	if _, err := get(t.Context(), c); err != nil {
		t.Error(err)
	}
	if len(option.Lines()) == 0 || len(graph.Lines()) > 0 {
		t.Errorf("the observer of the option was told %q, that in the graph %q; want the first alone", option.Lines(), graph.Lines())
	}
}

func TestTheClassifierInTheGraphIsForABackendWithoutOne(t *testing.T) {
	answered := core.Classifier(func(error) core.Class { return core.Answered("no_such_key") })
	var in clients
	app := fxtest.New(t,
		fxmodule.Module(fxmodule.Without("retry")), fxmodule.Client[*conn](), fxmodule.Client[*conn](fxmodule.Named("archive")),
		provide(&factory{}), with("archive", conns{Factory: &factory{}}), with("archive", answered),
		fx.Invoke(func(c clients) { in = c }),
	)
	app.RequireStart()
	defer app.RequireStop()
	var failures []uint64
	for _, c := range []client{in.Main, in.Archive} {
		_, _ = core.Do(t.Context(), c, op, func(context.Context, *conn) (int, error) { return 0, errors.New("no such key") })
		failures = append(failures, c.Breaker().Snapshot().Counters.TotalFailures)
	}
	if want := []uint64{1, 0}; !slices.Equal(failures, want) {
		t.Errorf("the breakers count %d failures, want %d", failures, want)
	}
}
