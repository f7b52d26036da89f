// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/health"
)

// ends are the two ways in which a function may not return.
var ends = map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit}

func TestAPanicOrGoexitInAProbeEndsNeitherTheProgramNorTheProbing(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var probes atomic.Int64
				r := newRig(t, health.Config{Probe: func(context.Context) error {
					if probes.Add(1) <= 3 {
						end()
					}
					return nil
				}})
				r.Start()
				time.Sleep(37 * time.Second) // three probes, at most 12 s apart
				if err := r.Last(); probes.Load() < 3 || probes.Load() == 3 && (r.Up() || !errors.Is(err, core.ErrPanic)) {
					t.Errorf("after %d probes up %v, last %v; want down by a panic", probes.Load(), r.Up(), err)
				}
				time.Sleep(time.Hour)
				r.up(t, true)
				if n := probes.Load(); n < 290 {
					t.Errorf("%d probes in an hour", n)
				}
				if err := r.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
				if n := len(slices.DeleteFunc(r.recorder.Lines(), func(s string) bool { return s != "end probe panic" })); n != 3 {
					t.Errorf("%d probes ended by a panic for the observer, want 3", n)
				}
				panics := r.recorder.Events(core.EventPanic)
				if len(panics) != 3 || panics[0].Name != "Probe" || !strings.Contains(panics[0].Err.Error(), "Probe") {
					t.Errorf("observed %+v, want each of 3 panics once", panics)
				}
				if transitions := r.recorder.Events(core.EventHealth); len(transitions) != 2 {
					t.Errorf("observed %+v, want down and up", transitions)
				}
				if err := r.recorder.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAPanicOrGoexitInAProbeIsAnErrorOfCheck(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := true
				r := newRig(t, health.Config{DownThreshold: 1, Probe: func(context.Context) error {
					if broken {
						time.Sleep(time.Second)
						end()
					}
					return nil
				}})
				var wg sync.WaitGroup
				for range 10 { // one makes the probe, the others wait for it
					wg.Go(func() {
						if err := r.Check(t.Context()); !errors.Is(err, core.ErrPanic) || !strings.Contains(err.Error(), "Probe") {
							t.Errorf("Check = %v, want ErrPanic of Probe", err)
						}
					})
				}
				wg.Wait()
				r.up(t, false)
				broken = false
				if err := r.Check(t.Context()); err != nil {
					t.Errorf("Check = %v", err)
				}
				r.up(t, true)
				if n := len(r.recorder.Events(core.EventPanic)); n != 1 {
					t.Errorf("the observer was told of %d panics, want 1", n)
				}
			})
		})
	}
}

// The value of a panic may be an error. What it wraps says nothing of the probe.
func TestAPanicWithARefusalIsAFailedProbe(t *testing.T) {
	r := newRig(t, health.Config{DownThreshold: 1, Probe: func(context.Context) error { panic(core.ErrRejected) }})
	_ = r.Check(t.Context())
	r.up(t, false)
}

// exiting is an observer that ends the goroutine that calls it, at one kind of event.
type exiting struct {
	coretest.Recorder
	at string
}

func (o *exiting) Begin(ctx context.Context, s core.Scope) context.Context {
	if o.at == "begin" {
		runtime.Goexit()
	}
	return o.Recorder.Begin(ctx, s)
}

func (o *exiting) End(ctx context.Context, s core.Scope, err error) {
	if o.at == "end" {
		runtime.Goexit()
	}
	o.Recorder.End(ctx, s, err)
}

func (o *exiting) Event(ctx context.Context, e core.Event) {
	if o.at == "event" {
		runtime.Goexit()
	}
	o.Recorder.Event(ctx, e)
}

