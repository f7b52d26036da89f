// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
)

// everyStage is a chain with all stages that a snapshot shows, and one of the user's.
func everyStage() middleware.Config {
	return middleware.Config{
		KeyedBreaker: &keyed.Config{Key: func(call *core.Call) string { return call.Op.Target }},
		Bulkhead:     &bulkhead.Config{MaxConcurrent: 9},
		RateLimit:    &ratelimit.Config{Rate: 1000},
		Stages:       []middleware.Stage{{Name: "audit", After: "retry", Middleware: func(next core.Handler) core.Handler { return next }}},
	}
}

func TestASnapshotShowsTheWholeClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := started(t, backend{
			Pool: pool.Config{Name: "docs", MaxSize: 2}, System: "wires", Namespace: "db", Address: "wire.example", Port: 7,
		}, penstock.Config{Chain: everyStage(), Observer: deafObserver{}})
		outage(t, c)
		err := work(t.Context(), c, core.Op{Name: "Search", Target: "docs"}, func(context.Context) error {
			time.Sleep(1500 * time.Millisecond)
			s := c.Snapshot()
			want := penstock.HolderSnapshot{Operation: "Search", Target: "docs", Held: 1.5}
			if p := s.Pools[0]; !slices.Equal(p.Holders, []penstock.HolderSnapshot{want}) || p.InFlight != 1 || p.Places != 2 || p.Max != 2 || p.Name != "docs" {
				t.Errorf("pool %+v, want one lease of two, held by %+v", p, want)
			}
			if s.Breaker.State != "half_open" || s.Bulkhead.Running != 1 || s.Limiter.Rate != 1000 || s.Health.State != "up" || s.Health.ProbedAt.IsZero() {
				t.Errorf("snapshot %+v: want a half-open breaker, one operation in the bulkhead, the rate and a monitor that is up", s)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s := c.Snapshot()
		if s.Name != "docs" || s.Connection != "*penstock_test.wire" || s.System != "wires" || s.Namespace != "db" || s.Address != "wire.example:7" {
			t.Errorf("snapshot of %q of %q, %q, %q, %q", s.Name, s.Connection, s.System, s.Namespace, s.Address)
		}
		if want := strings.Split(s.Chain.Text, " > "); len(want) != len(s.Chain.Stages) || len(want) != 9 {
			t.Errorf("stages %+v, want those of %q", s.Chain.Stages, s.Chain.Text)
		}
		for _, stage := range s.Chain.Stages {
			if stage.Own != (stage.Name == "audit") || stage.Text == "" {
				t.Errorf("stage %+v: want a text, and audit as the only own stage", stage)
			}
		}
		if len(s.KeyedBreaker.Keys) != 2 || s.Budget.Text != "10 % + 10/s" || s.Budget.Balance <= 0 || s.Async.Limit != 10000 {
			t.Errorf("keys %+v, budget %+v, async %+v", s.KeyedBreaker.Keys, s.Budget, s.Async)
		}
		for _, want := range []penstock.Setting{
			{"pool.name", "docs"}, {"pool.max_size", "2"}, {"pool.acquire_timeout", "3s"}, {"breaker.failure_threshold", "5"},
			{"retry.jitter", "full"}, {"retry.budget", "10 % + 10/s"}, {"bulkhead.max_concurrent", "9"}, {"ratelimit.rate", "1000"},
			{"chain.order", "trace, breaker, keyed_breaker, bulkhead, ratelimit, retry, audit, timeout, health"},
		} {
			if !slices.Contains(s.Settings, want) {
				t.Errorf("settings %v, want %v in them", s.Settings, want)
			}
		}
		text, err := json.Marshal(s)
		var back penstock.Snapshot
		if err != nil || json.Unmarshal(text, &back) != nil {
			t.Errorf("the snapshot as JSON: %v", err)
		}
		if again, _ := json.Marshal(back); string(again) != string(text) {
			t.Errorf("the snapshot came back as\n%s\nwant\n%s", again, text)
		}
		closeClient(t, c)
	})
}

// deafObserver makes the pool keep its holders.
type deafObserver struct{ core.Observer }

func (deafObserver) Begin(ctx context.Context, _ core.Scope) context.Context { return ctx }
func (deafObserver) End(context.Context, core.Scope, error)                  {}
func (deafObserver) Event(context.Context, core.Event)                       {}
func (deafObserver) Ref(context.Context, core.Scope) any                     { return nil }

func TestASnapshotShowsASuspectAndALeavingConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := started(t, backend{Pool: pool.Config{Mode: pool.Shared, MaxSize: 1, MaxSharing: 8, TargetSharing: 8, ReplaceAfter: pool.Never}}, penstock.Config{})
		lease, err := c.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other, err := c.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lease.Return(core.Suspect, errRefused)
		if got, want := c.Snapshot().Pools[0].Connections[0], (penstock.ConnectionSnapshot{Number: 1, Callers: 1, Most: 8, Suspect: true}); got != want {
			t.Errorf("after a failure the connection is %+v, want %+v", got, want)
		}
		c.Pool().Reset("test")
		all := c.Snapshot().Pools[0].Connections
		if i := slices.IndexFunc(all, func(s penstock.ConnectionSnapshot) bool { return s.Leaving }); i < 0 || all[i].Callers != 1 {
			t.Errorf("after a reset the connections are %+v, want one that leaves with its caller", all)
		}
		other.Release()
		closeClient(t, c)
	})
}

func TestASnapshotShowsLanesAndEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := started(t, backend{
			Pool:  pool.Config{Name: "docs"},
			Lanes: []lane.Lane{{Name: "fast", Takes: func(op core.Op) bool { return op.Name != "Insert" }}, {Name: "slow", MaxSize: 3}},
			Endpoints: endpoint.Config[*wire]{
				Addresses: []string{"127.0.0.1:1", "127.0.0.1:2"},
				Factory:   func(endpoint.Address) (pool.Factory[*wire], error) { return &wires{OnDial: dialWire}, nil },
			},
		}, penstock.Config{})
		if _, err := number(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s := c.Snapshot()
		if len(s.Pools) != 2 || s.Pools[0].Name != "docs/fast" || s.Pools[1].Name != "docs/slow" || s.Pools[1].Max != 6 {
			t.Errorf("pools %+v, want docs/fast and docs/slow, that with twice 3 connections", s.Pools)
		}
		if len(s.Endpoints) != 4 || s.Endpoints[1].Address != "127.0.0.1:2" || s.Endpoints[1].Pool != "docs/fast" || s.Endpoints[1].State != "in" {
			t.Errorf("endpoints %+v, want two for each lane, all in", s.Endpoints)
		}
		if conns := s.Pools[0].Connections; len(conns) == 0 || conns[0].Endpoint == "" {
			t.Errorf("connections %+v, want each with its endpoint", conns)
		}
		for _, setting := range s.Settings {
			if setting.Key == "pool.name" || setting.Key == "pool.max_size" {
				t.Errorf("the settings hold %v, which differs between the lanes", setting)
			}
		}
		closeClient(t, c)
	})
}

func TestResizeNamesWhatIsWrong(t *testing.T) {
	one := started(t, backend{Pool: pool.Config{Name: "docs", MinSize: 2}}, penstock.Config{})
	lanes := started(t, backend{Pool: pool.Config{Name: "docs"}, Lanes: []lane.Lane{{Name: "fast", Takes: func(op core.Op) bool { return op.Name != "Insert" }}, {Name: "slow"}}}, penstock.Config{})
	several := started(t, backend{Pool: pool.Config{Name: "docs"}, Endpoints: endpoint.Config[*wire]{
		Addresses: []string{"127.0.0.1:1"},
		Factory:   func(endpoint.Address) (pool.Factory[*wire], error) { return &wires{OnDial: dialWire}, nil },
	}}, penstock.Config{})
	for _, row := range []struct {
		client penstock.Inspected
		pool   string
		size   int
		want   string
	}{
		{one, "", 5, ""},
		{one, "docs", 3, ""},
		{one, "", 0, "size is 0, want at least 1"},
		{one, "", 1, "size 1 is less than MinSize 2"},
		{one, "dogs", 5, `client "docs" has no pool "dogs": name one of "docs"`},
		{lanes, "", 5, `client "docs" has several pools: name one of "docs/fast", "docs/slow"`},
		{lanes, "docs/slow", 5, ""},
		{several, "", 5, `pool "docs" has several endpoints`},
	} {
		err := row.client.Resize(row.pool, row.size)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("Resize(%q, %d) = %v, want %q", row.pool, row.size, err, row.want)
		}
	}
	if got := one.Snapshot(); got.Pools[0].Max != 3 || !slices.Contains(got.Settings, penstock.Setting{Key: "pool.max_size", Value: "3"}) {
		t.Errorf("after Resize to 3 the snapshot says %d, and in its settings %v", got.Pools[0].Max, got.Settings)
	}
	closeClient(t, one)
	closeClient(t, lanes)
	closeClient(t, several)
}

// The live page is sent a snapshot each second, and an error may quote a whole request.
func TestASnapshotCutsTheTextsOfErrors(t *testing.T) {
	long := errors.New(strings.Repeat("x", 1<<20))
	var cfg penstock.Config
	cfg.Chain.Breaker.FailureThreshold = 1
	cfg.Chain.Health = &health.Config{DownThreshold: 1, Probe: func(context.Context) error { return long }}
	client := newClient(t, backend{Factory: &wires{OnDial: dialWire}}, cfg)
	defer closeClient(t, client)
	_, _ = core.Do(t.Context(), client, core.Op{Name: "Search"}, func(context.Context, *wire) (int, error) { return 0, long })
	if err := client.Monitor().Check(t.Context()); err == nil {
		t.Fatal("Check = nil, want the error of the probe")
	}
	s := client.Snapshot()
	for name, text := range map[string]string{
		"OpenedBecause": s.Breaker.Timing.OpenedBecause, "LastError": s.Health.LastError, "DownBecause": s.Health.DownBecause,
	} {
		if len(text) == 0 || len(text) > 300 {
			t.Errorf("%s has %d bytes, want a few", name, len(text))
		}
	}
}
