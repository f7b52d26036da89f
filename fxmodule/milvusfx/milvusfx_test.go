// SPDX-License-Identifier: Apache-2.0

package milvusfx_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

type client = *penstock.Client[*milvus.Conn]

func startServer(t *testing.T) *milvustest.Server {
	t.Helper()
	return milvustest.Start(t)
}

var version = core.Op{Name: "GetVersion", Safety: core.ReadOnly}

func getVersion(ctx context.Context, c client) (string, error) {
	return core.Do(ctx, c, version, func(ctx context.Context, conn *milvus.Conn) (string, error) {
		return conn.GetVersion(ctx)
	})
}

func TestTheModuleProvidesAClientThatIsTraced(t *testing.T) {
	s := startServer(t)
	spans := emitted.Spans(t)
	var c client
	app := fxtest.New(t,
		fxmodule.Module(),
		milvusfx.Module(),
		fx.Supply(milvus.Config{Address: s.Addr()}, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		fx.Populate(&c),
	)
	app.RequireStart()
	if _, err := getVersion(t.Context(), c); err != nil {
		t.Error(err)
	}
	if got, want := c.Chain().String(), "trace > breaker > retry > timeout > health"; got != want {
		t.Errorf("chain = %q, want %q", got, want)
	}
	app.RequireStop()
	if n := s.Conns(); n != 0 {
		// The server notices the end of a connection a moment later.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for s.Conns() != 0 && ctx.Err() == nil {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				t.Errorf("%d connections are left", s.Conns())
			}
		}
	}
	for _, span := range spans.Ended() {
		if span.Name() != "GetVersion default" {
			continue
		}
		for _, kv := range span.Attributes() {
			if kv.Key == "db.system.name" && kv.Value.AsString() == "milvus" {
				return
			}
		}
	}
	t.Errorf("no span of the operation among %d", len(spans.Ended()))
}

type two struct {
	fx.In
	Main    client
	Archive client `name:"archive"`
}

func TestNamedClientsHaveTheirOwnServer(t *testing.T) {
	one, other := startServer(t), startServer(t)
	var in two
	var ready http.Handler
	app := fxtest.New(t,
		fxmodule.Module(),
		milvusfx.Module(), milvusfx.Module(fxmodule.Named("archive")),
		fx.Supply(milvus.Config{Address: one.Addr()}, fx.Annotate(milvus.Config{Address: other.Addr()}, fx.ResultTags(`name:"archive"`))),
		fx.Invoke(func(c two, r fxmodule.Ready) { in, ready = c, r.Handler() }),
	)
	app.RequireStart()
	defer app.RequireStop()
	w := httptest.NewRecorder()
	ready.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	for _, name := range []string{in.Main.Name(), "archive"} {
		if part := `{"name":"` + name + `","status":"up"`; w.Code != http.StatusOK || !strings.Contains(w.Body.String(), part) {
			t.Errorf("readiness answers %d %s, want 200 with %s", w.Code, w.Body, part)
		}
	}
	one.ResetCalls()
	other.ResetCalls()
	if _, err := getVersion(t.Context(), in.Archive); err != nil {
		t.Error(err)
	}
	if one.Calls("GetVersion") != 0 || other.Calls("GetVersion") != 1 {
		t.Errorf("calls = %d and %d, want none and one", one.Calls("GetVersion"), other.Calls("GetVersion"))
	}
}

func TestAnUnreachableAddressFailsTheStartWithAddressAndCause(t *testing.T) {
	s := startServer(t)
	address := s.Addr()
	if err := s.Close(); err != nil { // the address is free now
		t.Fatal(err)
	}
	defaults, err := pool.Config{}.Effective()
	if err != nil {
		t.Fatal(err)
	}
	app := fx.New(fx.NopLogger, milvusfx.Module(), fx.Supply(milvus.Config{Address: address}), fx.Invoke(func(client) {}))
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

func TestAWrongConfigurationIsRefused(t *testing.T) {
	app := fx.New(fx.NopLogger, milvusfx.Module(),
		fx.Supply(milvus.Config{Address: "http://localhost", Password: milvus.NewSecret("secret")}), fx.Invoke(func(client) {}))
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
