// SPDX-License-Identifier: Apache-2.0

package fxadaptertest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func (a Adapter[Conn, Config]) testTraced(t *testing.T) {
	s := milvustest.Start(t)
	spans := emitted.Spans(t)
	var c *penstock.Client[Conn]
	app := fxtest.New(t,
		fxmodule.Module(), a.Module(), a.at(s),
		fx.Supply(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		fx.Populate(&c),
	)
	app.RequireStart()
	if err := a.version(t.Context(), c); err != nil {
		t.Error(err)
	}
	if got, want := c.Chain().String(), "trace > breaker > retry > timeout > health"; got != want {
		t.Errorf("chain = %q, want %q", got, want)
	}
	app.RequireStop()
	noConnection(t, s)
	system := attribute.String("db.system.name", "milvus")
	if !slices.ContainsFunc(spans.Ended(), func(s sdktrace.ReadOnlySpan) bool {
		return s.Name() == "GetVersion default" && slices.Contains(s.Attributes(), system)
	}) {
		t.Errorf("no span of the operation among %d", len(spans.Ended()))
	}
}

// two are a client without a name and one with a name.
type two[Conn any] struct {
	fx.In
	Main    *penstock.Client[Conn]
	Archive *penstock.Client[Conn] `name:"archive"`
	Ready   fxmodule.Ready
}

func (a Adapter[Conn, Config]) testNamed(t *testing.T) {
	one, other := milvustest.Start(t), milvustest.Start(t)
	var in two[Conn]
	app := fxtest.New(t,
		fxmodule.Module(), a.Module(), a.Module(fxmodule.Named("archive")),
		a.at(one), named("archive", a.With(other.Addr(), "")),
		fx.Populate(&in),
	)
	app.RequireStart()
	defer app.RequireStop()
	if got := in.Archive.Pool().Name(); got != "archive" {
		t.Errorf("the pool has the name %q, want that of the client", got)
	}
	w := httptest.NewRecorder()
	in.Ready.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	for _, name := range []string{in.Main.Name(), "archive"} {
		if part := `{"name":"` + name + `","status":"up"`; w.Code != http.StatusOK || !strings.Contains(w.Body.String(), part) {
			t.Errorf("readiness answers %d %s, want 200 with %s", w.Code, w.Body, part)
		}
	}
	one.ResetCalls()
	other.ResetCalls()
	if err := a.version(t.Context(), in.Archive); err != nil {
		t.Error(err)
	}
	if one.Calls("GetVersion") != 0 || other.Calls("GetVersion") != 1 {
		t.Errorf("calls = %d and %d, want none and one", one.Calls("GetVersion"), other.Calls("GetVersion"))
	}
}

func (a Adapter[Conn, Config]) testUnreachable(t *testing.T) {
	s := milvustest.Start(t)
	address := s.Addr()
	if err := s.Close(); err != nil { // the address is free now
		t.Fatal(err)
	}
	defaults, err := pool.Config{}.Effective()
	if err != nil {
		t.Fatal(err)
	}
	app := fx.New(fx.NopLogger, a.Module(), fx.Supply(a.With(address, "")), fx.Invoke(func(*penstock.Client[Conn]) {}))
	begin := time.Now()
	err = app.Start(t.Context())
	if took := time.Since(begin); took > defaults.DialTimeout+time.Second {
		t.Errorf("it took %v, longer than the dial timeout", took)
	}
	if !errors.Is(err, pool.ErrStart) || !errors.Is(err, pool.ErrDial) || !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("Start = %v, want %v because of %v", err, pool.ErrStart, pool.ErrDial)
	}
	for _, want := range []string{address, "connection refused"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start = %v, want %q in it", err, want)
		}
	}
}

func (a Adapter[Conn, Config]) testRefused(t *testing.T) {
	app := fx.New(fx.NopLogger, a.Module(),
		fx.Supply(a.With("http://localhost", "secret")), fx.Invoke(func(*penstock.Client[Conn]) {}))
	err := app.Err()
	if err == nil {
		t.Fatal("the configuration was accepted")
	}
	for _, want := range []string{"Address", "Password"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows the password: %v", err)
	}
}

func (a Adapter[Conn, Config]) testValidates(t *testing.T) {
	config := a.With("milvus.internal:19530", "")
	err := fx.ValidateApp(
		fxmodule.WithLogger(), fxmodule.Module(), fxmodule.Telemetry(),
		a.Module(), a.Module(fxmodule.Named("archive")),
		fx.Supply(config), named("archive", config),
		fx.Invoke(func(two[Conn]) {}),
	)
	if err != nil {
		t.Errorf("ValidateApp = %v", err)
	}
}

// watcher notes the clients that it is shown.
type watcher struct{ made []string }

func (w *watcher) Watch(string) penstock.Watch {
	return penstock.Watch{Made: func(c penstock.Inspected) { w.made = append(w.made, c.Name()) }}
}

func (a Adapter[Conn, Config]) testWatched(t *testing.T) {
	s := milvustest.Start(t)
	var seen watcher
	app := fxtest.New(t,
		a.Module(fxmodule.Named("archive")), named("archive", a.With(s.Addr(), "")),
		fx.Supply(fx.Annotate(&seen, fx.As(new(penstock.Watcher)), fx.ResultTags(`group:"penstock.watchers"`))),
		fx.Invoke(func(struct {
			fx.In
			Archive *penstock.Client[Conn] `name:"archive"`
		}) {
		}),
	)
	app.RequireStart()
	defer app.RequireStop()
	if !slices.Equal(seen.made, []string{"archive"}) {
		t.Errorf("the watcher was shown %q, want the client archive", seen.made)
	}
}

func (a Adapter[Conn, Config]) testNoGoroutineIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := milvustest.Start(t)
	for _, mode := range []fxmodule.StartMode{fxmodule.StartEager, fxmodule.StartBackground, fxmodule.StartLazy} {
		var in two[Conn]
		app := fxtest.New(t,
			yaml(t, "milvus: {address: \""+s.Addr()+"\"}"), fxmodule.Module(fxmodule.Start(mode)),
			a.Module(), a.Module(fxmodule.Named("archive")), fx.Populate(&in),
		)
		app.RequireStart()
		for _, c := range []*penstock.Client[Conn]{in.Main, in.Archive} {
			if err := a.version(t.Context(), c); err != nil {
				t.Errorf("%v: %v", mode, err)
			}
		}
		app.RequireStop()
		noConnection(t, s)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}
