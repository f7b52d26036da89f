// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule"
	own "github.com/penstock-go/penstock/fxmodule/testdata/penstock"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/lane"
)

// with returns a value with a name.
func with(name string, value any) fx.Option {
	return fx.Supply(fx.Annotate(value, fx.ResultTags(`name:"`+name+`"`)))
}

type conns = penstock.Backend[*conn]

var (
	mainClient    = fxmodule.Client[*conn]()
	archiveClient = fxmodule.Client[*conn](fxmodule.Named("archive"))
)

// The application asks for a value, as the value without a name or by a name that no
// client has.
func askFor[T any](T) {}

func askForArchiv[T any](struct {
	fx.In
	Value T `name:"archiv"`
}) {
}

// classify is a classifier that an application forgot to give its type.
func classify(error) core.Class { return core.Class{} }

// configured is a client with a configuration of its chain.
func configured(chain middleware.Config) fx.Option {
	return fxmodule.Client[*conn](fxmodule.Config(penstock.Config{Chain: chain}))
}

var errBroken = errors.New("audit.log: no such file")

func newMine() middleware.Stage  { return middleware.Stage{Name: "mine", Middleware: pass} }
func newYours() middleware.Stage { return middleware.Stage{Name: "yours", Middleware: pass} }
func newRetry() middleware.Stage { return middleware.Stage{Name: "retry", Middleware: pass} }
func newEmpty() middleware.Stage { return middleware.Stage{Name: "mine"} }
func newNameless() middleware.Stage {
	return middleware.Stage{Middleware: pass, Before: "retry"}
}
func newBroken() (middleware.Stage, error)         { return middleware.Stage{}, errBroken }
func newLacking(*http.Client) middleware.Stage     { return newMine() }
func newBackend() (penstock.Backend[*conn], error) { return penstock.Backend[*conn]{}, errBroken }

const (
	short    = "*fxmodule_test.conn"
	inFull   = "*github.com/penstock-go/penstock/fxmodule_test.conn"
	remedy   = " in the graph: make it before the application, and pass it to fxmodule.Config as an option of the client or of Module"
	defaults = "trace > breaker > keyed_breaker > bulkhead > ratelimit > retry > timeout > health > chaos"
)

type wrong struct {
	name  string
	graph fx.Option
	want  []string // lines of what the user reads
	// framed says that fx puts its frames around the error, so that only Explain and
	// WithLogger show it so.
	framed bool
}

