// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/pool"
)

// asked asks for the clients a and b.
func asked(struct {
	fx.In
	A client `name:"a"`
	B client `name:"b"`
}) {
}

func TestNoGoroutineIsLeftAfterAStop(t *testing.T) {
	// A collector that does not answer. The SDK has goroutines for it.
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_SERVICE_NAME", "test")
	outsideOfABubble()
	for _, mode := range []fxmodule.StartMode{fxmodule.StartEager, fxmodule.StartBackground, fxmodule.StartLazy} {
		t.Run(mode.String(), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			app := fx.New(fx.NopLogger, fxmodule.Module(fxmodule.Start(mode)), fxmodule.Telemetry(),
				named(map[string]pool.Factory[*conn]{"a": &pinged{}, "b": &pinged{}}), fx.Invoke(asked))
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			if err := app.Stop(ctx); err != nil {
				t.Errorf("Stop = %v", err)
			}
			goleak.VerifyNone(t, before)
		})
	}
}

func TestNoGoroutineIsLeftAfterAStartThatFailed(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_SERVICE_NAME", "test")
	outsideOfABubble()
	broken := errors.New("the port is taken")
	for name, row := range map[string]struct {
		b     pool.Factory[*conn]
		mode  fxmodule.StartMode
		start func() error // of a hook of the application, after the clients
		want  error
	}{
		"a client cannot dial":             {&factory{err: broken}, fxmodule.StartEager, func() error { return nil }, broken},
		"a hook of the application failed": {&pinged{}, fxmodule.StartEager, func() error { return broken }, broken},
		"a start in the background failed": {&factory{err: errors.New("down")}, fxmodule.StartBackground, func() error { return broken }, broken},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			app := fx.New(fx.NopLogger, fxmodule.Module(fxmodule.Start(row.mode)), fxmodule.Telemetry(),
				named(map[string]pool.Factory[*conn]{"a": &pinged{}, "b": row.b}), fx.Invoke(asked),
				fx.Invoke(func(l fx.Lifecycle) { l.Append(fx.StartHook(row.start)) }))
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			if err := app.Start(ctx); !errors.Is(err, row.want) {
				t.Errorf("Start = %v, want %v", err, row.want)
			}
			goleak.VerifyNone(t, before)
		})
	}
}

// fx calls no stop hooks once the time of the start is over. The bubble does not end while
// a goroutine of the client a is left.
func TestAClientThatHangsInItsStartLeavesTimeToStopTheOthers(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		a := &pinged{}
		hangs := conns{Factory: &factory{block: make(chan struct{})}, Pool: pool.Config{DialTimeout: time.Hour}}
		app := fx.New(fx.NopLogger, named(map[string]pool.Factory[*conn]{"a": a}),
			fxmodule.Client[*conn](fxmodule.Named("b")), with("b", hangs), fx.Invoke(asked))
		ctx, cancel := context.WithTimeout(t.Context(), fx.DefaultTimeout)
		defer cancel()
		err := app.Start(ctx)
		const want = `fxmodule: client "b" of *fxmodule_test.conn could not dial, and its start mode is eager (StartBackground goes on without a connection)`
		if !errors.Is(err, pool.ErrStart) || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("Start = %v, want %v: %s", err, pool.ErrStart, want)
		}
		if ctx.Err() != nil {
			t.Error("the start took all of its time")
		}
		if got := a.notes(); len(got) != 2 || got[1] != "close" {
			t.Errorf("the factory of a was asked to %v, want to dial and to close", got)
		}
	})
}
