// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"fmt"
	"math"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/admin"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/health"
)

// World invents the figures of clients at any moment. The same moment always has the same figures.
type World struct {
	Start   time.Time
	Clients int
	// Names replaces the names of the first clients.
	Names []string
}

// kind is what a client of the world is in: every seventh is in trouble, every fifth is watched.
func kind(i int) string {
	switch {
	case i%7 == 0:
		return "bad"
	case i%5 == 2:
		return "warn"
	}
	return "ok"
}

func (w World) name(i int) string {
	if i < len(w.Names) {
		return w.Names[i]
	}
	return fmt.Sprintf("%s %02d", [...]string{"milvus docs", "milvus images", "prices", "ledger"}[i%4], i)
}

// load is the rate of client i, between 100 and 700 operations a second.
func (w World) load(i int, at time.Time) float64 {
	t := at.Sub(w.Start).Seconds()
	return 300 + float64(i%9)*40 + 40*math.Sin(t/17+float64(i)) + 12*math.Sin(t/3)
}

// State is what the stream says first; looked is the id of the client that is whole.
func (w World) State(looked string, at time.Time) admin.State {
	s := admin.State{
		At: at, Actions: true, Reload: true, TraceURL: "http://jaeger.example:16686/trace/{trace_id}",
		Service: admin.Service{Name: "shop-api", Version: "2.4.1", Started: at.Add(-76*time.Hour - 4*time.Minute), Go: "go1.26"},
		Clients: []admin.Client{},
	}
	for i := range w.Clients {
		c := admin.Client{Summary: w.summary(i, at)}
		if c.ID == looked {
			c = w.Client(i, at)
		}
		s.Clients = append(s.Clients, c)
	}
	return s
}

func (w World) summary(i int, at time.Time) admin.Summary {
	s := admin.Summary{
		ID: w.name(i), Name: w.name(i), System: "milvus", Status: kind(i), Breaker: "closed", Gate: "up", Generation: 7,
		ChangedAt: at.Add(-29 * time.Minute), ChangedBy: "file /etc/shop/penstock.yaml", Rate: w.load(i, at), P50: 0.0031, P99: 0.041,
		InFlight: 45 + int(30*math.Sin(at.Sub(w.Start).Seconds()/5+float64(i))), Places: 128,
	}
	switch s.Status {
	case "bad":
		s.Why, s.Breaker = "the breaker is half-open", "half_open"
		s.Rejected, s.Failed, s.Waiters, s.InFlight = s.Rate*0.32, 3, 3, 88
	case "warn":
		s.Why, s.Failed = "2.1 % of operations fail", s.Rate*0.021
	}
	return s
}

// Client is client i whole, with its history.
func (w World) Client(i int, at time.Time) admin.Client {
	c := admin.Client{Summary: w.summary(i, at)}
	bad := c.Status == "bad"
	c.State = w.snapshot(i, c.Summary, at)
	c.Flow = flow(c.Summary)
	end := at.Truncate(5 * time.Second)
	for n := 180; n > 0; n-- {
		c.Points = append(c.Points, w.point(i, end.Add(-time.Duration(n-1)*5*time.Second), at, bad))
	}
	c.Breaker = []admin.Period{{State: "closed", From: at.Add(-15 * time.Minute)}}
	if bad {
		c.Breaker = periods(at)
	}
	c.Gate = []admin.Period{{State: "up", From: at.Add(-15 * time.Minute)}}
	c.Operations = operations(at)
	if !bad {
		c.Operations = c.Operations[3:]
	}
	return c
}

func (w World) point(i int, end, now time.Time, bad bool) admin.Point {
	r := w.load(i, end)
	p := admin.Point{At: end, Seconds: 5, OK: r * 0.98, Answered: r * 0.02, P50: 0.003 + 0.0004*math.Sin(float64(end.Unix())/40), P99: 0.03 + 0.012*math.Sin(float64(end.Unix())/70), Max: 0.09}
	if ago := now.Sub(end); bad && (ago < 32*time.Second || (ago > 3*time.Minute && ago < 5*time.Minute)) {
		p.OK, p.Rejected, p.Failed, p.P99, p.Max = r*0.6, r*0.32, r*0.08, 0.5, 2
	}
	return p
}

func periods(at time.Time) []admin.Period {
	minute := func(m float64) time.Time { return at.Add(-time.Duration(m * float64(time.Minute))) }
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	return []admin.Period{
		{State: "closed", From: minute(15), To: minute(5)},
		{State: "open", From: minute(5), To: minute(3.5), By: "Search docs", TraceID: trace, Why: "timeout"},
		{State: "half_open", From: minute(3.5), To: minute(3)},
		{State: "closed", From: minute(3), To: minute(0.9)},
		{State: "open", From: minute(0.9), To: minute(0.4), By: "Search docs", TraceID: trace, Why: "UNAVAILABLE"},
		{State: "half_open", From: minute(0.4)},
	}
}

