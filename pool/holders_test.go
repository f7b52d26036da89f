// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/pool"
)

// tracing is an observer that knows the trace of a context.
type tracing struct{ coretest.Recorder }

type traceKey struct{}

func inTrace(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

func (*tracing) TraceID(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// operate runs an operation that has a connection until release is closed.
func operate(ctx context.Context, wg *sync.WaitGroup, c *core.Client[*conn], op core.Op, release <-chan struct{}) {
	wg.Go(func() {
		_, _ = core.Do(ctx, c, op, func(context.Context, *conn) (int, error) {
			<-release
			return 0, nil
		})
	})
	synctest.Wait()
}

func clientOf(t *testing.T, p *pool.Pool[*conn], o core.Observer) *core.Client[*conn] {
	t.Helper()
	c, err := core.NewClient(core.ClientConfig[*conn]{Source: p, Observer: o})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// exhausted returns the error of an Acquire that finds no connection.
func exhausted(t *testing.T, p *pool.Pool[*conn]) *pool.AcquireError {
	t.Helper()
	_, err := p.Acquire(t.Context())
	e, ok := errors.AsType[*pool.AcquireError](err)
	if !ok {
		t.Fatalf("Acquire = %v, want an AcquireError", err)
	}
	return e
}

func texts(holders []pool.Holder) (all []string) {
	for _, h := range holders {
		all = append(all, h.String())
	}
	return all
}

func TestTheErrorOfAnExhaustedPoolNamesTheOldestHolders(t *testing.T) {
	for name, cfg := range map[string]pool.Config{
		"exclusive":     {MaxSize: 4},
		"shared":        {Mode: pool.Shared, MaxSize: 2, TargetSharing: 2, MaxSharing: 2},
		"with OnUse":    {MaxSize: 4, OnUse: func(time.Duration) {}},
		"lease to leak": {MaxSize: 4, LeakAfter: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &tracing{}
				cfg.Observer, cfg.AcquireTimeout = o, time.Second
				p := open(t, &factory{}, cfg)
				c := clientOf(t, p, o)
				var wg sync.WaitGroup
				release := make(chan struct{})
				defer wg.Wait()
				operate(inTrace(t.Context(), "a1"), &wg, c, core.Op{Name: "Search", Target: "docs"}, release)
				time.Sleep(4 * time.Second)
				lease, err := p.Acquire(inTrace(t.Context(), "b2"))
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(3500 * time.Millisecond)
				operate(t.Context(), &wg, c, core.Op{Name: "Insert"}, release)
				time.Sleep(time.Second)
				operate(t.Context(), &wg, c, core.Op{Name: "Flush"}, release)

				e := exhausted(t, p)
				want := []string{"Search docs since 9.5s trace a1", "unknown operation since 5.5s trace b2", "Insert since 2s"}
				if got := texts(e.Holders); !slices.Equal(got, want) {
					t.Errorf("Holders = %q, want %q", got, want)
				}
				if text := "(oldest holders: " + strings.Join(want, "; ") + ")"; !strings.Contains(e.Error(), text) {
					t.Errorf("Error = %q, want %q in it", e, text)
				}
				for _, h := range e.Holders {
					if (h.Stack != "") != (cfg.LeakAfter > 0) {
						t.Errorf("%v has stack %q, LeakAfter is %v", h, h.Stack, cfg.LeakAfter)
					}
				}

				lease.Release()
				close(release)
				wg.Wait()
				for range 4 { // the records of the seats are new
					if _, err := p.Acquire(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				e = exhausted(t, p)
				if got, want := texts(e.Holders), slices.Repeat([]string{"unknown operation since 1s"}, 3); !slices.Equal(got, want) {
					t.Errorf("Holders = %q, want %q", got, want)
				}
			})
		})
	}
}

func TestAHolderOfARemovedConnectionIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &tracing{}
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Second, Observer: o})
		c := clientOf(t, p, o)
		var wg sync.WaitGroup
		release := make(chan struct{})
		operate(t.Context(), &wg, c, core.Op{Name: "Search"}, release)
		p.Reset("test")
		if got := texts(exhausted(t, p).Holders); !slices.Equal(got, []string{"Search since 1s"}) {
			t.Errorf("Holders = %q, want the operation that has the removed connection", got)
		}
		close(release)
		wg.Wait()
	})
}

func TestAHolderThatWaitedHoldsSinceItHasTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &tracing{}
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: 10 * time.Second, Observer: o})
		c := clientOf(t, p, o)
		lease := acquire(t, p)
		var wg sync.WaitGroup
		release := make(chan struct{})
		operate(t.Context(), &wg, c, core.Op{Name: "Search"}, release)
		time.Sleep(5 * time.Second)
		lease.Release()
		synctest.Wait()
		if got := texts(exhausted(t, p).Holders); !slices.Equal(got, []string{"Search since 10s"}) {
			t.Errorf("Holders = %q, want the lease without its wait", got)
		}
		close(release)
		wg.Wait()
	})
}

