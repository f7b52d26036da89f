// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	own "github.com/penstock-go/penstock/fxmodule/testdata/penstock"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/otelx/sdk"
)

// with returns a value with a name.
func with(name string, value any) fx.Option {
	return fx.Supply(fx.Annotate(value, fx.ResultTags(`name:"`+name+`"`)))
}

// root returns the text of the error that began it, without what fx says around it.
func root(err error) string {
	for !strings.HasPrefix(err.Error(), "penstock: ") {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	return err.Error()
}

type conns = penstock.Backend[*conn]

// Each row has all that the error itself says.
func TestWiringThatCannotWorkSaysWhatToChange(t *testing.T) {
	var (
		main     = fxmodule.Client[*conn]()
		archive  = fxmodule.Client[*conn](fxmodule.Named("archive"))
		backend  = conns{Factory: &factory{}}
		ask      = fx.Invoke(func(client) {})
		askNamed = fx.Invoke(fx.Annotate(func(client) {}, fx.ParamTags(`name:"archive"`)))
	)
	const (
		short  = "*fxmodule_test.conn"
		inFull = "*github.com/penstock-go/penstock/fxmodule_test.conn"
		config = " in the graph: make it before the application, and pass it to fxmodule.Config as an option of the client or of Module"
	)
	for _, row := range []struct {
		name  string
		graph fx.Option
		want  []string
	}{
		{"no factory", fx.Options(main, ask), []string{
			"fxmodule: a client of " + short + " has no factory: provide a pool.Factory[" + short + "] or a penstock.Backend[" + short + "], and what their constructors need",
		}},
		{"a factory with another name", fx.Options(provide(&factory{}), archive, askNamed), []string{
			"fxmodule: a client of " + short + " has no factory: provide a pool.Factory[" + short + "] or a penstock.Backend[" + short + `] with the name "archive", and what their constructors need`,
		}},
		{"two factories", fx.Options(provide(&factory{}), fx.Supply(backend), main, ask), []string{
			"fxmodule: a client of " + short + " has two factories: leave out the pool.Factory[" + short + "] or the Factory of its penstock.Backend",
		}},
		{"a pointer to a backend", fx.Options(provide(&factory{}), fx.Supply(&backend), main, ask), []string{
			"fxmodule: no client takes the *penstock.Backend[" + inFull + "]: provide the penstock.Backend itself, not a pointer to it",
		}},
		{"a backend without a name for a client with one", fx.Options(fx.Supply(backend), archive), []string{
			"fxmodule: no client takes the penstock.Backend[" + inFull + "]: give it the name of a client of " + inFull + `, one of "archive", or add fxmodule.Client[` + inFull + "]()",
		}},
		{"a backend with a misspelt name", fx.Options(provide(&factory{}), main, archive, with("archiv", backend)), []string{
			"fxmodule: no client takes the penstock.Backend[" + inFull + `] with the name "archiv": give it the name of a client of ` + inFull + `, one of "", "archive", or add fxmodule.Client[` + inFull + `](fxmodule.Named("archiv"))`,
		}},
		{"a backend, and no client", fx.Options(fxmodule.Module(), fx.Supply(backend)), []string{
			"fxmodule: no client takes the penstock.Backend[" + inFull + "]: add fxmodule.Client[" + inFull + "](), or leave it out",
		}},
		{"a backend of another type", fx.Options(provide(&factory{}), main, fx.Supply(penstock.Backend[int]{})), []string{
			"fxmodule: no client takes the penstock.Backend[int]: add fxmodule.Client[int](), or leave it out",
		}},
		{"a stage for no client", fx.Options(
			provide(&factory{}), main, archive, fxmodule.AsMiddleware(stage("mine"), fxmodule.Before("retry"), fxmodule.For("archiv")),
		), []string{`fxmodule: a stage is For("archiv"), and no client has that name: name one of "", "archive"`}},
		{"two stages for no client", fx.Options(
			provide(&factory{}), archive,
			fxmodule.AsMiddleware(stage("mine"), fxmodule.For("a")), fxmodule.AsMiddleware(stage("yours"), fxmodule.For("")),
		), []string{
			`fxmodule: a stage is For(""), and no client has that name: name one of "archive"`,
			`fxmodule: a stage is For("a"), and no client has that name: name one of "archive"`,
		}},
		{"a stage for a client, and no client", fx.Options(
			fxmodule.Module(), fxmodule.AsMiddleware(stage("mine"), fxmodule.Before("retry"), fxmodule.For("archive")),
		), []string{"fxmodule: AsMiddleware gives a stage to clients, and the application has no client: add fxmodule.Client, or leave the stage out"}},
		{"a stage, and no client", fxmodule.AsMiddleware(stage("mine")), []string{
			"fxmodule: AsMiddleware gives a stage to clients, and the application has no client: add fxmodule.Client, or leave the stage out",
		}},
		{"a stage that is none", fx.Options(provide(&factory{}), main, fxmodule.AsMiddleware(func() string { return "" })), []string{
			"fxmodule: AsMiddleware needs a constructor of a middleware.Stage, not a func() string",
		}},
		{"a stage without a place", fx.Options(provide(&factory{}), main, ask, fxmodule.AsMiddleware(stage("mine"))), []string{
			`penstock: client "fxmodule_test.conn": middleware: bad configuration: stage "mine" has no place, for the order is trace > breaker > keyed_breaker > bulkhead > ratelimit > retry > timeout > health > chaos: name the stage there, or set its Before or After`,
		}},
		{"a configuration in the graph", fx.Options(provide(&factory{}), main, fx.Supply(penstock.Config{MaxAsync: 3})), []string{
			"fxmodule: no client takes the penstock.Config" + config,
		}},
		{"a configuration with the client's name, by a pointer", fx.Options(provide(&factory{}), archive, with("archive", &penstock.Config{})), []string{
			`fxmodule: no client takes the *penstock.Config with the name "archive"` + config,
		}},
		{"a configuration with a misspelt name", fx.Options(provide(&factory{}), main, with("archiv", penstock.Config{})), []string{
			`fxmodule: no client takes the penstock.Config with the name "archiv"` + config,
		}},
		{"health without a probe", fx.Options(
			provide(&factory{}), fxmodule.Client[*conn2](fxmodule.Config(penstock.Config{Chain: middleware.Config{Health: &health.Config{}}})),
			fx.Supply(penstock.Backend[*conn2]{Factory: &factory2{}}), fx.Invoke(func(*penstock.Client[*conn2]) {}),
		), []string{
			`penstock: client "fxmodule_test.conn2": middleware: bad configuration: health: Probe is nil, and the factory has no Ping to make a probe of: write either`,
		}},
		{"a pointer to a configuration of telemetry", fx.Options(provide(&factory{}), main, ask, fxmodule.Telemetry(), fx.Supply(&sdk.Config{})), []string{
			"fxmodule: Telemetry does not take the *sdk.Config in the graph: provide the sdk.Config itself, not a pointer to it",
		}},
		{"an unknown start mode", fx.Options(provide(&factory{}), fxmodule.Client[*conn](fxmodule.Start(7)), ask), []string{
			"fxmodule: the start mode of a client is mode(7), want eager, background or lazy",
		}},
		{"a name that is no tag", fxmodule.Client[*conn](fxmodule.Named("a`b")), []string{
			"fxmodule: the name \"a`b\" of a client must be usable in a struct tag",
		}},
		{"a name for all", fx.Options(provide(&factory{}), main, fxmodule.Module(fxmodule.Named("a"))), []string{
			"fxmodule: Named is for a client, not for Module",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := fx.New(fx.NopLogger, row.graph).Err()
			if err == nil {
				t.Fatal("the application was built")
			}
			got, want := root(err), strings.Join(row.want, "\n")
			if got != want {
				t.Errorf("the error is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The error is of fx. The name of a type in it says what to do.
func TestTwoClientsOfOneNameAreToldOfNamed(t *testing.T) {
	for name, opts := range map[string][]fxmodule.Option{"": nil, "[name=\"archive\"]": {fxmodule.Named("archive")}} {
		client := fxmodule.Client[*conn](opts...)
		err := fx.New(fx.NopLogger, provide(&factory{}), client, fxmodule.Client[*conn](opts...)).Err()
		want := "cannot provide fxmodule.useNamedForASecondClientOf[*github.com/penstock-go/penstock/fxmodule_test.conn]" + name + " from [0].Field0: already provided"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s in it", err, want)
		}
	}
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