// wrongs are the applications that cannot work. In each of them "FILE:LINE" stands for a
// place in this file.
func wrongs() []wrong {
	backend := conns{Factory: &factory{}}
	factories := provide(&factory{})
	return slices.Concat(wrongClients(backend, factories), wrongStages(factories), wrongParts(factories), []wrong{
		{"a configuration in the graph", fx.Options(factories, mainClient, fx.Supply(penstock.Config{MaxAsync: 3})), []string{
			"fxmodule: no client takes the penstock.Config" + remedy,
		}, false},
		{"a configuration with the client's name, by a pointer", fx.Options(archiveClient, with("archive", backend), with("archive", &penstock.Config{})), []string{
			`fxmodule: no client takes the *penstock.Config with the name "archive"` + remedy,
		}, false},
		{"a configuration with a misspelt name", fx.Options(factories, mainClient, with("archiv", penstock.Config{})), []string{
			`fxmodule: no client takes the penstock.Config with the name "archiv"` + remedy,
		}, false},
		{"a setting that cannot be", fx.Options(factories, configured(middleware.Config{Breaker: breaker.Config{FailureThreshold: -1}})), []string{
			`penstock: client "fxmodule_test.conn": middleware: bad configuration: breaker: FailureThreshold is -1, want 0 (the default, 5) or more`,
		}, false},
		{"health without a probe", fx.Options(factories, configured(middleware.Config{Health: &health.Config{}})), []string{
			`penstock: client "fxmodule_test.conn": middleware: bad configuration: health: Probe is nil, and the factory has no Ping to make a probe of: write either`,
		}, false},
		{"a provider that is a nil pointer", fx.Options(factories, fxmodule.Client[*conn](fxmodule.Config(penstock.Config{TracerProvider: (*sdktrace.TracerProvider)(nil)}))), []string{
			`penstock: client "fxmodule_test.conn": otelx: bad configuration: WithTracerProvider: the provider is a nil *trace.TracerProvider: make one, or leave the provider out`,
		}, false},
		{"an observer with a misspelt name", fx.Options(archiveClient, with("archive", backend), fx.Supply(fx.Annotate(&coretest.Recorder{}, fx.As(new(core.Observer)), fx.ResultTags(`name:"archiv"`)))), []string{
			`fxmodule: no client takes the core.Observer with the name "archiv": give it the name of a client, one of "archive"`,
		}, false},
		{"an observer beside providers", fx.Options(factories, fxmodule.Client[*conn](fxmodule.Config(penstock.Config{UseTime: true})), fx.Supply(fx.Annotate(&coretest.Recorder{}, fx.As(new(core.Observer))))), []string{
			"fxmodule: the client of " + short + ": its fxmodule.Config sets TracerProvider, MeterProvider, Telemetry or UseTime, and the graph has a core.Observer, which takes the place of them: leave out one or the other",
		}, false},
		{"a pointer to a configuration of telemetry", fx.Options(factories, mainClient, fxmodule.Telemetry(), fx.Supply(&sdk.Config{})), []string{
			"fxmodule: the client of " + short + ": Telemetry does not take the *sdk.Config in the graph: provide the sdk.Config itself, not a pointer to it",
		}, false},
		{"a configuration of telemetry, and no telemetry", fx.Options(factories, mainClient, fx.Supply(sdk.Config{Logger: slog.Default()})), []string{
			"fxmodule: nothing takes the sdk.Config: add fxmodule.Telemetry(), or leave it out",
		}, false},
		{"an unknown start mode", fx.Options(factories, fxmodule.Client[*conn](fxmodule.Start(7))), []string{
			"fxmodule: the client of " + short + ": the start mode is mode(7): use StartEager, StartBackground or StartLazy",
		}, false},
		{"a name for all", fx.Options(factories, mainClient, fxmodule.Module(fxmodule.Named("a"))), []string{
			"fxmodule: Module has the option Named, which is for a client: give it to the client",
		}, false},
		{"Module twice", fx.Options(factories, fxmodule.Module(), mainClient, fxmodule.Module(fxmodule.Without("retry"))), []string{
			"fxmodule: the application has two fxmodule.Module: leave out one of them",
		}, true},
		{"Telemetry twice", fx.Options(factories, fxmodule.Telemetry(), mainClient, fxmodule.Telemetry()), []string{
			"fxmodule: the application has two fxmodule.Telemetry: leave out one of them",
		}, true},
	})
}

