// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

func TestNewNamesAllThatIsWrong(t *testing.T) {
	good := admin.Token{By: "ann", Secret: secret}
	for _, row := range []struct {
		name string
		cfg  admin.Config
		want string // parts of the error, each in a line; empty is no error
	}{
		{"nothing", admin.Config{}, ""},
		{"an empty token", admin.Config{Tokens: []admin.Token{{By: "ann"}}}, "admin: Tokens[0] is empty: set its Secret"},
		{"a short token", admin.Config{Tokens: []admin.Token{good, {By: "bob", Secret: "hunter2"}}}, "admin: Tokens[1] has 7 characters: set a Secret of 16 or more"},
		{"a token without a holder", admin.Config{Tokens: []admin.Token{{Secret: secret}}}, "admin: Tokens[0] has no By: name its holder"},
		{"another interface without a token", admin.Config{Address: "0.0.0.0:6464"}, `admin: Address "0.0.0.0:6464" is reached from other machines: set Tokens, or listen on 127.0.0.1`},
		{"all interfaces without a token", admin.Config{Address: ":6464"}, `admin: Address ":6464" is reached from other machines`},
		{"another host without a token", admin.Config{Address: "box.example:6464"}, `admin: Address "box.example:6464" is reached`},
		{"another interface with a token", admin.Config{Address: "0.0.0.0:6464", Tokens: []admin.Token{good}}, ""},
		{"loopback", admin.Config{Address: "[::1]:6464"}, ""},
		{"localhost", admin.Config{Address: "LocalHost:0"}, ""},
		{"no port", admin.Config{Address: "127.0.0.1"}, `admin: Address "127.0.0.1" is no host and port: write it as 127.0.0.1:6464`},
		{"a link without a trace", admin.Config{TraceURL: "http://jaeger"}, `admin: TraceURL "http://jaeger" has no {trace_id}: put it where`},
		{"a link that is a script", admin.Config{TraceURL: "javascript:alert({trace_id})"}, "begin it with http:// or https://"},
		{"negative values", admin.Config{SlowAfter: -1, MaxStreams: -1}, "admin: SlowAfter is -1ns, want 0\nadmin: MaxStreams is -1, want 0"},
		{"a check without a function", admin.Config{Ready: []health.Check{{Name: "db"}}}, `admin: Ready[0] "db" has no Ask: set the function`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, err := admin.New(row.cfg)
			if row.want == "" {
				if err != nil || a == nil {
					t.Errorf("New = %v, want nil", err)
				}
				return
			}
			if err == nil || a != nil {
				t.Fatalf("New = %v, %v, want an error", a, err)
			}
			lines, want := strings.Split(err.Error(), "\n"), strings.Split(row.want, "\n")
			if len(lines) != len(want) {
				t.Errorf("New = %v, want %d lines", err, len(want))
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("New = %v, want %q in it", err, part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("New = %v, which shows a secret", err)
			}
		})
	}
}

func TestATokenIsNotPrinted(t *testing.T) {
	token := admin.Token{By: "ann", Secret: secret}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, []admin.Token{token}); strings.Contains(text, secret) {
			t.Errorf("%s prints %s", format, text)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("the page", "tokens", []admin.Token{token})
	if text := log.String(); strings.Contains(text, secret) || !strings.Contains(text, "ann") {
		t.Errorf("a log has %s, want the holder of the token alone", text)
	}
}

func set(header, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(header, value) }
}

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address }
}

// to is the address that the connection of the request was made to.
func to(address string) func(*http.Request) {
	return func(r *http.Request) {
		addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
		*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(addr)))
	}
}

func host(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }

func all(changes ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		for _, change := range changes {
			change(r)
		}
	}
}

func basic(password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth("anybody", password) }
}

// navigates is what a browser sends when somebody follows a link.
var navigates = all(set("Sec-Fetch-Site", "cross-site"), set("Sec-Fetch-Mode", "navigate"), set("Sec-Fetch-Dest", "document"))

