// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool"
)

const secret = "0123456789abcdef"

var (
	errDown     = errors.New("connection <reset>")
	errNotFound = errors.New("not found")
)

func classify(err error) core.Class {
	if errors.Is(err, errNotFound) {
		return core.Answered("not_found")
	}
	return core.Class{Verdict: core.Failure, ErrorType: "down"}
}

// quick is the default chain with three further attempts, a second apart.
var quick = middleware.Config{Retry: retry.Config{Interval: time.Second, Jitter: retry.NoJitter}}

// newAdmin returns an Admin with a token, and its log.
func newAdmin(t testing.TB, cfg admin.Config) (*admin.Admin, *log) {
	t.Helper()
	l := &log{}
	cfg.Tokens = append(cfg.Tokens, admin.Token{By: "ann", Secret: secret})
	cfg.Logger = slog.New(slog.NewTextHandler(l, nil))
	a, err := admin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a, l
}

// log is the text of a logger.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// watch starts a client that a watches. It is closed at the end of the test.
func watch(t testing.TB, a *admin.Admin, name string, cfg penstock.Config, poolConfig pool.Config) *penstock.Client[int] {
	t.Helper()
	poolConfig.Name = name
	cfg.Watchers = append(cfg.Watchers, a)
	c, err := penstock.Open(context.Background(), penstock.Backend[int]{
		Factory: &coretest.Factory[int]{}, Classifier: classify, Pool: poolConfig, System: "ints",
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func shut[C any](t testing.TB, clients ...*penstock.Client[C]) {
	t.Helper()
	for _, c := range clients {
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
}

var search = core.Op{Name: "Search", Target: "docs", Safety: core.ReadOnly}

// do runs an operation that takes some time and ends with an error.
func do(ctx context.Context, c *penstock.Client[int], op core.Op, takes time.Duration, errs ...error) error {
	attempt := 0
	_, err := core.Do(ctx, c, op, func(ctx context.Context, _ int) (int, error) {
		var err error
		if len(errs) > 0 {
			err = errs[min(attempt, len(errs)-1)]
		}
		attempt++
		select {
		case <-time.After(takes):
			return 0, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	return err
}

// request returns a request of this machine to an Admin.
func request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:55555", "127.0.0.1:6464"
	return r
}

// get asks a for the state, of one client if id is not empty.
func get(t testing.TB, a http.Handler, id string) admin.State {
	t.Helper()
	w := httptest.NewRecorder()
	target := "/snapshot.json"
	if id != "" {
		target += "?client=" + id
	}
	a.ServeHTTP(w, request("GET", target, ""))
	var s admin.State
	if err := json.Unmarshal(w.Body.Bytes(), &s); w.Code != http.StatusOK || err != nil {
		t.Fatalf("%s = %d %s, %v", target, w.Code, w.Body, err)
	}
	return s
}

// one returns the whole of a client.
func one(t testing.TB, a http.Handler, id string) admin.Client {
	t.Helper()
	s := get(t, a, id)
	if len(s.Clients) != 1 {
		t.Fatalf("%d clients, want one", len(s.Clients))
	}
	return s.Clients[0]
}

// act asks a for an action.
func act(a http.Handler, body string, change func(*http.Request)) (int, admin.Result) {
	r := request("POST", "/actions", body)
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var result admin.Result
	_ = json.Unmarshal(w.Body.Bytes(), &result)
	return w.Code, result
}