func wrongClients(backend conns, factories fx.Option) []wrong {
	return []wrong{
		{"no factory", mainClient, []string{
			"fxmodule: the client of " + short + " has no factory: provide a pool.Factory[" + short + "] or a penstock.Backend[" + short + "], and what their constructors need",
		}, false},
		{"a backend without a factory", fx.Options(mainClient, fx.Supply(conns{System: "kv"})), []string{
			"fxmodule: the client of " + short + " has no factory: provide a pool.Factory[" + short + "] or a penstock.Backend[" + short + "] that has a Factory, and what their constructors need",
		}, false},
		{"a factory with another name", fx.Options(factories, archiveClient), []string{
			"fxmodule: client \"archive\" of " + short + " has no factory: provide a pool.Factory[" + short + "] or a penstock.Backend[" + short + `] with the name "archive", and what their constructors need; no client takes the pool.Factory[` + short + "]",
		}, false},
		{"two factories", fx.Options(factories, fx.Supply(backend), mainClient), []string{
			"fxmodule: the client of " + short + " has two factories: leave out the pool.Factory[" + short + "] or the Factory of its penstock.Backend",
		}, false},
		{"a pointer to a backend", fx.Options(fx.Supply(&backend), mainClient), []string{
			"fxmodule: no client takes the *penstock.Backend[" + inFull + "]: provide the penstock.Backend itself, not a pointer to it",
		}, false},
		{"a backend without a name for a client with one", fx.Options(fx.Supply(backend), archiveClient), []string{
			"fxmodule: client \"archive\" of " + short + " has no factory: provide a pool.Factory[" + short + "] or a penstock.Backend[" + short + `] with the name "archive", and what their constructors need; no client takes the penstock.Backend[` + short + "]",
		}, false},
		{"a backend with a misspelt name", fx.Options(factories, mainClient, archiveClient, with("archiv", backend)), []string{
			"fxmodule: client \"archive\" of " + short + " has no factory: provide a pool.Factory[" + short + "] or a penstock.Backend[" + short + `] with the name "archive", and what their constructors need; no client takes the penstock.Backend[` + short + `] with the name "archiv"`,
		}, false},
		{"a backend too many", fx.Options(fx.Supply(backend), mainClient, with("archive", backend)), []string{
			"fxmodule: no client takes the penstock.Backend[" + inFull + `] with the name "archive": leave out its name for the client of ` + inFull + ` without a name, or add fxmodule.Client[` + inFull + `](fxmodule.Named("archive"))`,
		}, false},
		{"a backend, and no client", fx.Options(fxmodule.Module(), fx.Supply(backend)), []string{
			"fxmodule: no client takes the penstock.Backend[" + inFull + "]: add fxmodule.Client[" + inFull + "](), or leave it out",
		}, false},
		{"a backend of another type", fx.Options(factories, mainClient, fx.Supply(penstock.Backend[int]{})), []string{
			"fxmodule: no client takes the penstock.Backend[int]: add fxmodule.Client[int](), or leave it out",
		}, false},
		{"a constructor of a backend that fails", fx.Options(mainClient, fx.Provide(newBackend)), []string{
			`received non-nil error from function "github.com/penstock-go/penstock/fxmodule_test".newBackend (FILE:LINE): audit.log: no such file`,
		}, true},
		{"two classifiers", fx.Options(mainClient, fx.Supply(conns{Factory: &factory{}, Classifier: classify}, core.Classifier(classify))), []string{
			"fxmodule: the client of " + short + " has two classifiers: leave out the core.Classifier or the Classifier of its penstock.Backend",
		}, false},
		{"a classifier that is a function only", fx.Options(factories, mainClient, fx.Supply(classify)), []string{
			"fxmodule: no client takes the func(error) core.Class: provide it as a core.Classifier",
		}, false},
		{"a classifier without a name for a client with one", fx.Options(archiveClient, with("archive", backend), fx.Supply(core.Classifier(classify))), []string{
			`fxmodule: no client takes the core.Classifier: give it the name of a client, one of "archive"`,
		}, false},
		{"a classifier, and no client", fx.Options(fxmodule.Module(), fx.Supply(core.Classifier(classify))), []string{
			"fxmodule: no client takes the core.Classifier: add fxmodule.Client, or leave it out",
		}, false},
		{"a name that is no tag", fxmodule.Client[*conn](fxmodule.Named("a`b")), []string{
			"fxmodule: the name \"a`b\" of a client must be usable in a struct tag: leave out quotation marks and backslashes",
		}, false},
		{"two clients without a name", fx.Options(factories, mainClient, fxmodule.Client[*conn]()), []string{
			"fxmodule: two clients of " + inFull + " have no name: give one of them the option fxmodule.Named",
		}, true},
		{"two clients of one name", fx.Options(archiveClient, fxmodule.Client[*conn](fxmodule.Named("archive"))), []string{
			"fxmodule: two clients of " + inFull + ` have the name "archive": give one of them another name by fxmodule.Named`,
		}, true},
		{"two clients of one name and two types", fx.Options(archiveClient, fxmodule.Client[*conn2](fxmodule.Named("archive"))), []string{
			`fxmodule: two clients have the name "archive": give one of them another name by fxmodule.Named`,
		}, true},
		{"a client that is not there", fx.Options(factories, mainClient, fx.Invoke(askForArchiv[client])), []string{
			`missing dependencies for function "github.com/penstock-go/penstock/fxmodule_test".askForArchiv[...] (FILE:LINE): missing type: *penstock.Client[` + inFull + `][name="archiv"]: add fxmodule.Client with the same fxmodule.Named, or correct the name in the tag`,
		}, true},
	}
}