func TestWhoMayLook(t *testing.T) {
	with, _ := newAdmin(t, admin.Config{Hosts: []string{"pages.example"}})
	without, err := admin.New(admin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	away := from("203.0.113.9:1234")
	for _, row := range []struct {
		name   string
		a      *admin.Admin
		method string
		path   string
		change func(*http.Request)
		status int
		want   string // in the body
	}{
		{"this machine", without, "GET", "/snapshot.json", nil, 200, ""},
		{"this machine by IPv6", without, "GET", "/snapshot.json", from("[::1]:1234"), 200, ""},
		{"its page", without, "GET", "/", set("Sec-Fetch-Site", "none"), 200, ""},
		{"a script of the page", without, "GET", "/snapshot.json", all(set("Sec-Fetch-Site", "same-origin"), set("Origin", "http://127.0.0.1:6464")), 200, ""},
		{"localhost", without, "GET", "/", host("localhost:6464"), 200, ""},
		{"IPv6", without, "GET", "/", host("[::1]:6464"), 200, ""},
		{"a foreign host", without, "GET", "/", host("evil.example:6464"), 403, `the host \"evil.example\" is not known: use an IP address or localhost, or add the host to Config.Hosts`},
		{"a foreign host that looks like localhost", without, "GET", "/readyz", host("localhost.evil.example"), 403, "is not known"},
		{"a host of the configuration", with, "GET", "/", host("Pages.example"), 200, ""},
		{"no host", without, "GET", "/", host(""), 403, "is not known"},
		{"a foreign origin", without, "GET", "/snapshot.json", set("Origin", "http://evil.example"), 403, `the origin \"http://evil.example\" is not that of this page`},
		{"no origin at all", without, "GET", "/events", set("Origin", "null"), 403, "is not that of this page"},
		{"another port", without, "GET", "/snapshot.json", set("Origin", "http://127.0.0.1:1"), 403, "is not that of this page"},
		{"another site", without, "GET", "/events", set("Sec-Fetch-Site", "cross-site"), 403, "comes from another site"},
		{"a sister site", without, "GET", "/", set("Sec-Fetch-Site", "same-site"), 403, "comes from another site"},
		{"a frame of another site", without, "GET", "/", all(navigates, set("Sec-Fetch-Dest", "iframe")), 403, "comes from another site"},
		{"a link on another site", without, "GET", "/", navigates, 200, ""},
		{"a form of another site", with, "POST", "/actions", navigates, 403, "comes from another site"},
		{"a wrong method", without, "POST", "/snapshot.json", nil, 405, "POST is not possible here: use GET, HEAD"},
		{"a wrong method for an action", with, "GET", "/actions", nil, 405, "GET is not possible here: use POST"},
		{"a wrong method for the page", without, "DELETE", "/", nil, 405, "use GET, HEAD"},
		{"an unknown client", without, "GET", "/snapshot.json?client=dogs", nil, 404, `no client \"dogs\": no client is watched; set Config.Watchers`},
		{"an unknown client of a stream", without, "GET", "/events?client=dogs", nil, 404, "no client"},
		{"another machine, without tokens", without, "GET", "/snapshot.json", away, 403, "only this machine may look: set Config.Tokens"},
		{"another machine through a proxy", without, "GET", "/", set("X-Forwarded-For", "203.0.113.9"), 403, "only this machine may look"},
		{"another machine through a proxy that tells the host alone", without, "GET", "/", set("X-Forwarded-Host", "pages.example"), 403, "only this machine may look"},
		{"another machine through a sidecar", with, "GET", "/snapshot.json", all(from("127.0.0.6:1234"), to("10.1.2.3:6464")), 401, "no token"},
		{"this machine, to its own address", without, "GET", "/snapshot.json", to("[::1]:6464"), 200, ""},
		{"another machine, with no token", with, "GET", "/", away, 401, "no token"},
		{"another machine, with a wrong token", with, "GET", "/events", all(away, basic("wrong")), 401, "no token"},
		{"another machine, with a token", with, "GET", "/snapshot.json", all(away, basic(secret)), 200, ""},
		{"another machine, with a token in the header", with, "GET", "/snapshot.json", all(away, set("Authorization", "Bearer "+secret)), 200, ""},
		{"another machine asks whether the process lives", without, "GET", "/livez", away, 200, `{"status":"up"}`},
		{"another machine asks whether the process is ready", without, "HEAD", "/readyz", away, 200, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(row.method, row.path, "")
			if row.change != nil {
				row.change(r)
			}
			w := httptest.NewRecorder()
			row.a.ServeHTTP(w, r)
			if body := w.Body.String(); w.Code != row.status || !strings.Contains(body, row.want) {
				t.Errorf("%d %s, want %d with %q", w.Code, body, row.status, row.want)
			}
			if got := w.Header().Get("WWW-Authenticate"); (got != "") != (row.status == 401) {
				t.Errorf("WWW-Authenticate is %q with the status %d", got, w.Code)
			}
		})
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	a, _ := newAdmin(t, admin.Config{})
	for _, path := range []string{"/", "/snapshot.json", "/livez", "/readyz", "/actions", "/events?client=no"} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, request("GET", path, ""))
		policy := w.Header().Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") {
				t.Errorf("%s has the policy %q, want %s in it, and nothing unsafe", path, policy, part)
			}
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s has %s: %q, want %q", path, header, got, want)
			}
		}
	}
}