func (w World) snapshot(i int, s admin.Summary, at time.Time) *penstock.Snapshot {
	held := 8.2 + at.Sub(w.Start).Seconds()
	conns := []penstock.ConnectionSnapshot{{Number: 17, Callers: 31, Most: 32}, {Number: 18, Callers: 32, Most: 32}, {Number: 21, Callers: 25, Most: 32}, {Number: 22, Most: 32, Suspect: s.Status == "bad"}}
	pools := []penstock.PoolSnapshot{{
		Name: "docs", Shared: true, Max: 4, Min: 1, Idle: 1, InUse: 3, InFlight: s.InFlight, Places: 128, Waiters: s.Waiters, Timeouts: 12, Dials: 22, DialErrors: 1,
		Connections: conns,
		Holders: []penstock.HolderSnapshot{
			{Operation: "Insert", Target: "docs", Held: held, TraceID: "aaf92f3577b34da6a3ce929d0e0e4736"},
			{Operation: "Search", Target: "docs", Held: 1.1, TraceID: "bbf92f3577b34da6a3ce929d0e0e4736"},
			{Operation: "Flush", Target: "docs", Held: 0.9},
		},
	}}
	if i%3 == 1 { // an exclusive pool
		p := penstock.PoolSnapshot{Name: "prices", Max: 40, Min: 4, Idle: 12, InUse: 19, Dialing: 1, InFlight: 19, Places: 40}
		for n := range 31 {
			p.Connections = append(p.Connections, penstock.ConnectionSnapshot{Number: 100 + n, Callers: min(1, (n*7+3)%5), Most: 1, Suspect: n == 11})
		}
		pools = []penstock.PoolSnapshot{p}
	}
	b := &breaker.Snapshot{Name: s.Name, State: s.Breaker}
	b.Configuration = breaker.Configuration{FailureThreshold: 5, RecoveryTimeout: 30, HalfOpenSuccesses: 3, MaxHalfOpenRequests: 2}
	b.Counters = breaker.Counters{SuccessCount: 1, TotalFastFailures: 131_204}
	b.Timing = breaker.Timing{LastStateChange: at.Add(-24 * time.Second)}
	b.Current = breaker.Current{HalfOpenRequests: 2}
	return &penstock.Snapshot{
		Name: s.Name, Connection: "client.Client", System: "milvus", Namespace: "default", Address: "milvus:19530",
		Chain: penstock.ChainSnapshot{
			Text: "trace > breaker > retry > timeout > health",
			Stages: []penstock.StageSnapshot{
				{Name: "trace", Text: "one scope for each operation"},
				{Name: "breaker", Text: "opens after 5 failed operations in a row; probes after 30s, 2 at once; closes after 3 good ones"},
				{Name: "retry", Text: "3 further attempts; waits of up to 1s, doubled up to 4s, full jitter; budget 10 % + 10/s"},
				{Name: "timeout", Text: "10s for each attempt"},
				{Name: "health", Text: "probes every 10s, for 5s at most; shut after 3 failed in a row, open after 1"},
			},
			Warnings: []string{"breaker: RecoveryTimeout 5s is shorter than an attempt of 10s: raise one or lower the other"},
		},
		Breaker: b, Health: &health.Snapshot{State: "up", ProbedAt: at.Add(-2 * time.Second)},
		Budget: &penstock.BudgetSnapshot{Text: "10 % + 10/s", Balance: 61}, Async: penstock.AsyncSnapshot{Running: 3, Limit: 100},
		Pools: pools, Settings: []penstock.Setting{{Key: "pool.max_size", Value: "4"}, {Key: "retry.max_retries", Value: "3"}, {Key: "timeout.attempt", Value: "10s"}},
		Changes: changes(w.Start), Refused: &penstock.RefusedChanges{
			Count: 2, At: w.Start.Add(-12 * time.Minute), By: "file /etc/shop/penstock.yaml",
			Why: "penstock.yaml:9: clients.docs: pool.min_size 9 exceeds pool.max_size 4: set a lower pool.min_size, or a higher pool.max_size",
		},
	}
}

func changes(at time.Time) []penstock.AppliedChange {
	return []penstock.AppliedChange{
		{Generation: 7, At: at.Add(-29 * time.Minute), By: "file /etc/shop/penstock.yaml", Changed: []penstock.SettingChange{
			{Key: "pool.max_size", Old: "2", New: "4"}, {Key: "timeout.attempt", Old: "5s", New: "10s"},
		}},
		{Generation: 6, At: at.Add(-31 * time.Hour), By: "ann/Ann Example", Changed: []penstock.SettingChange{
			{Key: "chain.order", Old: "trace, retry, breaker, timeout, health", New: "trace, breaker, retry, timeout, health"},
			{Key: "bulkhead.max_concurrent", Old: "64"},
		}},
		{Generation: 5, At: at.Add(-32 * time.Hour), By: "file /etc/shop/penstock.yaml"},
	}
}

func flow(s admin.Summary) *admin.Flow {
	rate := func(r float64) admin.Count { return admin.Count{Total: uint64(r * 1000), Rate: r} }
	pass := s.Rate - s.Rejected
	again := 0.0
	f := &admin.Flow{Entered: rate(s.Rate), Running: s.InFlight, Recovered: rate(0), Failed: rate(s.Failed), Rejected: rate(s.Rejected), P50: s.P50, P99: s.P99}
	late := 0.0
	if s.Status == "bad" {
		again, late = 30, 0.4
	}
	f.OK, f.Answered, f.Further = rate(pass-s.Failed-2), rate(2), rate(again)
	if again > 0 {
		f.Causes = []admin.Cause{{Reason: "UNAVAILABLE", Count: rate(again)}}
	}
	f.Stages = []admin.StageFlow{
		{Name: "trace", In: s.Rate},
		{Name: "breaker", In: s.Rate, Refused: rate(s.Rejected), State: s.Breaker, Bad: s.Status == "bad"},
		{Name: "retry", In: pass, State: "61 of 100 left"},
		{Name: "timeout", In: pass + again, State: "10 s an attempt"},
		{Name: "health", In: pass + again, State: "up"},
		{Name: "pool", In: pass + again, Refused: rate(late), State: fmt.Sprintf("%d of %d", s.InFlight, s.Places), Waits: rate(late), WaitMean: 0.012},
	}
	if s.Rejected > 0 {
		f.Stages[1].Reasons = []admin.Cause{{Reason: "circuit_open", Count: rate(s.Rejected)}}
		f.Stages[5].Reasons = []admin.Cause{{Reason: "pool_exhausted", Count: rate(late)}}
	}
	return f
}
