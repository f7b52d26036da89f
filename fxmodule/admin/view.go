// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// rates is what a collector counted.
type rates struct {
	window                                                time.Duration
	ended, answered, failed, rejected, recovered, further Count
	took, net                                             counted // of the present slot and the one before
}

// rates returns what was counted until now.
func (c *collector) rates(at time.Time) rates {
	now := at.Sub(c.born)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(now)
	r := rates{window: c.window(now)}
	r.answered, r.failed, r.rejected = c.answered.count(r.window), c.failed.count(r.window), c.rejected.count(r.window)
	r.recovered, r.further = c.recovered.count(r.window), c.further.count(r.window)
	for i := range c.took {
		r.took.plus(&c.took[i])
		r.net.plus(&c.took[i])
		r.took.plus(&c.waited[i])
		r.net.plus(&c.net[i])
	}
	r.ended = Count{Total: c.folded.n.Load() + r.took.n, Rate: rate(r.took.n, r.window)}
	return r
}

// less returns the difference of two counts, of which the second is part of the first.
func (c Count) less(part Count) Count {
	return Count{Total: c.Total - min(part.Total, c.Total), Rate: max(c.Rate-part.Rate, 0)}
}

func (c Count) plus(other Count) Count { return Count{c.Total + other.Total, c.Rate + other.Rate} }

// flow describes what flows through the chain.
func (w *watched) flow(at time.Time, s *penstock.Snapshot) *Flow {
	r := w.rates(at)
	f := &Flow{
		Untraced: !w.traced, Entered: r.ended.plus(r.rejected),
		Further: r.further, Answered: r.answered, Recovered: r.recovered, Failed: r.failed, Rejected: r.rejected,
		OK:  r.ended.less(r.answered).less(r.failed),
		P50: r.net.quantile(.5), P99: r.net.quantile(.99),
	}
	for _, p := range s.Pools {
		f.Running += p.InFlight + p.Waiters
	}
	counts := w.counts(r.window)
	in := f.Entered.Rate
	for _, stage := range s.Chain.Stages {
		st := StageFlow{Name: stage.Name, In: in}
		st.fill(counts)
		st.State, st.Bad = stateOf(stage.Name, s)
		in = max(in-st.Refused.Rate, 0)
		if stage.Name == retry.Name {
			in += f.Further.Rate
		}
		f.Stages = append(f.Stages, st)
	}
	pool := StageFlow{Name: "pool", In: in}
	pool.fill(counts)
	var inFlight, places, waiters int
	for _, p := range s.Pools {
		inFlight, places, waiters = inFlight+p.InFlight, places+p.Places, waiters+p.Waiters
	}
	pool.State, pool.Bad = fmt.Sprintf("%d of %d", inFlight, places), waiters > 0
	if waiters > 0 {
		pool.State += fmt.Sprintf(" · %d wait", waiters)
	}
	f.Stages = append(f.Stages, pool)
	for _, n := range counts {
		if n.what == repeats {
			f.Causes = append(f.Causes, Cause{n.reason, n.Count})
		}
	}
	slices.SortFunc(f.Causes, byCount)
	return f
}

// stageCount is what a counter of a stage counted.
type stageCount struct {
	stageKey
	Count
}

// counts returns what the counters of the stages counted. The lock of the collector is
// taken before the lock of the table, as in advance.
func (c *collector) counts(window time.Duration) (all []stageCount) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stages.each(func(key stageKey, n *counter) { all = append(all, stageCount{key, n.count(window)}) })
	return all
}

// fill sets what the counters say of the stage.
func (st *StageFlow) fill(counts []stageCount) {
	var micros Count
	for _, n := range counts {
		if n.what == timeouts {
			if n.stage == st.limits() {
				st.TimedOut = n.Count
			}
			continue
		}
		if n.stage != st.Name {
			continue
		}
		switch n.what {
		case refusals:
			st.Refused = st.Refused.plus(n.Count)
			st.Reasons = append(st.Reasons, Cause{n.reason, n.Count})
		case waits:
			st.Waits = n.Count
		case waited:
			micros = n.Count
		}
	}
	if st.Waits.Rate > 0 {
		st.WaitMean = micros.Rate / st.Waits.Rate / 1e6
	}
	slices.SortFunc(st.Reasons, byCount)
}

// limits returns what the stage limits, as core.Event.Outcome says it.
func (st *StageFlow) limits() string {
	switch st.Name {
	case "trace":
		return "operation"
	case timeout.Name:
		return "attempt"
	default:
		return "nothing"
	}
}

func byCount(a, b Cause) int {
	return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Total, a.Total), strings.Compare(a.Reason, b.Reason))
}

// stateOf says in a few words how a stage is, and whether it refuses.
func stateOf(name string, s *penstock.Snapshot) (state string, bad bool) {
	switch {
	case name == breaker.Name && s.Breaker != nil:
		state = s.Breaker.State
		if state == breaker.HalfOpen.String() {
			state += fmt.Sprintf(" · %d of %d", s.Breaker.Counters.SuccessCount, s.Breaker.Configuration.HalfOpenSuccesses)
		}
		return state, s.Breaker.State == breaker.Open.String() || s.Breaker.State == breaker.ForcedOpen.String()
	case name == keyed.Name && s.KeyedBreaker != nil:
		open := 0
		for _, k := range s.KeyedBreaker.Keys {
			if k.State == breaker.Open.String() || k.State == breaker.ForcedOpen.String() {
				open++
			}
		}
		return fmt.Sprintf("%d of %d keys open", open, len(s.KeyedBreaker.Keys)), open > 0
	case name == health.Name && s.Health != nil:
		return s.Health.State, s.Health.State != health.Up
	case name == bulkhead.Name && s.Bulkhead != nil:
		return fmt.Sprintf("%d of %d", s.Bulkhead.Running, s.Bulkhead.Limit), s.Bulkhead.Waiting > 0
	case name == ratelimit.Name && s.Limiter != nil:
		return fmt.Sprintf("%g/s", s.Limiter.Rate), s.Limiter.Waiting > 0
	case name == retry.Name && s.Budget != nil && !s.Budget.Unlimited:
		return fmt.Sprintf("budget %.0f", s.Budget.Balance), s.Budget.Balance < 1
	case name == timeout.Name:
		return fmt.Sprintf("%gs an attempt", s.AttemptTimeout), false
	default:
		return "", false
	}
}

// whole describes the client with its history.
func (w *watched) whole(at time.Time) Client {
	s := w.client.Snapshot()
	c := Client{Summary: w.summary(at), State: &s, Flow: w.flow(at, &s)}
	now := at.Sub(w.born)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance(now)
	w.reconcile(&c.Summary, at)
	c.Points = w.history(now, 0)
	c.Breaker, c.Gate = w.breaker.since(at.Add(-kept*slot)), w.gate.since(at.Add(-kept*slot))
	c.Operations = w.since(0)
	return c
}

// reconcile adds transitions that were told to nobody: a breaker that was set by hand
// before its first operation has no observer. c.mu is held.
func (c *collector) reconcile(s *Summary, at time.Time) {
	if s.Breaker != "" {
		c.breaker.move(Period{State: s.Breaker}, at)
	}
	if s.Gate != "" {
		c.gate.move(Period{State: s.Gate}, at)
	}
}