func TestActionsNeedATokenAndSense(t *testing.T) {
	a, log := newAdmin(t, admin.Config{})
	docs := watch(t, a, "docs", penstock.Config{}, pool.Config{MinSize: 2})
	bare := watch(t, a, "bare", penstock.Config{Chain: middleware.Config{Breaker: breaker.Config{Disabled: true}}}, pool.Config{})
	defer shut(t, docs, bare)
	without, err := admin.New(admin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const reset = `{"action":"breaker_reset","client":"docs"}`
	for _, row := range []struct {
		name   string
		a      *admin.Admin
		body   string
		change func(*http.Request)
		status int
		want   string
	}{
		{"without tokens", without, reset, nil, 403, "actions are off: set Config.Tokens"},
		{"without a token", a, reset, set("Authorization", ""), 401, "no token: send the header Authorization: Bearer TOKEN"},
		{"with an empty token", a, reset, set("Authorization", "Bearer "), 401, "no token"},
		{"with a wrong token", a, reset, set("Authorization", "Bearer "+secret+"0"), 401, "the token is not valid: use one of Config.Tokens"},
		{"with the begin of a token", a, reset, set("Authorization", "Bearer "+secret[:15]), 401, "the token is not valid"},
		{"with the token as a password", a, reset, basic(secret), 401, "no token"},
		{"from a foreign host", a, reset, host("evil.example"), 403, "the host \"evil.example\" is not known"},
		{"from a foreign origin", a, reset, set("Origin", "https://evil.example"), 403, "is not that of this page"},
		{"from another site", a, reset, set("Sec-Fetch-Site", "cross-site"), 403, "comes from another site"},
		{"of another type", a, reset, set("Content-Type", "text/plain;charset=UTF-8"), 400, "the body is \"text/plain\": send application/json"},
		{"that are empty", a, "", nil, 400, "the body is no action: EOF"},
		{"that are no JSON", a, "reset", nil, 400, "the body is no action: invalid character"},
		{"with an unknown key", a, `{"action":"reload","force":true}`, nil, 400, "unknown field \"force\""},
		{"that are two", a, reset + reset, nil, 400, "there is more after the action"},
		{"that are long", a, `{"action":"` + strings.Repeat("x", 5000) + `"}`, nil, 413, "the body is longer than 4096 bytes"},
		{"that are unknown", a, `{"action":"explode"}`, nil, 400, "no action \"explode\": use one of breaker_close, breaker_open, breaker_reset, breaker_watch, drain, reload, resize"},
		{"on an unknown client", a, `{"action":"breaker_reset","client":"dogs"}`, nil, 404, `no client "dogs": name one of "bare", "docs"`},
		{"on no client", a, `{"action":"resize","size":2}`, nil, 404, `no client "": name one of`},
		{"on a breaker that is not there", a, `{"action":"breaker_open","client":"bare"}`, nil, 409, `client "bare" has no breaker`},
		{"resize to zero", a, `{"action":"resize","client":"docs","size":0}`, nil, 400, "size is 0, want 1 to 100000"},
		{"resize beyond", a, `{"action":"resize","client":"docs","size":100001}`, nil, 400, "size is 100001, want 1 to"},
		{"resize below the minimum", a, `{"action":"resize","client":"docs","size":1}`, nil, 409, "size 1 is less than MinSize 2"},
		{"resize another pool", a, `{"action":"resize","client":"docs","pool":"dogs","size":3}`, nil, 409, `no pool "dogs": name one of "docs"`},
		{"drain for ever", a, `{"action":"drain","client":"docs","seconds":301}`, nil, 400, "seconds is 301, want 0 (the default, 10) to 300"},
		{"reload from nothing", a, `{"action":"reload"}`, nil, 409, "nothing to reload from: set Config.Reload"},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, result := act(row.a, row.body, row.change)
			if status != row.status || !strings.Contains(result.Error, row.want) || result.Done != "" || strings.Contains(result.Error, "\n") {
				t.Errorf("%d %+v, want %d and %q", status, result, row.status, row.want)
			}
		})
	}
	if s := docs.Snapshot(); s.Breaker.State != "closed" || s.Pools[0].Max != 10 || s.Closed {
		t.Errorf("a refused action changed the client: %+v", s)
	}
	if text := log.String(); !strings.Contains(text, "admin token refused") || strings.Contains(text, secret) {
		t.Errorf("the log is %s, want refused tokens in it, and no token", text)
	}
}