func wrongStages(factories fx.Option) []wrong {
	const bad = `penstock: client "fxmodule_test.conn": middleware: bad configuration: `
	own := fx.Options(factories, mainClient)
	return []wrong{
		{"a stage for no client", fx.Options(own, fxmodule.AsMiddleware(newMine, fxmodule.Before("retry"), fxmodule.For("archiv"))), []string{
			`fxmodule: the stage of fxmodule_test.newMine is For("archiv"), and no client has that name: use For("") for the client without a name`,
		}, false},
		{"two stages for no client", fx.Options(own, fxmodule.AsMiddleware(newMine, fxmodule.For("b")), fxmodule.AsMiddleware(newYours, fxmodule.For("a"))), []string{
			`fxmodule: the stage of fxmodule_test.newMine is For("b"), and no client has that name: use For("") for the client without a name`,
			`fxmodule: the stage of fxmodule_test.newYours is For("a"), and no client has that name: use For("") for the client without a name`,
		}, false},
		{"a stage, and no client", fxmodule.AsMiddleware(newMine), []string{
			"fxmodule: no client takes the stage of fxmodule_test.newMine: add fxmodule.Client, or leave the stage out",
		}, false},
		{"a stage that is none", fx.Options(own, fxmodule.AsMiddleware(func() string { return "" })), []string{
			"fxmodule: AsMiddleware has a func() string: give it a function that returns a middleware.Stage, or a middleware.Stage and an error",
		}, false},
		{"a stage in place of its constructor", fx.Options(own, fxmodule.AsMiddleware(newMine())), []string{
			"fxmodule: AsMiddleware has a middleware.Stage: give it a function that returns a middleware.Stage, or a middleware.Stage and an error",
		}, false},
		{"no stage at all", fx.Options(own, fxmodule.AsMiddleware(nil)), []string{
			"fxmodule: AsMiddleware has a <nil>: give it a function that returns a middleware.Stage, or a middleware.Stage and an error",
		}, false},
		{"a stage with two places", fx.Options(own, fxmodule.AsMiddleware(newMine, fxmodule.Before("retry"), fxmodule.After("trace"))), []string{
			`fxmodule: the stage of fxmodule_test.newMine has both Before("retry") and After("trace"): leave out one of them`,
		}, false},
		{"a stage without a place", fx.Options(own, fxmodule.AsMiddleware(newMine)), []string{
			bad + `stage "mine" has no place, for the order is ` + defaults + ": name the stage there, or set its Before or After",
		}, false},
		{"a stage next to one that is not there", fx.Options(own, fxmodule.AsMiddleware(newMine, fxmodule.Before("retries"))), []string{
			bad + `stage "mine" is placed next to "retries", which is not in the chain: place it next to a stage of the order, ` + defaults,
		}, false},
		{"stages next to each other only", fx.Options(own, fxmodule.AsMiddleware(newMine, fxmodule.Before("yours")), fxmodule.AsMiddleware(newYours, fxmodule.Before("mine"))), []string{
			bad + `stage "mine" is placed next to "yours", whose own place depends on "mine": place one of them next to a stage of the order, ` + defaults,
			`middleware: bad configuration: stage "yours" is placed next to "mine", whose own place depends on "yours": place one of them next to a stage of the order, ` + defaults,
		}, false},
		{"two stages of one name", fx.Options(own, fxmodule.AsMiddleware(newMine, fxmodule.Before("retry")), fxmodule.AsMiddleware(newMine, fxmodule.Before("retry"))), []string{
			bad + `two stages are named "mine": give one of them another name, or leave it out`,
		}, false},
		{"a stage with the name of one of ours", fx.Options(own, fxmodule.AsMiddleware(newRetry, fxmodule.Before("breaker"))), []string{
			bad + `stage "retry" of Stages has the name of a stage of Penstock's that is in the chain: give yours another name, or set Disabled in the configuration of Penstock's`,
		}, false},
		{"a stage that does nothing", fx.Options(own, fxmodule.AsMiddleware(newEmpty, fxmodule.Before("retry"))), []string{
			bad + `stage "mine" has no middleware: set Middleware of Stages[0]`,
		}, false},
		{"a stage without a name", fx.Options(own, fxmodule.AsMiddleware(newNameless)), []string{
			bad + "a stage has no name: set Name of Stages[0]",
		}, false},
		{"a constructor of a stage that fails", fx.Options(own, fxmodule.AsMiddleware(newBroken, fxmodule.Before("retry"))), []string{
			`received non-nil error from function "github.com/penstock-go/penstock/fxmodule_test".newBroken (FILE:LINE): audit.log: no such file`,
		}, true},
		{"a constructor of a stage that lacks something", fx.Options(own, fxmodule.AsMiddleware(newLacking, fxmodule.Before("retry"))), []string{
			`missing dependencies for function "github.com/penstock-go/penstock/fxmodule_test".newLacking (FILE:LINE): missing type: *http.Client`,
		}, true},
		{"an order with a misspelt stage", fx.Options(factories, fxmodule.Client[*conn](fxmodule.Order("trace", "breaker", "retries", "timeout"))), []string{
			bad + `the order names stage "retries", and there is no such stage: name "retry" instead, which has no place, or add the stage to Stages, or leave the name out`,
		}, false},
		{"an order with a stage twice", fx.Options(factories, fxmodule.Client[*conn](fxmodule.Order("trace", "breaker", "retry", "timeout", "retry"))), []string{
			bad + `the order names stage "retry" twice: leave one of the two out`,
		}, false},
		{"an order without a stage that is there", fx.Options(factories, fxmodule.Client[*conn](fxmodule.Order("trace", "breaker", "timeout"))), []string{
			bad + `stage "retry" has no place, for the order is trace > breaker > timeout: name the stage there, or set Disabled in its configuration`,
		}, false},
		{"without a stage that is not there", fx.Options(factories, fxmodule.Client[*conn](fxmodule.Without("retries"))), []string{
			"fxmodule: the client of " + short + `: option Without: middleware: bad configuration: no stage "retries" to leave out: name one of "trace", "breaker", "keyed_breaker", "bulkhead", "ratelimit", "retry", "timeout", "health", "chaos"`,
		}, false},
	}
}

