// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/middleware/health"
)

var since = regexp.MustCompile(`,"since":"[^"]*"`)

// ask returns the status and the body of a readiness handler, without times.
func answer(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	return http.StatusText(w.Code) + " " + strings.TrimSpace(since.ReplaceAllString(w.Body.String(), ""))
}

func TestReadinessNamesEachClient(t *testing.T) {
	outsideOfABubble()
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("broken pipe")
		f, late := &pinged{}, &factory{err: down}
		var ready fxmodule.Ready
		var drained struct {
			fx.In
			Client client `name:"a"`
		}
		app := fx.New(fx.NopLogger, fxmodule.Module(),
			fxmodule.Client[*conn](fxmodule.Named("b"), fxmodule.Start(fxmodule.StartBackground)),
			fxmodule.Client[*conn](fxmodule.Named("a")),
			with("a", conns{Factory: f}), with("b", conns{Factory: late}),
			fx.Supply(fx.Annotate(health.Check{Name: "c", Ask: func(context.Context) error { return nil }}, fx.ResultTags(`group:"penstock.ready"`))),
			fx.Invoke(func(r fxmodule.Ready) { ready = r }), fx.Populate(&drained),
		)
		h := ready.Handler()
		expect := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := answer(t, h); got != want {
				t.Errorf("%s: the answer is\n%s\nwant\n%s", when, got, want)
			}
		}
		const (
			c    = `{"name":"c","status":"up"}`
			a, b = `{"name":"a","status":"up"}`, `{"name":"b","status":"up"}`
		)
		expect("before the start", `Service Unavailable {"status":"down","checks":[{"name":"a","status":"down","error_type":"pool_closed"},{"name":"b","status":"down","error_type":"pool_closed"},`+c+`]}`)
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("while b has no connection", `Service Unavailable {"status":"down","checks":[`+a+`,{"name":"b","status":"down","error_type":"connect_error"},`+c+`]}`)
		late.heal()
		time.Sleep(time.Minute)
		expect("once b has one", `OK {"status":"up","checks":[`+a+`,`+b+`,`+c+`]}`)
		f.fail(down)
		time.Sleep(time.Minute)
		expect("while the gate of a is shut", `Service Unavailable {"status":"down","checks":[{"name":"a","status":"down","error_type":"unhealthy"},`+b+`,`+c+`]}`)
		f.fail(nil)
		time.Sleep(time.Minute)
		expect("once the gate of a is open", `OK {"status":"up","checks":[`+a+`,`+b+`,`+c+`]}`)
		if err := drained.Client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		expect("once somebody drained a", `Service Unavailable {"status":"down","checks":[{"name":"a","status":"down","error_type":"pool_closed"},`+b+`,`+c+`]}`)
		if err := app.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		expect("after the stop", `Service Unavailable {"status":"down","checks":[{"name":"a","status":"down","error_type":"pool_closed"},{"name":"b","status":"down","error_type":"pool_closed"},`+c+`]}`)
	})
}
