// SPDX-License-Identifier: Apache-2.0

package endpoint_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
)

func TestAHangingAndASlowEndpointAreEjectedAndComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const healthy = 20 * time.Millisecond
		var b backend
		b.setAll(healthy, three...)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := client(t, lb)
		measure := func(what string) {
			t.Helper()
			stop := load(t.Context(), c, 64)
			time.Sleep(5 * time.Second)
			took, failed := stop()
			if p := p99(took); p > 2*healthy || failed > 0 {
				t.Errorf("%s: p99 of %d calls %v, %d failed; want at most %v and none", what, len(took), p, failed, 2*healthy)
			}
		}
		measure("healthy")

		b.node("b:1").hangs.Store(true)
		stop := load(t.Context(), c, 64)
		time.Sleep(3 * time.Second)
		if took, failed := stop(); failed > 40 {
			t.Errorf("%d of %d calls failed when the endpoint began to hang, want those alone that were under way", failed, len(took))
		}
		if s := state(t, lb, "b:1"); s != endpoint.Ejected {
			t.Fatalf("the hanging endpoint is %s, want ejected", s)
		}
		measure("one hangs")

		b.node("b:1").hangs.Store(false)
		time.Sleep(time.Minute)
		if s := state(t, lb, "b:1"); s != endpoint.In {
			t.Fatalf("the endpoint that does not hang any more is %s, want in", s)
		}
		measure("it is back")

		b.setAll(10*healthy, "c:1")
		stop = load(t.Context(), c, 64)
		time.Sleep(3 * time.Second)
		stop()
		if s := state(t, lb, "c:1"); s != endpoint.Ejected {
			t.Fatalf("the slow endpoint is %s, want ejected", s)
		}
		measure("one is slow")
		b.setAll(healthy, "c:1")
		time.Sleep(time.Minute)
		if s := state(t, lb, "c:1"); s != endpoint.In {
			t.Fatalf("the endpoint that is slow no more is %s, want in", s)
		}
		measure("all are back")
		before := b.node("c:1").calls.Load()
		measure("all are back for longer")
		if n := b.node("c:1").calls.Load() - before; n == 0 {
			t.Error("the endpoint that came back has no calls")
		}
		want := []string{"b:1 ejected hanging", "b:1 in probe", "c:1 ejected slow", "c:1 in probe"}
		if got := b.history(); !slices.Equal(got, want) {
			t.Errorf("changes = %q, want %q", got, want)
		}
	})
}

func TestAnEndpointThatFailsIsEjectedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(time.Millisecond, three...)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // all have their connections
		b.node("a:1").down.Store(true)
		c := client(t, lb)
		failed := 0
		for range 200 {
			if _, err := do(t.Context(), c); err != nil {
				failed++
			}
		}
		// The first failure makes the balancer ask whether the connection is alive.
		if failed != 1 {
			t.Errorf("%d calls failed, want 1", failed)
		}
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Errorf("the endpoint is %s, want ejected", s)
		}
	})
}

func TestRepeatedFailuresEjectAnEndpointWhoseConnectionsLive(t *testing.T) {
	for _, row := range []struct {
		name   string
		every  int // how many calls to the endpoint there are for one that fails
		reason endpoint.Reason
	}{
		{"all fail", 1, endpoint.ReasonConsecutive},
		{"every other call fails", 2, endpoint.ReasonFailureRate},
		{"every third call fails", 3, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
				c := client(t, lb)
				calls := 0
				for range 1000 {
					_, _ = core.Do(t.Context(), c, search, func(_ context.Context, conn *conn) (int, error) {
						time.Sleep(time.Millisecond)
						if conn.at.address != "a:1" {
							return 0, nil
						}
						if calls++; calls%row.every == 0 {
							return 0, errDown
						}
						return 0, nil
					})
				}
				all, _ := lb.Endpoints()
				for reason, n := range all[0].Ejections {
					if (n > 0) != (reason == row.reason) {
						t.Errorf("%d ejections for %s, want only those for %q", n, reason, row.reason)
					}
				}
			})
		})
	}
}

func TestAnswersOfTheBackendEjectNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		for _, class := range []core.Class{core.Answered("not_found"), core.Busy("rate_limited", 0)} {
			c, err := core.NewClient(core.ClientConfig[*conn]{Source: lb, Classifier: func(error) core.Class { return class }})
			if err != nil {
				t.Fatal(err)
			}
			for range 200 {
				_, _ = core.Do(t.Context(), c, search, func(context.Context, *conn) (int, error) { return 0, errDown })
			}
		}
		if lines := b.history(); len(lines) > 0 {
			t.Errorf("changes = %q, want none", lines)
		}
	})
}

func TestWithMoreThanHalfEjectedAllAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		c := client(t, lb)
		for range 300 {
			_, _ = core.Do(t.Context(), c, search, func(context.Context, *conn) (int, error) {
				time.Sleep(time.Millisecond)
				return 0, errDown // its connections live
			})
		}
		if _, panics := lb.Endpoints(); !panics {
			t.Error("the balancer does not panic, although all endpoints fail")
		}
		b.setAll(time.Millisecond, three...)
		used := map[string]bool{}
		for range 100 {
			at, err := do(t.Context(), c)
			if err != nil {
				t.Fatalf("Do = %v, want success as the backend works again", err)
			}
			used[at] = true
		}
		if len(used) != 3 {
			t.Errorf("calls went to %v, want all three endpoints", used)
		}
		time.Sleep(time.Minute)
		all, panics := lb.Endpoints()
		for _, s := range all {
			if panics || s.State != endpoint.In {
				t.Errorf("%s is %s, want all in", s.Address, s.State)
			}
		}
	})
}

func TestTheEjectionTimeGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a := b.node("a:1")
		a.hangs.Store(true)
		fail := func() {
			lease, err := lb.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for lease.Conn().at != a {
				lease.Release()
				if lease, err = lb.Acquire(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			lease.Return(core.Keep, errDown)
		}
		for range 5 {
			fail()
		}
		if s := state(t, lb, "a:1"); s != endpoint.Ejected {
			t.Fatalf("the endpoint is %s, want ejected", s)
		}
		began := time.Now()
		a.hangs.Store(false)
		a.down.Store(true)
		time.Sleep(50 * time.Second)
		pings := a.dials.Load()
		a.down.Store(false)
		for state(t, lb, "a:1") != endpoint.In {
			time.Sleep(100 * time.Millisecond)
		}
		// 1 + 2 + 4 + 8 + 16 + 30 s, a fifth more or less.
		if took := time.Since(began); took < 45*time.Second || took > 75*time.Second {
			t.Errorf("the endpoint came back after %v (%d dials), want about a minute", took, pings)
		}
	})
}

func TestADialThatHangsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.setAll(time.Millisecond, three...)
		b.node("a:1").hangs.Store(true)
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		began := time.Now()
		if err := lb.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := client(t, lb)
		stop := load(t.Context(), c, 64)
		time.Sleep(time.Second)
		took, failed := stop()
		if failed > 0 || p99(took) > 3*time.Millisecond {
			t.Errorf("%d of %d failed, p99 %v; want none and about a millisecond", failed, len(took), p99(took))
		}
		if waited := time.Since(began); waited > 1100*time.Millisecond {
			t.Errorf("the start took %v, want a moment", waited-time.Second)
		}
	})
}

func TestWithoutAnyConnectionTheFirstDialServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		b.node("a:1").hangs.Store(true)
		b.node("b:1").down.Store(true)
		b.setAll(10*time.Millisecond, "c:1")
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		began := time.Now()
		if at, err := do(t.Context(), client(t, lb)); err != nil || at != "c:1" {
			t.Fatalf("Do = %q, %v, want c:1", at, err)
		}
		if took := time.Since(began); took != 20*time.Millisecond {
			t.Errorf("the call took %v, want the time of a dial and a call", took)
		}
	})
}

func TestIfNoEndpointCanBeReachedTheErrorNamesThemAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		for _, address := range three {
			b.node(address).down.Store(true)
		}
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three})
		err := lb.Start(t.Context())
		for _, address := range three {
			if err == nil || !errors.Is(err, pool.ErrDial) || !contains(err.Error(), address) {
				t.Errorf("Start = %v, want a failed dial of %s", err, address)
			}
		}
		if _, err := do(t.Context(), client(t, lb)); !errors.Is(err, pool.ErrDial) || !errors.Is(err, errDown) {
			t.Errorf("Do = %v, want a failed dial", err)
		}
		for _, address := range three {
			b.node(address).down.Store(false)
		}
		time.Sleep(time.Minute)
		if _, err := do(t.Context(), client(t, lb)); err != nil {
			t.Errorf("Do = %v, want success after the outage", err)
		}
	})
}

func TestEjectionCanBeSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		lb := b.open(t, endpoint.Config[*conn]{Addresses: three, Detection: endpoint.Detection{Disabled: true}})
		c := client(t, lb)
		for range 300 {
			_, _ = core.Do(t.Context(), c, search, func(_ context.Context, conn *conn) (int, error) {
				if conn.at.address == "a:1" {
					return 0, errDown
				}
				return 0, nil
			})
		}
		if lines := b.history(); len(lines) > 0 {
			t.Errorf("changes = %q, want none", lines)
		}
	})
}

func TestBadSettingsAreNamed(t *testing.T) {
	_, err := endpoint.New(endpoint.Config[*conn]{
		Addresses: []string{"nowhere"},
		Detection: endpoint.Detection{ConsecutiveFailures: -1, FailureRate: 2, SlowFactor: 1, Interval: -1, BaseEjection: -1, MaxEjection: -1, ResolveEvery: -1},
		Pool:      pool.Config{MaxSize: -1},
	})
	for _, word := range []string{"Addresses", "Factory", "ConsecutiveFailures", "FailureRate", "SlowFactor", "Interval", "BaseEjection", "MaxEjection", "ResolveEvery", "MaxSize"} {
		if err == nil || !contains(err.Error(), word) {
			t.Errorf("New = %v, want %s in it", err, word)
		}
	}
	if _, err := (endpoint.Detection{BaseEjection: time.Minute, MaxEjection: time.Second}).Effective(); err == nil || !contains(err.Error(), "exceeds") {
		t.Errorf("Effective = %v, want a contradiction", err)
	}
	d, err := (endpoint.Detection{}).Effective()
	if again, err2 := d.Effective(); err != nil || err2 != nil || again != d || d.ConsecutiveFailures != 5 {
		t.Errorf("Effective = %+v, %v, and of that %+v, %v", d, err, again, err2)
	}
}