func TestActionsActAndAreLogged(t *testing.T) {
	var reloaded string
	a, log := newAdmin(t, admin.Config{Reload: func(_ context.Context, by string) error {
		if reloaded != "" {
			return fmt.Errorf("file %q: bad", "clients.yaml")
		}
		reloaded = by
		return nil
	}})
	c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
	for _, row := range []struct {
		body, done, breaker string
	}{
		{`{"action":"breaker_open","client":"docs"}`, "forced the breaker of docs open: it is forced_open", "forced_open"},
		{`{"action":"breaker_close","client":"docs"}`, "forced the breaker of docs closed: it is forced_closed", "forced_closed"},
		{`{"action":"breaker_watch","client":"docs"}`, "made the breaker of docs watch only: it is disabled", "disabled"},
		{`{"action":"breaker_reset","client":"docs"}`, "reset the breaker of docs: it is closed", "closed"},
		{`{"action":"resize","client":"docs","size":7}`, "resized the pool of docs to 7", "closed"},
		{`{"action":"reload"}`, "reloaded the configuration", "closed"},
	} {
		status, result := act(a, row.body, all(set("Penstock-By", "desk 4"), set("Origin", "http://127.0.0.1:6464"), set("Sec-Fetch-Site", "same-origin")))
		if status != 200 || result.Done != row.done || result.Error != "" || c.Breaker().State().String() != row.breaker {
			t.Errorf("%s = %d %+v, and the breaker is %v, want %q and %s", row.body, status, result, c.Breaker().State(), row.done, row.breaker)
		}
	}
	if reloaded != "ann/desk 4" || c.Pool().Stats().Max != 7 {
		t.Errorf("reloaded by %q, the pool has %d connections, want ann and 7", reloaded, c.Pool().Stats().Max)
	}
	if status, result := act(a, `{"action":"reload"}`, nil); status != 409 || result.Error != `the configuration stays as it was: file "clients.yaml": bad` {
		t.Errorf("a reload that fails = %d %+v", status, result)
	}
	text := log.String()
	for _, want := range []string{"action=breaker_open client=docs by=\"ann/desk 4\" remote=127.0.0.1:55555", "admin action failed", "action=resize"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log is %s, want %q in it", text, want)
		}
	}
	if strings.Contains(text, secret) {
		t.Errorf("the log shows the token: %s", text)
	}
	shut(t, c)
}

