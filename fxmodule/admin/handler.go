// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/penstock-go/penstock/fxmodule/admin/page"
)

// policy lets the page load from its own address alone, and run no script within it.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'"

// ServeHTTP serves the page and its endpoints. It must be mounted at the root of a host:
//
//	GET  /               the page
//	GET  /livez          200 while the process lives
//	GET  /readyz         200 if all clients are ready, else 503
//	GET  /snapshot.json  the state of all clients
//	GET  /events         the same as a stream
//	POST /actions        an action, with a token
//
// Another machine needs a token for all but /livez and /readyz.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if refused := a.foreign(r); refused != nil {
		a.answer(w, r, refused)
		return
	}
	a.mux.ServeHTTP(w, r)
}

func (a *Admin) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern, allow string, serve http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if allow == "GET, HEAD" && r.Method != http.MethodGet && r.Method != http.MethodHead || allow == "POST" && r.Method != http.MethodPost {
				w.Header().Set("Allow", allow)
				a.answer(w, r, refuse(http.StatusMethodNotAllowed, "%s is not possible here: use %s", r.Method, allow))
				return
			}
			serve(w, r)
		})
	}
	handle("/", "GET, HEAD", a.looking(http.FileServerFS(page.FS()).ServeHTTP))
	handle("/snapshot.json", "GET, HEAD", a.looking(a.snapshot))
	handle("/events", "GET, HEAD", a.looking(a.events))
	handle("/actions", "POST", a.act)
	handle("/livez", "GET, HEAD", a.live)
	handle("/readyz", "GET, HEAD", a.ready)
	return mux
}

// looking serves those who may look.
func (a *Admin) looking(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if refused := a.reader(r); refused != nil {
			a.answer(w, r, refused)
			return
		}
		serve(w, r)
	}
}

// answer answers a request that is not served.
func (a *Admin) answer(w http.ResponseWriter, r *http.Request, refused *refusal) {
	if refused.status == http.StatusUnauthorized {
		if r.URL.Path != "/actions" {
			w.Header().Set("WWW-Authenticate", `Basic realm="Penstock: a token as the password", charset="UTF-8"`)
		}
		if left, ok := a.refused.take(time.Now()); ok {
			a.cfg.Logger.WarnContext(r.Context(), "penstock: admin token refused", slog.String("path", r.URL.Path),
				slog.String("remote", r.RemoteAddr), slog.String("why", refused.text), slog.Int("left_out", left))
		}
	}
	writeJSON(w, refused.status, Result{Error: refused.text})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	if err := enc.Encode(body); err != nil { // a figure that JSON does not know
		http.Error(w, "admin: cannot encode the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // an error means that the reader has gone
}

// snapshot serves the state of all clients, or of one with its history.
func (a *Admin) snapshot(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	state := a.state(now)
	if id := r.URL.Query().Get("client"); id != "" {
		c, err := a.clients.named(id)
		if err != nil {
			a.answer(w, r, refuse(http.StatusNotFound, "%v", err))
			return
		}
		state.Clients = append(state.Clients, c.whole(now))
	} else {
		for _, c := range a.clients.list() {
			s := c.client.Snapshot()
			state.Clients = append(state.Clients, Client{Summary: c.summary(now), State: &s, Flow: c.flow(now, &s)})
		}
	}
	writeJSON(w, http.StatusOK, state)
}
