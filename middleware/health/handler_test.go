// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/health"
)

// ask returns the status and the body of what h answers.
func ask(t *testing.T, h http.Handler, method string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/", nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestLivenessDependsOnNothing(t *testing.T) {
	if code, body := ask(t, health.Liveness(), "GET"); code != 200 || body != `{"status":"up"}` {
		t.Errorf("it answers %d %s", code, body)
	}
}

func TestReadinessNamesStatusTypeAndSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken error
		h := health.Readiness(
			health.Check{Name: "milvus", Ask: func(context.Context) error { return broken }},
			health.Check{Name: "other", Ask: func(context.Context) error { return nil }},
		)
		const start = "2000-01-01T00:00:00Z" // of every bubble
		const other = `{"name":"other","status":"up","since":"` + start + `"}]}`
		for _, step := range []struct {
			err  error
			code int
			want string
		}{
			{nil, 200, `{"status":"up","checks":[{"name":"milvus","status":"up","since":"` + start + `"},` + other},
			{nil, 200, `{"status":"up","checks":[{"name":"milvus","status":"up","since":"` + start + `"},` + other},
			{core.Sentinel("password=hunter2", "connect_error"), 503,
				`{"status":"down","checks":[{"name":"milvus","status":"down","error_type":"connect_error","since":"2000-01-01T00:00:02Z"},` + other},
			{errors.New("hunter2"), 503,
				`{"status":"down","checks":[{"name":"milvus","status":"down","error_type":"_OTHER","since":"2000-01-01T00:00:02Z"},` + other},
			{nil, 200, `{"status":"up","checks":[{"name":"milvus","status":"up","since":"2000-01-01T00:00:04Z"},` + other},
		} {
			broken = step.err
			if code, body := ask(t, h, "GET"); code != step.code || body != step.want {
				t.Errorf("it answers %d\n%s, want %d\n%s", code, body, step.code, step.want)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestReadinessWithoutChecksIsReady(t *testing.T) {
	if code, body := ask(t, health.Readiness(), "GET"); code != 200 || body != `{"status":"up"}` {
		t.Errorf("it answers %d %s", code, body)
	}
}

func TestTheHandlersAnswerNothingButGETAndHEAD(t *testing.T) {
	asked := false
	h := health.Readiness(health.Check{Ask: func(context.Context) error { asked = true; return nil }})
	if code, _ := ask(t, h, "POST"); code != http.StatusMethodNotAllowed || asked {
		t.Errorf("POST is answered with %d, asked %v", code, asked)
	}
	if code, _ := ask(t, h, "HEAD"); code != 200 || !asked {
		t.Errorf("HEAD is answered with %d, asked %v", code, asked)
	}
}

func TestACheckThatHangsOrPanicsIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := health.Readiness(
			health.Check{Name: "hangs", Ask: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			health.Check{Name: "panics", Ask: func(context.Context) error { panic("boom") }},
			health.Check{Name: "missing"},
		)
		start := time.Now()
		code, body := ask(t, h, "GET")
		if took := time.Since(start); code != 503 || took != 5*time.Second {
			t.Errorf("it answers %d after %v", code, took)
		}
		for _, want := range []string{
			`"name":"hangs","status":"down","error_type":"deadline_exceeded"`,
			`"name":"panics","status":"down","error_type":"panic"`,
			`"name":"missing","status":"down"`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("it answers %s, want %s in it", body, want)
			}
		}
	})
}

func TestRequestsAtTheSameTimeShareTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		h := health.Readiness(health.Check{Name: "slow", Ask: func(context.Context) error {
			asked.Add(1)
			time.Sleep(time.Second)
			return nil
		}})
		// The first of them leaves, and takes nothing from the others.
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		})
		synctest.Wait()
		for range 50 {
			wg.Go(func() {
				if code, body := ask(t, h, "GET"); code != 200 {
					t.Errorf("it answers %d %s", code, body)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		if _, _ = ask(t, h, "GET"); asked.Load() != 2 {
			t.Errorf("asked %d times, want it asked again", asked.Load())
		}
	})
}

func TestCachedAsksOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		check := health.Cached(10*time.Second, func(context.Context) error {
			time.Sleep(time.Second)
			if asked.Add(1)%2 == 1 {
				return errors.New("down")
			}
			return nil
		})
		for second := range 33 { // asks at 0, 11 and 22
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					if err := check(t.Context()); (err == nil) != (asked.Load()%2 == 0) {
						t.Errorf("second %d: %v", second, err)
					}
				})
			}
			wg.Wait()
			if second%11 != 0 {
				time.Sleep(time.Second)
			}
		}
		if n := asked.Load(); n != 3 {
			t.Errorf("asked %d times, want 3", n)
		}
	})
}

func TestTheMonitorIsACheck(t *testing.T) {
	down := errors.New("down")
	m, err := health.NewMonitor(health.Config{Name: "milvus", DownThreshold: 1, Probe: func(context.Context) error { return down }})
	if err != nil {
		t.Fatal(err)
	}
	h := health.Readiness(m.Ready())
	if code, body := ask(t, h, "GET"); code != 200 || !strings.Contains(body, `"name":"milvus"`) {
		t.Errorf("it answers %d %s", code, body)
	}
	_ = m.Check(t.Context())
	if code, body := ask(t, h, "GET"); code != 503 || !strings.Contains(body, `"error_type":"unhealthy"`) {
		t.Errorf("it answers %d %s", code, body)
	}
}
