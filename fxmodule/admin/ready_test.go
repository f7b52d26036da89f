// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

func TestReadinessIsNotHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down, probe answer
		a, _ := newAdmin(t, admin.Config{Ready: []health.Check{{Name: "db", Ask: func(context.Context) error { return down.get() }}}})
		c := watch(t, a, "docs", penstock.Config{Chain: middleware.Config{Health: &health.Config{
			Interval: time.Second, DownThreshold: 1, Probe: func(context.Context) error { return probe.get() },
		}}}, pool.Config{})
		ask := func(accept string) (int, string) {
			time.Sleep(2 * time.Second)
			r := request("GET", "/readyz", "")
			r.Header.Set("Accept", accept)
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		expect := func(when string, status int, ready bool, seen, check string) {
			t.Helper()
			code, body := ask("")
			var r admin.Readiness
			if err := json.Unmarshal([]byte(body), &r); err != nil {
				t.Fatal(err)
			}
			if code != status || len(r.Clients) != 1 || r.Clients[0].Ready != ready || r.Clients[0].Health != seen || r.Checks[0].ErrorType != check {
				t.Errorf("%s: %d %s, want %d, a client that is ready: %t, and %s, and the check %q", when, code, body, status, ready, seen, check)
			}
		}
		expect("at first", 200, true, "ok", "")
		c.Breaker().ForceOpen()
		expect("with an open breaker", 200, true, "bad", "")
		if code, text := ask("text/plain"); code != 200 || !strings.HasPrefix(text, "up\nready      client docs  health bad: the breaker is forced open\nready      check db") {
			t.Errorf("as text: %d %q", code, text)
		}
		down.set(errors.New("password=hunter2"))
		expect("with a check that fails", 503, true, "bad", "_OTHER")
		if _, body := ask(""); strings.Contains(body, "hunter2") {
			t.Errorf("the body shows the text of an error: %s", body)
		}
		down.set(nil)
		probe.set(errDown)
		expect("with a shut gate", 503, false, "bad", "")
		if _, text := ask("text/plain; q=1"); !strings.HasPrefix(text, "down\nnot ready  client docs") {
			t.Errorf("as text: %q", text)
		}
		probe.set(nil)
		time.Sleep(time.Minute)
		c.Breaker().Reset()
		expect("at last", 200, true, "ok", "")
		shut(t, c)
	})
}

// answer is an error that a test changes while others read it.
type answer struct {
	mu  sync.Mutex
	err error
}

func (a *answer) get() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

func (a *answer) set(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}
