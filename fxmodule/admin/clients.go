// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
)

// watched is a client with its collector.
type watched struct {
	*collector
	id     string
	client penstock.Inspected
	system string
	traced bool

	drained bool // by an action; guarded by clients.mu
}

// clients are the clients that live, by id.
type clients struct {
	mu  sync.Mutex // guards what follows
	all []*watched

	summaries []Summary // of the clients
	taken     time.Time // of the summaries

	stale atomic.Bool // the summaries are not to be used again; needs no lock
}

// summariesFor is how long summaries are used again: several streams share them.
const summariesFor = 250 * time.Millisecond

// add adds a client that was made. It takes the place of a drained one of its name.
func (cs *clients) add(client penstock.Inspected, c *collector) *watched {
	w := &watched{collector: c, client: client}
	s := client.Snapshot()
	w.system = s.System
	w.traced = slices.ContainsFunc(s.Chain.Stages, func(s penstock.StageSnapshot) bool { return s.Name == "trace" })
	now := time.Now()
	c.mu.Lock()
	if s.Breaker != nil {
		c.names.breaker = s.Breaker.Name
		c.breaker.move(Period{State: s.Breaker.State}, now)
	}
	if k := client.KeyedBreaker(); k != nil {
		c.names.keyed, _ = k.States()
	}
	if s.Health != nil {
		c.names.monitor = s.Health.Name
		c.gate.move(Period{State: s.Health.State}, now)
	}
	c.mu.Unlock()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.all = slices.DeleteFunc(cs.all, func(old *watched) bool { return old.drained && old.client.Name() == s.Name })
	w.id = s.Name
	for n := 2; cs.find(w.id) != nil; n++ {
		w.id = s.Name + "#" + strconv.Itoa(n)
	}
	cs.all = append(cs.all, w)
	slices.SortFunc(cs.all, func(a, b *watched) int { return cmp.Compare(a.id, b.id) })
	cs.stale.Store(true)
	return w
}

// remove removes a client that was closed, unless it was drained by an action: then the
// program still has it and cannot use it, which is to be seen.
func (cs *clients) remove(w *watched) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.all = slices.DeleteFunc(cs.all, func(other *watched) bool { return other == w && !w.drained })
	cs.stale.Store(true)
}

// drain says that the client is drained by an action.
func (cs *clients) drain(w *watched) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	w.drained = true
}

// find returns the client with the id, nil if there is none. cs.mu is held.
func (cs *clients) find(id string) *watched {
	if i := slices.IndexFunc(cs.all, func(w *watched) bool { return w.id == id }); i >= 0 {
		return cs.all[i]
	}
	return nil
}

// client returns the client with the id. The error names the others.
func (cs *clients) named(id string) (*watched, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if w := cs.find(id); w != nil {
		return w, nil
	}
	ids := make([]string, 0, len(cs.all))
	for _, w := range cs.all {
		ids = append(ids, strconv.Quote(w.id))
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("no client %q: no client is watched; set Config.Watchers of the client", id)
	}
	return nil, fmt.Errorf("no client %q: name one of %s", id, strings.Join(ids, ", "))
}

// list returns all clients.
func (cs *clients) list() []*watched {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.Clone(cs.all)
}

// summarize returns the summaries of all clients, which may be a moment old.
func (cs *clients) summarize(now time.Time) []Summary {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !cs.stale.Swap(false) && now.Sub(cs.taken) < summariesFor {
		return cs.summaries
	}
	cs.summaries = make([]Summary, 0, len(cs.all))
	for _, w := range cs.all {
		cs.summaries = append(cs.summaries, w.summary(now))
	}
	cs.taken = now
	return cs.summaries
}

// summary describes the client in a line.
func (w *watched) summary(at time.Time) Summary {
	g := w.client.Generation()
	s := Summary{ID: w.id, Name: w.client.Name(), System: w.system, Generation: g.Number, ChangedAt: g.At.UTC(), ChangedBy: g.By}
	if b := w.client.Breaker(); b != nil {
		s.Breaker = b.State().String()
	}
	if m := w.client.Monitor(); m != nil {
		s.Gate = health.Up
		if !m.Up() {
			s.Gate = health.Down
		}
	}
	for _, p := range w.client.PoolStats() {
		s.InFlight += p.InFlight
		s.Places += p.Places
		s.Waiters += p.Waiters
	}
	r := w.rates(at)
	s.Rate, s.Failed, s.Rejected = r.ended.Rate+r.rejected.Rate, r.failed.Rate, r.rejected.Rate
	s.P50, s.P99 = r.took.quantile(.5), r.took.quantile(.99)
	s.Status, s.Why = s.judge()
	if w.drained {
		s.Status, s.Why = "closed", "drained by an action"
	}
	return s
}

// judge says how the client is, and why.
func (s *Summary) judge() (status, why string) {
	bad := s.Failed + s.Rejected
	share := func() string { return fmt.Sprintf("%.0f %% of the operations do not succeed", 100*bad/s.Rate) }
	switch {
	case s.Breaker == breaker.Open.String() || s.Breaker == breaker.ForcedOpen.String():
		return "bad", "the breaker is " + strings.ReplaceAll(s.Breaker, "_", " ")
	case s.Gate == health.Down:
		return "bad", "the health gate is shut"
	case bad > s.Rate/2:
		return "bad", share()
	case s.Breaker != "" && s.Breaker != breaker.Closed.String():
		return "warn", "the breaker is " + strings.ReplaceAll(s.Breaker, "_", "-")
	case bad > s.Rate/100:
		return "warn", share()
	case s.Waiters > 0:
		return "warn", fmt.Sprintf("callers that wait for a connection: %d", s.Waiters)
	default:
		return "ok", ""
	}
}
