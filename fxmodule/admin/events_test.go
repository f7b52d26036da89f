// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// reader reads a stream without a network. It keeps the messages with their times.
type reader struct {
	head     http.Header
	status   int
	deadline time.Time
	stuck    bool // the reader does not read

	mu     sync.Mutex // guards what follows
	text   bytes.Buffer
	kinds  []string
	bodies []string
	times  []time.Time
}

func (r *reader) Header() http.Header                { return r.head }
func (r *reader) WriteHeader(status int)             { r.status = status }
func (r *reader) SetWriteDeadline(t time.Time) error { r.deadline = t; return nil }
func (r *reader) Flush()                             {}
func (r *reader) Write(p []byte) (int, error) {
	if r.stuck {
		time.Sleep(time.Until(r.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(p)
	scanner := bufio.NewScanner(bytes.NewReader(p))
	scanner.Buffer(nil, 10<<20)
	for scanner.Scan() {
		kind, rest, _ := strings.Cut(scanner.Text(), ": ")
		switch kind {
		case "event":
			r.kinds = append(r.kinds, rest)
		case "data":
			r.bodies, r.times = append(r.bodies, rest), append(r.times, time.Now())
		}
	}
	return len(p), nil
}

// ticks returns the ticks so far.
func (r *reader) ticks(t *testing.T) (all []admin.Tick, times []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, kind := range r.kinds {
		if kind == "tick" {
			var tick admin.Tick
			if err := json.Unmarshal([]byte(r.bodies[i]), &tick); err != nil {
				t.Fatal(err)
			}
			all, times = append(all, tick), append(times, r.times[i])
		}
	}
	return all, times
}

func (r *reader) state(t *testing.T) (s admin.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kinds) == 0 || r.kinds[0] != "state" {
		t.Fatalf("the stream begins with %q, want a state", r.kinds)
	}
	if err := json.Unmarshal([]byte(r.bodies[0]), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens a stream. The stream has ended when ended is closed.
func open(a *admin.Admin, query string) (r *reader, stop context.CancelFunc, ended chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	r, ended = &reader{head: http.Header{}}, make(chan struct{})
	go func() {
		defer close(ended)
		a.ServeHTTP(r, request("GET", "/events"+query, "").WithContext(ctx))
	}()
	synctest.Wait()
	return r, cancel, ended
}

func TestAStreamTellsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{TraceURL: "http://jaeger/{trace_id}"})
		docs := watch(t, a, "docs", penstock.Config{Chain: quick}, pool.Config{})
		others := watch(t, a, "others", penstock.Config{Chain: quick}, pool.Config{})
		_ = do(t.Context(), docs, core.Op{Name: "Insert"}, 0, errDown)
		r, stop, ended := open(a, "?client=docs")
		s := r.state(t)
		if len(s.Clients) != 2 || s.Clients[0].State == nil || len(s.Clients[0].Operations) != 1 || s.Clients[0].State.Settings == nil || s.Clients[1].State != nil ||
			!s.Actions || s.TraceURL != "http://jaeger/{trace_id}" || s.Service.Name == "" || r.head.Get("Content-Type") != "text/event-stream" {
			t.Errorf("the state is %+v, want docs whole and others in a line", s)
		}
		time.Sleep(2500 * time.Millisecond)
		_ = do(t.Context(), docs, core.Op{Name: "Insert"}, 0, errDown)
		_ = do(t.Context(), docs, search, 0)
		third := watch(t, a, "third", penstock.Config{Chain: quick}, pool.Config{})
		shut(t, others)
		time.Sleep(time.Second)
		ticks, _ := r.ticks(t)
		if len(ticks) != 3 {
			t.Fatalf("%d ticks in 3.5 s, want 3", len(ticks))
		}
		if c := ticks[0].Client; c == nil || len(c.Operations) != 0 || c.Breaker != nil || len(c.Points) == 0 || c.State.Settings != nil {
			t.Errorf("a tick in which nothing happened has the client %+v", c)
		}
		last := ticks[2]
		if c := last.Client; len(c.Operations) != 1 || c.Operations[0].ID != 2 || c.Flow.Failed.Total != 2 || c.Flow.OK.Total != 1 {
			t.Errorf("the last tick has the client %+v, want the new operation alone", c)
		}
		if len(last.Gone) != 1 || last.Gone[0] != "others" || len(last.Summaries) != 2 || last.Summaries[1].ID != "third" {
			t.Errorf("the last tick is %+v, want others gone, docs and third changed", last)
		}
		stop()
		<-ended
		shut(t, docs, third)
	})
}

func TestATransitionIsToldSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		chain := quick
		chain.Health = &health.Config{Disabled: true} // an answer to a probe makes the breaker half-open
		c := watch(t, a, "docs", penstock.Config{Chain: chain}, pool.Config{})
		r, stop, ended := open(a, "?client=docs")
		time.Sleep(300 * time.Millisecond)
		for range 5 {
			_ = do(t.Context(), c, core.Op{Name: "Insert"}, 0, errDown)
		}
		opened := time.Now()
		time.Sleep(200 * time.Millisecond)
		ticks, times := r.ticks(t)
		if len(ticks) != 1 || times[0].Sub(opened) > 150*time.Millisecond {
			t.Fatalf("%d ticks at %v, want one within 150 ms of %v", len(ticks), times, opened)
		}
		if got := ticks[0]; got.Client.Summary.Breaker != "open" || got.Client.Breaker[1].State != "open" || got.Summaries[0].Status != "bad" || got.Summaries[0].Why != "the breaker is open" {
			t.Errorf("the tick is %+v, want the breaker open", got)
		}
		if code, _ := act(a, `{"action":"breaker_reset","client":"docs"}`, nil); code != 200 {
			t.Errorf("reset = %d", code)
		}
		time.Sleep(200 * time.Millisecond)
		if ticks, _ = r.ticks(t); len(ticks) < 2 || ticks[1].Client.Summary.Breaker != "closed" || len(ticks[1].Client.Breaker) != 3 {
			t.Errorf("after a reset the ticks are %+v, want the next one closed", ticks)
		}
		stop()
		<-ended
		shut(t, c)
	})
}

// A page that hears nothing calls its figures stale.
func TestAStreamWithoutNewsTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
		r, stop, ended := open(a, "")
		time.Sleep(10500 * time.Millisecond)
		if ticks, _ := r.ticks(t); len(ticks) != 10 || len(ticks[9].Summaries) != 0 || ticks[9].At.IsZero() {
			t.Errorf("%d ticks in 10.5 s without news, want 10 empty ones", len(ticks))
		}
		stop()
		<-ended
		shut(t, c)
	})
}

func TestASlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		r, ended, start := &reader{head: http.Header{}, stuck: true}, make(chan struct{}), time.Now()
		go func() {
			defer close(ended)
			a.ServeHTTP(r, request("GET", "/events", ""))
		}()
		<-ended
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("the stream ended after %v, want 5s", d)
		}
	})
}

func TestThereAreAsManyStreamsAsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{MaxStreams: 2})
		_, stopFirst, first := open(a, "")
		_, stopSecond, second := open(a, "")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, request("GET", "/events", ""))
		if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "2 pages look already: close one, or set a higher Config.MaxStreams") {
			t.Errorf("the third stream = %d %s, want 429", w.Code, w.Body)
		}
		stopFirst()
		<-first
		third, stopThird, ended := open(a, "")
		if third.status != http.StatusOK {
			t.Errorf("a stream after one ended = %d, want 200", third.status)
		}
		stopSecond()
		stopThird()
		<-second
		<-ended
	})
}

// The program stops its own server, which waits for its requests to end.
func TestCloseEndsTheStreamsOfAServerOfTheProgramsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		_, stop, ended := open(a, "")
		defer stop()
		if err := a.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("the stream goes on after Close")
		}
	})
}

// pipes is a listener without a network.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }
func (p pipes) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:6464"))
}

// end is an end of a pipe that has addresses of this machine.
type end struct{ net.Conn }

func (e end) LocalAddr() net.Addr  { return pipes(nil).Addr() }
func (e end) RemoteAddr() net.Addr { return pipes(nil).Addr() }

// The server limits the time of other answers to 30 s.
func TestAStreamOutlivesTheLimitsOfItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		server, l, ended := a.NewServer(), make(pipes), make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		here, there := net.Pipe()
		l <- end{there}
		if _, err := fmt.Fprint(here, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := here.SetReadDeadline(time.Now().Add(2*time.Minute + time.Second/2)); err != nil {
			t.Fatal(err)
		}
		ticks := 0
		for lines := bufio.NewScanner(here); lines.Scan(); {
			if lines.Text() == "event: tick" {
				ticks++
			}
		}
		if ticks != 120 {
			t.Errorf("%d ticks in two minutes, want one each second", ticks)
		}
		here.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

// A message must be one line, whatever the names hold.
func TestNamesCannotBreakAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAdmin(t, admin.Config{})
		c := watch(t, a, "do\ncs</script>", penstock.Config{Chain: quick}, pool.Config{})
		_ = do(t.Context(), c, core.Op{Name: "a\n\nevent: state", Target: "\xff"}, 0, fmt.Errorf("x\ndata: {}"))
		r, stop, ended := open(a, "?client=do%0Acs%3C%2Fscript%3E")
		s := r.state(t)
		if len(r.kinds) != 1 || len(r.bodies) != 1 || s.Clients[0].Name != "do\ncs</script>" || s.Clients[0].Operations[0].Name != "a\n\nevent: state" {
			t.Errorf("%d messages, %+v, want one with the names as they are", len(r.kinds), s.Clients)
		}
		if strings.Contains(r.text.String(), "</script>") {
			t.Error("a name is in the message as markup")
		}
		stop()
		<-ended
		shut(t, c)
	})
}