func wrongParts(factories fx.Option) []wrong {
	const orNil = ", or take the *penstock.Client, whose method returns nil"
	one := fx.Options(factories, fxmodule.Module(), mainClient)
	two := fx.Options(one, fxmodule.Client[*conn2](), fx.Supply(penstock.Backend[*conn2]{Factory: &factory2{}}))
	return []wrong{
		{"a breaker that is not there", fx.Options(factories, fxmodule.Module(fxmodule.Without("breaker")), mainClient, fx.Invoke(askFor[*breaker.Breaker])), []string{
			"fxmodule: the client of " + short + ` has no *breaker.Breaker, and the application asks for it: keep the stage "breaker" in its chain` + orNil,
		}, true},
		{"a monitor that is not there", fx.Options(one, fx.Invoke(askFor[*health.Monitor])), []string{
			"fxmodule: the client of " + short + ` has no *health.Monitor, and the application asks for it: give its factory a Ping, and keep the stage "health" in its chain` + orNil,
		}, true},
		{"telemetry that is not there", fx.Options(one, fx.Invoke(askFor[*otelx.Observer]), fx.Supply(fx.Annotate(&coretest.Recorder{}, fx.As(new(core.Observer))))), []string{
			"fxmodule: the client of " + short + " has no *otelx.Observer, and the application asks for it: give it a TracerProvider or a MeterProvider and no core.Observer" + orNil,
		}, true},
		{"a single pool of a client with lanes", fx.Options(mainClient, fx.Supply(conns{Factory: &factory{}, Lanes: lane.ReadWrite()}), fx.Invoke(askFor[*pool.Pool[*conn]])), []string{
			"fxmodule: the client of " + short + " has no single *pool.Pool: it has lanes or several addresses, so take the *penstock.Client and its PoolStats and Endpoints",
		}, true},
		{"a part of one of two clients without a name", fx.Options(two, fx.Invoke(askFor[*breaker.Breaker])), []string{
			"fxmodule: the application asks for a part of the client without a name, and there are several, the client of *fxmodule_test.conn, the client of *fxmodule_test.conn2: give names by fxmodule.Named, and ask with the tag name:\"...\"",
		}, true},
		{"a part of a client with a name, without the name", fx.Options(fxmodule.Module(), archiveClient, with("archive", conns{Factory: &factory{}}), fx.Invoke(askFor[*breaker.Breaker])), []string{
			`fxmodule: the application asks for a part of the client without a name, and no client is without one: ask with the tag name:"..." of a client`,
		}, true},
		{"a part without Module", fx.Options(factories, mainClient, fx.Invoke(askFor[*middleware.Chain])), []string{
			`missing dependencies for function "github.com/penstock-go/penstock/fxmodule_test".askFor[...] (FILE:LINE): missing type: *middleware.Chain: add fxmodule.Module, which provides the parts of the client without a name`,
		}, true},
		{"a part with a misspelt name", fx.Options(one, fx.Invoke(askForArchiv[*breaker.Breaker])), []string{
			`missing dependencies for function "github.com/penstock-go/penstock/fxmodule_test".askForArchiv[...] (FILE:LINE): missing type: *breaker.Breaker[name="archiv"]: correct the name in the tag, or add fxmodule.Client with the same fxmodule.Named`,
		}, true},
	}
}