func TestAnOperationWithinAnotherOneIsNamedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &tracing{}
		p := open(t, &factory{}, pool.Config{MaxSize: 3, AcquireTimeout: time.Second, Observer: o})
		c := clientOf(t, p, o)
		_, err := core.Do(t.Context(), c, core.Op{Name: "Outer"}, func(ctx context.Context, _ *conn) (int, error) {
			time.Sleep(time.Second)
			lease, err := p.Acquire(ctx) // the work's own, so core tells nothing of it
			if err != nil {
				return 0, err
			}
			defer lease.Release()
			time.Sleep(time.Second)
			return core.Do(ctx, c, core.Op{Name: "Inner"}, func(context.Context, *conn) (int, error) {
				want := []string{"Outer since 3s", "unknown operation since 2s", "Inner since 1s"}
				if got := texts(exhausted(t, p).Holders); !slices.Equal(got, want) {
					t.Errorf("Holders = %q, want %q", got, want)
				}
				return 0, nil
			})
		})
		if err != nil {
			t.Errorf("Do = %v", err)
		}
	})
}

func TestAPoolThatNobodyObservesNamesNoHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, &factory{}, pool.Config{MaxSize: 1})
		c := clientOf(t, p, &tracing{})
		if p.NamesHolders() {
			t.Error("NamesHolders = true")
		}
		var wg sync.WaitGroup
		release := make(chan struct{})
		operate(t.Context(), &wg, c, core.Op{Name: "Search"}, release)
		if e := exhausted(t, p); e.Holders != nil || strings.Contains(e.Error(), "holders") {
			t.Errorf("error = %v, want no holders", e)
		}
		close(release)
		wg.Wait()
	})
}

func TestALongNameOfAHolderIsCut(t *testing.T) {
	h := pool.Holder{Operation: strings.Repeat("ü", 20), Target: strings.Repeat("x", 300), Held: 1234 * time.Microsecond}
	if got, want := h.String(), strings.Repeat("ü", 20)+" "+strings.Repeat("x", 10)+"… since 1ms"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

// A description of the holders is used again for 100 ms: it must not make a released
// connection look held for longer.
func TestAStormOfEndedWaitsLooksAtTheHoldersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &counting{}
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Second, Observer: o})
		acquire(t, p)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				want := time.Second + time.Duration(i)*10*time.Millisecond
				_, err := p.Acquire(t.Context())
				e, ok := errors.AsType[*pool.AcquireError](err)
				if !ok || len(e.Holders) != 1 || e.Holders[0].Held != want {
					t.Errorf("Acquire = %v, want a holder since %v", err, want)
				}
			})
		}
		wg.Wait()
		if o.asked != 10 {
			t.Errorf("the observer was asked for %d traces of a storm of a second, want 10", o.asked)
		}
	})
}

// counting is an observer that counts how often it is asked for a trace.
type counting struct {
	coretest.Recorder
	asked int
}

func (c *counting) TraceID(context.Context) string { c.asked++; return "" }

// The caller's context is forgotten with the lease: it may hold much memory.
func TestAContextIsForgottenWithItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &tracing{}
		p := open(t, &factory{}, pool.Config{MaxSize: 1, Observer: o})
		c := clientOf(t, p, o)
		for name, lease := range map[string]func(context.Context) error{
			"core.Do": func(ctx context.Context) error {
				_, err := core.Do(ctx, c, core.Op{Name: "Search"}, func(context.Context, *conn) (int, error) { return 0, nil })
				return err
			},
			"pool.Do": func(ctx context.Context) error { return p.Do(ctx, func(context.Context, *conn) error { return nil }) },
		} {
			if err := lease(inTrace(t.Context(), "a1")); err != nil {
				t.Fatalf("%s = %v", name, err)
			}
			if n := pool.RememberedContexts(p); n != 0 {
				t.Errorf("%d contexts are kept after %s, want none", n, name)
			}
		}
	})
}

// exiting is an observer whose TraceID misbehaves.
type exiting struct {
	coretest.Recorder
	how func()
}

func (e *exiting) TraceID(context.Context) string { e.how(); return "" }

func TestATraceIDThatPanicsCostsTheTraceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &exiting{how: func() { panic("oops") }}
		p := open(t, &factory{}, pool.Config{MaxSize: 1, AcquireTimeout: time.Second, Observer: o})
		acquire(t, p)
		if got := texts(exhausted(t, p).Holders); !slices.Equal(got, []string{"unknown operation since 1s"}) {
			t.Errorf("Holders = %q", got)
		}
		if got := fmt.Sprint(o.Lines()); !strings.Contains(got, "panic") {
			t.Errorf("Lines = %s, want the panic", got)
		}
	})
}
