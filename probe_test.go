// SPDX-License-Identifier: Apache-2.0

package penstock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

var (
	errDenied = errors.New("not allowed to ping")
	errEOF    = errors.New("end of stream")
)

// classifyWire is the classifier of wires.
func classifyWire(err error) core.Class {
	switch {
	case errors.Is(err, errDenied):
		return core.Answered("denied")
	case errors.Is(err, errEOF):
		return core.DeadConn("eof")
	}
	return core.Class{}
}

// pinging returns a backend whose Ping answers with err.
func pinging(err error) (*wires, backend) {
	f := &wires{OnDial: dialWire, OnPing: func(context.Context, *wire) error { return err }}
	return f, backend{Factory: f, Classifier: classifyWire}
}

func TestAFailingPingShutsTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := pinging(errRefused)
		c := newClient(t, b, penstock.Config{})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 5 { // an operation that succeeds in between keeps the gate open
			pinged(t, f, 2)
			if _, err := number(t.Context(), c); err != nil {
				t.Fatalf("an operation after %d pings = %v", f.Pings(), err)
			}
		}
		pinged(t, f, 3)
		_, err := number(t.Context(), c)
		if down, ok := errors.AsType[*health.DownError](err); !ok || !errors.Is(err, health.ErrUnhealthy) || !errors.Is(err, core.ErrUnavailable) || down.Cause == nil {
			t.Errorf("an operation after 3 failed pings = %v, want %v, and why", err, health.ErrUnhealthy)
		}
		if err := c.Monitor().Last(); !errors.Is(err, errRefused) {
			t.Errorf("Last = %v, want %v", err, errRefused)
		}
		closeClient(t, c)
	})
}

func TestAPingThatIsRefusedByTheBackendIsASignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := pinging(errDenied)
		c := newClient(t, b, penstock.Config{})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Monitor().Check(t.Context()); err != nil {
			t.Errorf("Check = %v, want nil: the backend answered", err)
		}
		pinged(t, f, 10)
		if n, err := number(t.Context(), c); n != 1 || err != nil {
			t.Errorf("an operation = %v, %v, want 1: the gate is open, and the first connection is still good", n, err)
		}
		closeClient(t, c)
	})
}

func TestAConnectionThatAPingFoundBrokenIsNotLentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := pinging(errEOF)
		c := newClient(t, b, penstock.Config{})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Monitor().Check(t.Context()); !errors.Is(err, errEOF) {
			t.Errorf("Check = %v, want %v", err, errEOF)
		}
		if n, err := number(t.Context(), c); n != 2 || err != nil {
			t.Errorf("an operation = %v, %v, want 2: a new connection", n, err)
		}
		if n := c.Pool().Stats().Closed[pool.CloseDiscarded]; n != 1 {
			t.Errorf("%d connections discarded, want 1", n)
		}
		closeClient(t, c)
	})
}

func TestAPingDoesNotPassTheChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := 0
		f, b := pinging(nil)
		c := newClient(t, b, penstock.Config{Chain: middleware.Config{Stages: []middleware.Stage{{
			Name: "count", Before: "trace",
			Middleware: func(next core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error {
					passed++
					return next(ctx, call)
				}
			},
		}}}})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Breaker().ForceOpen()
		if err := c.Monitor().Check(t.Context()); err != nil {
			t.Errorf("Check = %v, want nil although the breaker is open", err)
		}
		if _, err := number(t.Context(), c); err == nil {
			t.Error("an operation passed the open breaker")
		}
		if f.Pings() != 1 || passed != 1 {
			t.Errorf("%d pings and %d calls of the chain, want 1 and 1: that of the operation", f.Pings(), passed)
		}
		closeClient(t, c)
	})
}

func TestAPingThatFindsNoFreeConnectionCountsNeitherWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := pinging(nil)
		b.Pool.MaxSize = 1
		c := newClient(t, b, penstock.Config{})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		busy, err := c.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if err := c.Monitor().Check(t.Context()); !errors.Is(err, pool.ErrExhausted) {
			t.Errorf("Check = %v, want %v", err, pool.ErrExhausted)
		}
		if !c.Monitor().Up() || f.Pings() != 0 || c.Monitor().Last() != nil {
			t.Errorf("up: %t, %d pings, last %v; want up, none, nil", c.Monitor().Up(), f.Pings(), c.Monitor().Last())
		}
		busy.Release()
		closeClient(t, c)
	})
}

func TestAProbeOfOnesOwnTakesThePlaceOfThePing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := pinging(nil)
		c := newClient(t, b, penstock.Config{Chain: middleware.Config{
			Health: &health.Config{Interval: time.Second, Probe: func(context.Context) error { return errRefused }},
		}})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if c.Monitor().Up() || f.Pings() != 0 {
			t.Errorf("up: %t, %d pings, want down by the probe and none", c.Monitor().Up(), f.Pings())
		}
		closeClient(t, c)
	})
}

func TestThereIsAMonitorOnlyWhereItIsWanted(t *testing.T) {
	without, err := middleware.Config{}.Without("health")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		pings   bool
		chain   middleware.Config
		monitor bool
	}{
		{"a Ping", true, middleware.Config{}, true},
		{"no Ping", false, middleware.Config{}, false},
		{"no Ping, but a probe", false, middleware.Config{Health: &health.Config{Probe: func(context.Context) error { return nil }}}, true},
		{"disabled", true, middleware.Config{Health: &health.Config{Disabled: true}}, false},
		{"disabled without a Ping", false, middleware.Config{Health: &health.Config{Disabled: true}}, false},
		{"left out", true, without, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, b := pinging(errRefused)
				if !row.pings {
					b.Factory = pingless{f}
				}
				c := newClient(t, b, penstock.Config{Chain: row.chain})
				if err := c.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				want := "breaker > retry > timeout"
				if row.monitor {
					want += " > health"
				}
				if got := c.Chain().String(); (c.Monitor() != nil) != row.monitor || got != want {
					t.Errorf("monitor %v in chain %q, want a monitor: %t, and %q", c.Monitor(), got, row.monitor, want)
				}
				if pinged := f.Pings() > 0; pinged != (row.monitor && row.pings) {
					t.Errorf("%d pings in an hour", f.Pings())
				}
				closeClient(t, c)
			})
		})
	}
}

// What the caller's configuration points at is the caller's.
func TestNewDoesNotWriteToItsConfiguration(t *testing.T) {
	_, b := pinging(nil)
	cfg := health.Config{}
	c := newClient(t, b, penstock.Config{Chain: middleware.Config{Health: &cfg}})
	defer closeClient(t, c)
	if cfg.Probe != nil || cfg.Name != "" || cfg.Observer != nil {
		t.Errorf("New wrote to the configuration: %+v", cfg)
	}
}