var place = regexp.MustCompile(`\(/[^()]*\.go:\d+\)`)

// plain replaces what depends on the place of a function.
func plain(text string) string { return place.ReplaceAllString(text, "(FILE:LINE)") }

// Each row has all that the user reads. Without frames it is what fx prints, and what
// app.Err returns; with frames it is what Explain and WithLogger make of that.
func TestWiringThatCannotWorkSaysWhatToChange(t *testing.T) {
	rows := wrongs()
	if len(rows) < 40 {
		t.Errorf("%d rows, want 40 at least", len(rows))
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var log lines
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
			// fx provides nothing if an option is an error already.
			before := slog.Default()
			slog.SetDefault(logger)
			defer slog.SetDefault(before)
			app := fx.New(fxmodule.WithLogger(), fx.Supply(logger), row.graph)
			err := app.Err()
			if err == nil {
				t.Fatal("the application was built")
			}
			want := strings.Join(row.want, "\n")
			if got := plain(fxmodule.Explain(err).Error()); got != want {
				t.Errorf("the error is\n%s\nwant\n%s", got, want)
			}
			if framed := plain(err.Error()) != want; framed != row.framed {
				t.Errorf("frames of fx: %t, want %t:\n%v", framed, row.framed, err)
			}
			if n := strings.Count(want, "\n"); n > 1 {
				t.Errorf("%d lines, want two at most", n+1)
			}
			if err := app.Start(t.Context()); err == nil {
				t.Error("the application started")
			}
			if len(log.all) == 0 || len(log.all) > 2 {
				t.Errorf("fx logs %d records, want one of New, if any, and one of Start", len(log.all))
			}
			for _, record := range log.all {
				if !strings.Contains(plain(record), "error="+strconv.Quote(want)) {
					t.Errorf("fx logs\n%s\nwant the error\n%s", record, want)
				}
			}
		})
	}
}

// lines holds each write.
type lines struct{ all []string }

func (l *lines) Write(text []byte) (int, error) {
	l.all = append(l.all, string(text))
	return len(text), nil
}

// What a client takes, or what an application has for itself, is no fault.
func TestWiringThatWorksIsNoFault(t *testing.T) {
	archive := fxmodule.Client[*conn](fxmodule.Named("archive"))
	backend := conns{Factory: &factory{}}
	configured := fxmodule.Config(penstock.Config{MaxAsync: 1})
	for name, graph := range map[string]fx.Option{
		"a backend for each client":                 fx.Options(fxmodule.Client[*conn](), archive, fx.Supply(backend), with("archive", backend)),
		"a private backend beside its client":       fx.Module("mine", fx.Provide(func() conns { return backend }, fx.Private), fxmodule.Client[*conn]()),
		"a configuration beside a configured one":   fx.Options(fxmodule.Client[*conn](configured), fx.Supply(backend, penstock.Config{MaxAsync: 2}, &penstock.Config{})),
		"a configuration, and all are configured":   fx.Options(fxmodule.Module(configured), archive, with("archive", backend), fx.Supply(penstock.Config{})),
		"a type of the application's own":           fx.Options(fxmodule.Client[*conn](), fx.Supply(backend, own.Config{Answer: 42}, &own.Config{})),
		"two applications of the same options":      fx.Options(fxmodule.Module(), archive, with("archive", backend)),
		"clients of two types, both without a name": fx.Options(fxmodule.Client[*conn](), fx.Supply(backend), fxmodule.Client[*conn2](), fx.Supply(penstock.Backend[*conn2]{Factory: &factory2{}})),
	} {
		for range 2 {
			if err := fx.New(fx.NopLogger, graph).Err(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// conn2 is another type of connections, whose factory has no Ping.
type conn2 struct{}

type factory2 struct{}

func (*factory2) Dial(context.Context) (*conn2, error) { return &conn2{}, nil }
func (*factory2) Close(context.Context, *conn2) error  { return nil }
