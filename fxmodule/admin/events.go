// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/penstock-go/penstock"
)

const (
	// tickEvery is how often a stream tells what changed, and tickLeast the least time
	// between two messages after transitions.
	tickEvery = time.Second
	tickLeast = 100 * time.Millisecond
	// writeWithin is how long a message may take to be written. A slower reader is
	// dropped: nothing is kept for it.
	writeWithin = 5 * time.Second
)

// streams are the open streams.
type streams struct {
	mu  sync.Mutex // guards all
	all map[chan struct{}]struct{}
}

// open adds a stream, unless there are too many. The channel is written to after a
// transition.
func (s *streams) open(most int) (nudged chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= most {
		return nil, false
	}
	if s.all == nil {
		s.all = map[chan struct{}]struct{}{}
	}
	nudged = make(chan struct{}, 1)
	s.all[nudged] = struct{}{}
	return nudged, true
}

func (s *streams) close(nudged chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, nudged)
}

func (s *streams) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all) > 0
}

// nudge makes each stream tell soon what changed.
func (s *streams) nudge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for nudged := range s.all {
		select {
		case nudged <- struct{}{}:
		default:
		}
	}
}

// events serves a stream of what changes.
func (a *Admin) events(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("client")
	if id != "" {
		if _, err := a.clients.named(id); err != nil {
			a.answer(w, r, refuse(http.StatusNotFound, "%v", err))
			return
		}
	}
	nudged, ok := a.streams.open(a.cfg.MaxStreams)
	if !ok {
		w.Header().Set("Retry-After", "10")
		a.answer(w, r, refuse(http.StatusTooManyRequests, "%d pages look already: close one, or set a higher Config.MaxStreams", a.cfg.MaxStreams))
		return
	}
	defer a.streams.close(nudged)
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	s := &stream{a: a, id: id, out: http.NewResponseController(w), w: w}
	if s.begin() != nil {
		return
	}
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-a.open.Done():
			return
		case <-ticker.C:
		case <-nudged:
			select { // what changes together is told together
			case <-time.After(tickLeast):
			case <-r.Context().Done():
				return
			case <-a.open.Done():
				return
			}
			select { // an action and its transition both nudge, and may do so during the wait
			case <-nudged:
			default:
			}
		}
		if s.tick() != nil {
			return // the reader has gone, or is too slow
		}
	}
}

// stream is one reader, and what it was told.
type stream struct {
	a   *Admin
	id  string // of the client that is looked at
	w   http.ResponseWriter
	out *http.ResponseController

	looked        *watched // with that id, when the stream began
	summaries     map[string]Summary
	breaker, gate []Period
	settings      []penstock.Setting
	changes       []penstock.AppliedChange
	lastID        uint64
	buffer        bytes.Buffer
}

// begin writes the state.
func (s *stream) begin() error {
	s.lastID = 0
	now := time.Now()
	state := s.a.state(now)
	s.summaries = map[string]Summary{}
	for _, summary := range s.a.clients.summarize(now) {
		s.summaries[summary.ID] = summary
		c := Client{Summary: summary}
		if w, err := s.a.clients.named(summary.ID); err == nil && summary.ID == s.id {
			s.looked, c = w, w.whole(now)
			s.breaker, s.gate = c.Breaker, c.Gate
			s.settings, s.changes = c.State.Settings, c.State.Changes
			s.heard(c.Operations)
		}
		state.Clients = append(state.Clients, c)
	}
	return s.write("retry: 1000\nevent: state\n", state)
}

func (s *stream) heard(operations []Operation) {
	if len(operations) > 0 {
		s.lastID = operations[0].ID
	}
}

// tick writes what changed.
func (s *stream) tick() error {
	now := time.Now()
	t := Tick{At: now.UTC()}
	seen := map[string]bool{}
	for _, summary := range s.a.clients.summarize(now) {
		seen[summary.ID] = true
		if old, ok := s.summaries[summary.ID]; !ok || old != summary {
			t.Summaries = append(t.Summaries, summary)
			s.summaries[summary.ID] = summary
		}
	}
	for id := range s.summaries {
		if !seen[id] {
			t.Gone = append(t.Gone, id)
			delete(s.summaries, id)
		}
	}
	slices.Sort(t.Gone)
	if w, err := s.a.clients.named(s.id); err == nil && s.id != "" {
		if w != s.looked { // a client that took the place of a closed one has a history of its own
			return s.begin()
		}
		t.Client = s.look(w, now)
	}
	return s.write("event: tick\n", t) // also without news, so that the page knows that it is up to date
}

// look describes what changed of the client that is looked at.
func (s *stream) look(w *watched, now time.Time) *Client {
	snapshot := w.client.Snapshot()
	s.news(&snapshot)
	c := &Client{Summary: w.summary(now), State: &snapshot, Flow: w.flow(now, &snapshot)}
	since := now.Sub(w.born)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(since)
	w.reconcile(&c.Summary, now)
	c.Points = w.history(since, w.slots) // the last one that is over, and the present one
	if all := w.breaker.since(now.Add(-kept * slot)); !reflect.DeepEqual(all, s.breaker) {
		c.Breaker, s.breaker = all, all
	}
	if all := w.gate.since(now.Add(-kept * slot)); !reflect.DeepEqual(all, s.gate) {
		c.Gate, s.gate = all, all
	}
	c.Operations = w.since(s.lastID)
	s.heard(c.Operations)
	return c
}

// news leaves out the settings and the changes that the reader knows.
func (s *stream) news(now *penstock.Snapshot) {
	if slices.Equal(now.Settings, s.settings) { // a size by hand is a setting, and no change of Reconfigure
		now.Settings = nil
	} else {
		s.settings = now.Settings
	}
	if reflect.DeepEqual(now.Changes, s.changes) {
		now.Changes = nil
	} else {
		s.changes = now.Changes
	}
}

// write writes a message, and waits for it no longer than writeWithin.
func (s *stream) write(head string, body any) error {
	s.buffer.Reset()
	s.buffer.WriteString(head)
	s.buffer.WriteString("data: ")
	if err := json.NewEncoder(&s.buffer).Encode(body); err != nil { // it ends with a newline, and has no other
		return fmt.Errorf("admin: cannot encode a message: %w", err)
	}
	s.buffer.WriteByte('\n')
	_ = s.out.SetWriteDeadline(time.Now().Add(writeWithin)) // a writer without one, such as a test's, never blocks
	if _, err := s.w.Write(s.buffer.Bytes()); err != nil {
		return err
	}
	return s.out.Flush()
}
