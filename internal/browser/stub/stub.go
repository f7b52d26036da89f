// SPDX-License-Identifier: Apache-2.0

// Package stub serves the live page with invented figures: for looking at the page while it is
// changed, and for the tests of what a real process shows too rarely.
package stub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/fxmodule/admin/page"
)

// Token is the token of the stub's actions.
const Token = "stub-token"

// policy is the Content-Security-Policy of the page. It allows nothing but the page's own files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Server serves the page. Its methods are safe for concurrent use.
type Server struct {
	World World

	mu      sync.Mutex // guards the fields below
	refuse  bool       // streams
	mute    bool       // streams send nothing
	edit    func(*admin.State)
	cut     chan struct{} // closed to end the streams that are open
	streams int
	actions []admin.Action
}

// New returns a server of n clients. edit may change each state before it is sent; nil changes nothing.
func New(n int, edit func(*admin.State), names ...string) *Server {
	return &Server{World: World{Start: time.Now(), Clients: n, Names: names}, edit: edit, cut: make(chan struct{})}
}

// Break ends all streams and refuses new ones, until Mend.
func (s *Server) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = true
	close(s.cut)
	s.cut = make(chan struct{})
}

// Mend ends Break and Mute.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse, s.mute = false, false
}

// Mute keeps the streams open, and sends nothing.
func (s *Server) Mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = true
}

// Streams returns how many streams are open.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams
}

// Actions returns the actions that were done.
func (s *Server) Actions() []admin.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]admin.Action(nil), s.actions...)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cache-Control", "no-cache")
	switch r.URL.Path {
	case "/events":
		s.events(w, r)
	case "/snapshot.json":
		s.snapshot(w, r)
	case "/actions":
		s.act(w, r)
	default:
		http.FileServerFS(page.FS()).ServeHTTP(w, r)
	}
}

func (s *Server) state(looked string) admin.State {
	state := s.World.State(looked, time.Now())
	if s.edit != nil {
		s.edit(&state)
	}
	return state
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.refuse {
		s.mu.Unlock()
		answer(w, http.StatusTooManyRequests, admin.Result{Error: "too many streams: close one"})
		return
	}
	cut := s.cut
	s.streams++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.streams--
		s.mu.Unlock()
	}()

	w.Header().Set("Content-Type", "text/event-stream")
	looked := r.URL.Query().Get("client")
	send := func(event string, v any) {
		body, _ := json.Marshal(v) // of plain values
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, body)
		_ = http.NewResponseController(w).Flush() // the next write says it too
	}
	first := s.state(looked)
	send("state", first)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-cut:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		mute := s.mute
		s.mu.Unlock()
		if mute {
			continue
		}
		send("tick", delta(s.state(looked), looked))
	}
}

// delta makes a tick of a state: the last two points, and what does not change left out.
func delta(s admin.State, looked string) admin.Tick {
	t := admin.Tick{At: s.At}
	for _, c := range s.Clients {
		t.Summaries = append(t.Summaries, c.Summary)
		if c.ID == looked {
			if len(c.Points) > 2 {
				c.Points = c.Points[len(c.Points)-2:]
			}
			if c.State != nil {
				c.State.Settings, c.State.Changes = nil, nil
			}
			t.Client = &c
		}
	}
	return t
}

func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	looked, id := r.URL.Query().Get("client"), r.URL.Query().Get("operation")
	state := s.state(looked)
	if looked != "" {
		for _, c := range state.Clients {
			if c.ID == looked {
				state.Clients = []admin.Client{c}
			}
		}
	}
	for i := range state.Clients {
		for n, o := range state.Clients[i].Operations {
			if strconv.FormatUint(o.ID, 10) == id && o.Tree == nil {
				state.Clients[i].Operations[n].Tree = tree(o)
			}
		}
	}
	answer(w, http.StatusOK, state)
}

func (s *Server) act(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		answer(w, http.StatusUnauthorized, admin.Result{Error: "wrong token: ask for the one in the configuration"})
		return
	}
	var a admin.Action
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		answer(w, http.StatusBadRequest, admin.Result{Error: err.Error()})
		return
	}
	s.mu.Lock()
	s.actions = append(s.actions, a)
	s.mu.Unlock()
	answer(w, http.StatusOK, admin.Result{Done: fmt.Sprintf("client %s: %s done.", a.Client, a.Action)})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the reader has gone
}
