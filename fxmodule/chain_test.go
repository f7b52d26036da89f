// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

func pass(next core.Handler) core.Handler { return next }

// stage returns a constructor of a stage that does nothing.
func stage(name string) func() middleware.Stage {
	return func() middleware.Stage { return middleware.Stage{Name: name, Middleware: pass} }
}

func names(t *testing.T, opts ...fx.Option) string {
	t.Helper()
	var c client
	app := fx.New(fx.NopLogger, provide(&factory{}), fx.Populate(&c), fx.Options(opts...))
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(c.Chain().Names, " ")
}

// fx shuffles groups.
func TestAThousandStartsHaveOneOrderOfStages(t *testing.T) {
	const (
		want        = "trace > outer > a > b > breaker > retry > inner > timeout"
		wantArchive = "trace > outer > a > b > breaker > retry > inner > own > timeout"
	)
	options := fx.Options(fx.NopLogger,
		fxmodule.Module(fxmodule.Start(fxmodule.StartLazy)), fxmodule.Client[*conn](), fxmodule.Client[*conn](fxmodule.Named("archive")),
		provide(&factory{}), with("archive", conns{Factory: &factory{}}), fx.Supply(fx.Annotate(&coretest.Recorder{}, fx.As(new(core.Observer)))),
		fxmodule.AsMiddleware(stage("b"), fxmodule.Before("breaker")),
		fxmodule.AsMiddleware(stage("a"), fxmodule.Before("breaker")),
		fxmodule.AsMiddleware(stage("own"), fxmodule.After("retry"), fxmodule.For("archive")),
		fxmodule.AsMiddleware(stage("inner"), fxmodule.After("retry")),
		fxmodule.AsMiddleware(stage("outer"), fxmodule.After("trace")),
	)
	starts := 1000
	if testing.Short() {
		starts = 100
	}
	for n := range starts {
		var in clients
		app := fx.New(options, fx.Invoke(func(c clients) { in = c }))
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, archive := in.Main.Chain().String(), in.Archive.Chain().String(); got != want || archive != wantArchive {
			t.Fatalf("start %d: chains %q and %q, want %q and %q", n, got, archive, want, wantArchive)
		}
		if err := app.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOptionsShapeTheChain(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts []fx.Option
		want string
	}{
		{"without a stage", []fx.Option{fxmodule.Module(fxmodule.Without("retry")), fxmodule.Client[*conn]()}, "trace breaker timeout"},
		{"without, for all and for one", []fx.Option{
			fxmodule.Module(fxmodule.Without("retry")), fxmodule.Client[*conn](fxmodule.Without("breaker")),
		}, "trace timeout"},
		{"an order", []fx.Option{
			fxmodule.Module(fxmodule.Order("trace", "retry", "mine", "breaker", "timeout")), fxmodule.Client[*conn](),
			fxmodule.AsMiddleware(stage("mine")),
		}, "trace retry mine breaker timeout"},
		{"the client's own options win", []fx.Option{
			fxmodule.Module(fxmodule.Order("trace", "breaker", "retry", "timeout")),
			fxmodule.Client[*conn](fxmodule.Order("trace", "retry", "breaker", "timeout")),
		}, "trace retry breaker timeout"},
		{"no Module at all", []fx.Option{fxmodule.Client[*conn]()}, "trace breaker retry timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := names(t, tt.opts...); got != tt.want {
				t.Errorf("chain = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAWrongConfigurationIsRefusedWithAllItsFaults(t *testing.T) {
	app := fx.New(fx.NopLogger,
		fxmodule.Module(fxmodule.Without("retries"), fxmodule.Config(penstock.Config{Chain: middleware.Config{
			Breaker: breaker.Config{FailureThreshold: -1},
			Retry:   retry.Config{Interval: time.Minute},
		}})),
		fxmodule.Client[*conn](), provide(&factory{}),
		fxmodule.AsMiddleware(stage("lost")),
		fx.Invoke(func(client) {}),
	)
	err := app.Err()
	if err == nil {
		t.Fatal("the configuration was accepted")
	}
	for _, want := range []string{`"retries"`, "FailureThreshold", "Interval 1m0s is above MaxInterval 20s", `"lost"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}

// everything is a configuration with a value that the client shows of each kind.
func everything(o core.Observer, l *slog.Logger) penstock.Config {
	return penstock.Config{
		MaxAsync: 1, Observer: o, Logger: l,
		Chain: middleware.Config{Order: []string{"trace", "retry", "breaker", "timeout"}, Timeout: timeout.Config{Disabled: true}},
	}
}

func TestConfigConfiguresTheWholeClient(t *testing.T) {
	var (
		recorder         coretest.Recorder
		own, application bytes.Buffer
		c                client
	)
	tracers, spans := recording(t)
	app := fxtest.New(t,
		fxmodule.Module(fxmodule.Config(penstock.Config{MaxAsync: 7})),
		fxmodule.Client[*conn](
			fxmodule.Config(everything(&recorder, slog.New(slog.NewTextHandler(&own, nil)))),
			fxmodule.Order("trace", "breaker", "retry", "timeout"),
		),
		provide(&factory{}), fx.Populate(&c),
		fx.Supply(tracers, slog.New(slog.NewTextHandler(&application, nil))),
		fx.Supply(penstock.Config{MaxAsync: 9}), // the application's own affair
	)
	app.RequireStart()
	defer app.RequireStop()
	if got, want := c.Chain().String(), "trace > breaker > retry"; got != want {
		t.Errorf("chain %q, want %q", got, want)
	}
	release := make(chan struct{})
	first := core.Go(t.Context(), c, op, func(context.Context, *conn) (int, error) { <-release; return 1, nil })
	if _, err := core.Go(t.Context(), c, op, func(context.Context, *conn) (int, error) { return 2, nil }).Await(t.Context()); !errors.Is(err, core.ErrAsyncLimit) {
		t.Errorf("the second Go = %v, want %v: MaxAsync is 1", err, core.ErrAsyncLimit)
	}
	close(release)
	if _, err := first.Await(t.Context()); err != nil {
		t.Error(err)
	}
	if lines := recorder.Lines(); len(lines) == 0 || len(spans.Ended()) > 0 {
		t.Errorf("the observer was told %d things, and there are %d spans; want some, and none", len(lines), len(spans.Ended()))
	}
	if !strings.Contains(own.String(), "level=WARN") || strings.Contains(application.String(), "level=WARN") {
		t.Errorf("the client's logger got\n%s\nthe application's\n%s\nwant the warning in the first", &own, &application)
	}
}

func TestAConstructorOfAStageMayHaveDependenciesAndFail(t *testing.T) {
	broken := errors.New("broken")
	app := fx.New(fx.NopLogger,
		fxmodule.Client[*conn](), provide(&factory{}),
		fxmodule.AsMiddleware(func(f pool.Factory[*conn]) (middleware.Stage, error) {
			if f == nil {
				t.Error("the constructor got no factory")
			}
			return middleware.Stage{}, broken
		}, fxmodule.Before("retry")),
		fx.Invoke(func(client) {}),
	)
	if err := app.Err(); !errors.Is(err, broken) {
		t.Errorf("app.Err = %v, want %v", err, broken)
	}
}