func TestADrainedClientIsShownUntilItIsMadeAnew(t *testing.T) {
	a, _ := newAdmin(t, admin.Config{})
	c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
	if status, result := act(a, `{"action":"drain","client":"docs","seconds":1}`, nil); status != 200 || !strings.HasPrefix(result.Done, "drained docs") {
		t.Fatalf("drain = %d %+v", status, result)
	}
	got := one(t, a, "docs")
	if got.Status != "closed" || !got.State.Closed || do(t.Context(), c, search, 0) == nil {
		t.Errorf("the client is %+v, want it closed", got.Summary)
	}
	if r := a.Ready(t.Context()); r.Status != "down" || r.Clients[0].Ready {
		t.Errorf("readiness %+v, want down", r)
	}
	again := watch(t, a, "docs", penstock.Config{}, pool.Config{})
	if got := get(t, a, "").Clients; len(got) != 1 || got[0].Status != "ok" {
		t.Errorf("clients %+v, want the new one", got)
	}
	shut(t, again)
	if got := get(t, a, "").Clients; len(got) != 0 {
		t.Errorf("clients %+v, want none after Close", got)
	}
}

func TestADrainThatTakesTooLongSaysSo(t *testing.T) {
	a, _ := newAdmin(t, admin.Config{})
	c := watch(t, a, "docs", penstock.Config{}, pool.Config{})
	lease, err := c.Pool().Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	status, result := act(a, `{"action":"drain","client":"docs","seconds":0.01}`, nil)
	if status != 409 || !strings.Contains(result.Error, `client "docs" is closed, and not all ended in time`) {
		t.Errorf("drain = %d %+v", status, result)
	}
	lease.Release()
}

func TestTwoClientsOfOneNameAreToldApart(t *testing.T) {
	a, _ := newAdmin(t, admin.Config{})
	first, second := watch(t, a, "docs", penstock.Config{}, pool.Config{}), watch(t, a, "docs", penstock.Config{}, pool.Config{})
	_ = do(t.Context(), second, search, time.Microsecond)
	got := get(t, a, "").Clients
	if len(got) != 2 || got[0].ID != "docs" || got[1].ID != "docs#2" || got[1].Name != "docs" || got[1].Flow.OK.Total != 1 || got[0].Flow.OK.Total != 0 {
		t.Errorf("clients %+v, want docs and docs#2, the latter with an operation", got)
	}
	shut(t, first, second)
}

func TestThePageIsServed(t *testing.T) {
	a, _ := newAdmin(t, admin.Config{})
	for path, kind := range map[string]string{"/": "text/html", "/page.css": "text/css", "/app.js": "text/javascript"} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, request("GET", path, ""))
		if got := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(got, kind) || w.Body.Len() == 0 {
			t.Errorf("%s = %d %q, %d bytes, want %s", path, w.Code, got, w.Body.Len(), kind)
		}
	}
}

func TestAReloadThatPanicsIsAnErrorOfTheAction(t *testing.T) {
	for name, reload := range map[string]func(){"panics": func() { panic("boom") }, "exits": runtime.Goexit} {
		a, _ := newAdmin(t, admin.Config{Reload: func(context.Context, string) error { reload(); return nil }})
		if status, result := act(a, `{"action":"reload"}`, nil); status != 409 || !strings.HasPrefix(result.Error, "the configuration stays as it was: ") || strings.Contains(result.Error, "\n") {
			t.Errorf("a Reload that %s: %d %+v, want an error in one line", name, status, result)
		}
	}
}