func TestAnObserverThatEndsTheGoroutineEndsNoProbing(t *testing.T) {
	for _, at := range []string{"begin", "end", "event"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var probes atomic.Int64
				m, err := health.NewMonitor(health.Config{Observer: &exiting{at: at}, DownThreshold: 1, Probe: func(context.Context) error {
					probes.Add(1)
					if probes.Load()%2 == 0 {
						panic("boom")
					}
					return nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				m.Start()
				time.Sleep(time.Hour)
				if err := m.Close(t.Context()); err != nil {
					t.Errorf("Close = %v", err)
				}
				before := probes.Load()
				_ = m.Check(t.Context())
				if n := probes.Load(); at != "begin" && (before < 290 || n != before+1) {
					t.Errorf("%d probes in an hour, then %d by a Check", before, n-before)
				}
			})
		})
	}
}

func TestACheckWithinAProbeDoesNotWaitForItself(t *testing.T) {
	t.Run("with its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r *rig
			r = newRig(t, health.Config{DownThreshold: 1, Probe: func(ctx context.Context) error { return r.Check(ctx) }})
			start := time.Now()
			if err := r.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "within Probe") || time.Since(start) != 0 {
				t.Errorf("Check = %v after %v, want an error at once", err, time.Since(start))
			}
			r.up(t, false)
		})
	})
	t.Run("with another", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r *rig
			r = newRig(t, health.Config{DownThreshold: 1, Probe: func(context.Context) error { return r.Check(context.Background()) }})
			start := time.Now()
			if err := r.Check(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 6*time.Second {
				t.Errorf("Check = %v after %v, want it given up after 6 s", err, time.Since(start))
			}
			synctest.Wait()
			if err := r.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
	})
	t.Run("of another monitor", func(t *testing.T) {
		other := newRig(t, health.Config{})
		r := newRig(t, health.Config{Probe: func(ctx context.Context) error { return other.Check(ctx) }})
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("Check = %v", err)
		}
	})
	t.Run("Close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r *rig
			r = newRig(t, health.Config{Probe: func(context.Context) error { return r.Close(context.Background()) }})
			r.Start()
			time.Sleep(time.Hour)
			if err := r.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
	})
}

// brittle is an error whose methods end the goroutine, as those of a nil pointer do.
type brittle struct {
	end    func()
	method string
}

func (e brittle) in(method string) {
	if e.method == method {
		e.end()
	}
}

func (e brittle) Error() string     { e.in("Error"); return "brittle" }
func (e brittle) ErrorType() string { e.in("ErrorType"); return "" }
func (e brittle) Unwrap() error     { e.in("Unwrap"); return nil }
func (e brittle) Is(error) bool     { e.in("Is"); return false }
func (e brittle) As(any) bool       { e.in("As"); return false }

// everyBrittle calls test with an error for each method and each way not to return.
func everyBrittle(t *testing.T, test func(*testing.T, error)) {
	for name, end := range ends {
		for _, method := range []string{"Error", "ErrorType", "Unwrap", "Is", "As"} {
			t.Run(method+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { test(t, brittle{end, method}) })
			})
		}
	}
}

func TestAProbeWhoseErrorPanicsIsAFailedProbe(t *testing.T) {
	everyBrittle(t, func(t *testing.T, err error) {
		m, newErr := health.NewMonitor(health.Config{DownThreshold: 1, Probe: func(context.Context) error { return err }})
		if newErr != nil {
			t.Fatal(newErr)
		}
		m.Start()
		time.Sleep(time.Minute)
		if m.Up() || !errors.Is(m.Last(), core.ErrPanic) {
			t.Errorf("up %v, last %v; want down by a panic", m.Up(), m.Last())
		}
		if s := m.Snapshot(); s.DownBecause == "" {
			t.Errorf("Snapshot = %+v, want the reason", s)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestACheckWhoseErrorPanicsIsDown(t *testing.T) {
	everyBrittle(t, func(t *testing.T, err error) {
		h := health.Readiness(health.Check{Name: "a", Ask: func(context.Context) error { return err }})
		if code, body := ask(t, h, http.MethodGet); code != http.StatusServiceUnavailable || !strings.Contains(body, `"status":"down"`) {
			t.Errorf("answer %d %s, want 503 and down", code, body)
		}
	})
}
