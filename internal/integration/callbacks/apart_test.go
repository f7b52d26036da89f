// SPDX-License-Identifier: Apache-2.0

package callbacks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/internal/contract/emitted"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/fallback"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
)

// end is how a call on a goroutine of its own ended.
type end string

const (
	returned end = "returned"
	failed   end = "returned an error"
	panicked end = "panicked"
	exited   end = "exited"
)

// ending runs fn on a goroutine of its own, and returns how it ended.
func ending(fn func() error) (e end, text string) {
	var wg sync.WaitGroup
	e = exited
	wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				e, text = panicked, ""
				if err, ok := v.(error); ok {
					text = err.Error()
				} else {
					text, _ = v.(string)
				}
			}
		}()
		if err := fn(); err != nil {
			e, text = failed, err.Error()
		} else {
			e = returned
		}
	})
	wg.Wait()
	return e, text
}

// single is a client of two connections.
type single struct {
	*penstock.Client[int]
	t *testing.T
}

func newSingle(t *testing.T, cfg penstock.Config) single {
	t.Helper()
	factory := &coretest.Factory[int]{OnDial: func(context.Context, int) (int, error) { return 1, nil }}
	c, err := penstock.New(penstock.Backend[int]{Factory: factory, Pool: pool.Config{MaxSize: 2}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return single{c, t}
}

// well checks that the client has lost nothing, and closes it.
func (s single) well() {
	s.t.Helper()
	for range 3 {
		if _, err := core.Do(s.t.Context(), s.Client, opRead, func(context.Context, int) (int, error) { return 0, nil }); err != nil {
			s.t.Errorf("Do afterwards = %v", err)
		}
	}
	if n := s.Pool().Stats().InFlight; n != 0 {
		s.t.Errorf("%d leases out afterwards", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		s.t.Errorf("Close = %v", err)
	}
}

// own is work of core.Do and its like.
type own = func(context.Context, int) (int, error)

// call is a function of the user, and what calls it.
type call struct {
	name string
	call func(s single, does func(ctx context.Context)) error
	// How the call ends if the function panics, exits, or returns.
	panics, exits, returns end
}

// singles are functions that run on the goroutine of the caller, or for a caller
// that waits. A panic goes on to that caller, or is its error.
var singles = []call{
	{"core.Go", func(s single, does func(context.Context)) error {
		_, err := core.Go(s.t.Context(), s.Client, opRead, work(does)).Await(s.t.Context())
		return err
	}, panicked, failed, returned},
	{"core.Client.Probe", func(s single, does func(context.Context)) error {
		return s.Probe(s.t.Context(), func(ctx context.Context, _ int) error { does(ctx); return nil })
	}, panicked, exited, returned},
	{"pool.Pool.Do", func(s single, does func(context.Context)) error {
		return s.Pool().Do(s.t.Context(), func(ctx context.Context, _ int) error { does(ctx); return nil })
	}, panicked, exited, returned},
	{"pool.Pool.Range", func(s single, does func(context.Context)) error {
		_ = s.Pool().Do(s.t.Context(), func(context.Context, int) error { return nil }) // so that there is a connection
		s.Pool().Range(func(int) bool { does(s.t.Context()); return true })
		return nil
	}, panicked, exited, returned},
	{"middleware/fallback.Do", func(s single, does func(context.Context)) error {
		_, err := fallback.Do(s.t.Context(), s.Client, opRead, work(does), instead(func(context.Context) {}))
		return err
	}, panicked, exited, returned},
	{"middleware/fallback.Run", func(s single, does func(context.Context)) error {
		_, err := fallback.Run(s.t.Context(), func(ctx context.Context) (int, error) { does(ctx); return 0, nil }, fallback.Plan[int]{})
		return err
	}, panicked, exited, returned},
	{"middleware/fallback.Func", func(s single, does func(context.Context)) error {
		_, err := fallback.Do(s.t.Context(), s.Client, opRead, fails, instead(does))
		return err
	}, panicked, exited, returned},
	{"middleware/fallback.DoPlan", func(s single, does func(context.Context)) error {
		_, err := fallback.DoPlan(s.t.Context(), s.Client, opRead, work(does), fallback.Plan[int]{Instead: instead(func(context.Context) {})})
		return err
	}, panicked, exited, returned},
	{"middleware/fallback.Plan.When", func(s single, does func(context.Context)) error {
		_, err := fallback.DoPlan(s.t.Context(), s.Client, opRead, fails, fallback.Plan[int]{
			Instead: instead(func(context.Context) {}), When: func(error) bool { does(s.t.Context()); return true },
		})
		return err
	}, panicked, exited, returned},
	{"middleware/hedge.Do", func(s single, does func(context.Context)) error {
		budget, err := core.NewBudget(1, 100)
		if err != nil {
			return err
		}
		h, err := hedge.New(hedge.Config{Delay: time.Millisecond, Budget: budget})
		if err != nil {
			return err
		}
		var first sync.Once
		_, err = hedge.Do(s.t.Context(), h, s.Client, opRead, func(ctx context.Context, _ int) (int, error) {
			second := true
			first.Do(func() { second = false })
			if second {
				does(ctx)
				return 0, nil
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			return 0, ctx.Err()
		})
		return err
	}, panicked, returned, returned},
	{"middleware/health.Cached", func(s single, does func(context.Context)) error {
		return health.Cached(0, func(ctx context.Context) error { does(ctx); return nil })(s.t.Context())
	}, failed, failed, returned},
	{"middleware/health.Check.Ask", func(s single, does func(context.Context)) error {
		return ready(health.Readiness(health.Check{Name: "own", Ask: func(ctx context.Context) error { does(ctx); return nil }}))
	}, failed, failed, returned},
	{"core.Call.Simulate", func(s single, does func(context.Context)) error {
		simulating, err := penstock.New(penstock.Backend[int]{Factory: &coretest.Factory[int]{}}, penstock.Config{Chain: middleware.Config{
			Stages: []middleware.Stage{{Name: "simulate", After: "timeout", Middleware: func(core.Handler) core.Handler {
				return func(ctx context.Context, call *core.Call) error {
					return call.Simulate(ctx, func(ctx context.Context) error { does(ctx); return nil })
				}
			}}},
		}})
		if err != nil {
			return err
		}
		_, err = core.Do(s.t.Context(), simulating, opRead, fails)
		return err
	}, panicked, exited, failed}, // there is no result
	{"core.Source.Acquire", func(s single, does func(context.Context)) error {
		source := &coretest.Source[int]{OnAcquire: func(ctx context.Context) error { does(ctx); return nil }}
		c, err := core.NewClient(core.ClientConfig[int]{Source: source})
		if err != nil {
			return err
		}
		_, err = core.Do(s.t.Context(), c, opRead, func(context.Context, int) (int, error) { return 0, nil })
		return err
	}, panicked, exited, returned},
	{"core.Lender.Return", func(s single, does func(context.Context)) error {
		source := &coretest.Source[int]{OnReturn: func(core.ConnFate, error) bool { does(s.t.Context()); return true }}
		c, err := core.NewClient(core.ClientConfig[int]{Source: source})
		if err != nil {
			return err
		}
		_, err = core.Do(s.t.Context(), c, opRead, func(context.Context, int) (int, error) { return 0, nil })
		return err
	}, panicked, exited, returned},
}

func work(does func(context.Context)) own {
	return func(ctx context.Context, _ int) (int, error) { does(ctx); return 0, nil }
}

func fails(context.Context, int) (int, error) { return 0, errDown }

func instead(does func(context.Context)) fallback.Func[int] {
	return func(ctx context.Context, _ error) (int, error) { does(ctx); return 0, nil }
}

// ready asks a handler of readiness.
func ready(h http.Handler) error {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if answer.Code != http.StatusOK {
		return errors.New(answer.Body.String())
	}
	return nil
}

func TestAFunctionOfACallEndsThatCallAlone(t *testing.T) {
	for _, row := range singles {
		t.Run(strings.ReplaceAll(row.name, "/", "-"), func(t *testing.T) {
			for _, b := range []struct {
				name string
				does func(context.Context)
				want end
			}{
				{"panics", func(context.Context) { panic("boom") }, row.panics},
				{"exits", func(context.Context) { runtime.Goexit() }, row.exits},
				{"returns", func(context.Context) {}, row.returns},
			} {
				synctest.Test(t, func(t *testing.T) {
					s := newSingle(t, penstock.Config{Chain: middleware.Config{Retry: retry.Config{Disabled: true}}})
					got, text := ending(func() error { return row.call(s, b.does) })
					if got != b.want {
						t.Errorf("%s: the call %s (%s), want that it %s", b.name, got, text, b.want)
					}
					if b.name == "panics" && !strings.Contains(text, "boom") && row.name != "middleware/health.Check.Ask" {
						t.Errorf("%s: told %q, want what it panicked with", b.name, text)
					}
					s.well()
				})
			}
		})
	}
}

func TestACloserThatPanicsKeepsNoOtherFromBeingCalled(t *testing.T) {
	for _, b := range behaviours[:2] {
		var closed []string
		closer := func(name string, does func()) func(context.Context) error {
			return func(context.Context) error {
				closed = append(closed, name)
				does()
				return nil
			}
		}
		c, err := core.NewClient(core.ClientConfig[int]{Source: &coretest.Source[int]{}, Closers: []func(context.Context) error{
			closer("a", func() {}), closer("b", func() { b.does(nil, t.Context()) }), closer("c", func() {}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		got, text := ending(func() error { return c.Close(t.Context()) })
		if got != failed || !strings.Contains(text, "closer") || strings.Join(closed, "") != "cba" {
			t.Errorf("Close %s: it %s (%s), closed %q; want an error, and all closed", b.name, got, text, closed)
		}
	}
}

func TestAProbeThatPanicsCountsAsFailed(t *testing.T) {
	for _, b := range behaviours[:3] {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, told: map[string]int{}}
			var probes atomic.Int64
			var good atomic.Bool
			m, err := health.NewMonitor(health.Config{
				Interval: time.Second, Timeout: 500 * time.Millisecond, Observer: observer{w}, DownThreshold: 3,
				Probe: func(ctx context.Context) error {
					probes.Add(1)
					if !good.Load() {
						b.does(w, ctx)
					}
					return ctx.Err()
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			m.Start()
			time.Sleep(time.Minute)
			synctest.Wait()
			_, _, _, told := w.books()
			if n, made := told["Probe"], int(probes.Load()); m.Up() || m.Last() == nil || made < 30 || b.name == "blocks" && n > 0 || b.name != "blocks" && n != made {
				t.Errorf("a probe that %s: up %v after %d probes (%v), told %v; want down, and each told once", b.name, m.Up(), made, m.Last(), told)
			}
			good.Store(true)
			time.Sleep(10 * time.Second)
			if !m.Up() || m.Last() != nil {
				t.Errorf("a probe that %s: up %v afterwards (%v)", b.name, m.Up(), m.Last())
			}
			if err := m.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
	}
}

// A goroutine of the SDK calls the function.
func TestStatsOfAPoolThatPanicAreAnErrorOfTheCollection(t *testing.T) {
	collectionFails(t, "stats of pool own", func(o *otelx.Observer, b behaviour) error {
		return o.RegisterPool("own", func() pool.Stats { b.does(nil, t.Context()); return pool.Stats{} })
	})
}

func TestFiguresThatPanicAreAnErrorOfTheCollection(t *testing.T) {
	collectionFails(t, "figures of client own", func(o *otelx.Observer, b behaviour) error {
		return o.RegisterFigures("own", func() otelx.Figures { b.does(nil, t.Context()); return otelx.Figures{} })
	})
}

// collectionFails checks that a collection fails, and nothing else, if a function does
// that is called what. register gives the function to the observer.
func collectionFails(t *testing.T, what string, register func(*otelx.Observer, behaviour) error) {
	t.Helper()
	for _, b := range behaviours[:2] {
		reader := emitted.Reader(t)
		o, err := otelx.NewObserver(otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
		if err != nil {
			t.Fatal(err)
		}
		if e, text := ending(func() error { return register(o, b) }); e != returned {
			t.Fatalf("a function that %s: the registration %s (%s)", b.name, e, text)
		}
		var got metricdata.ResourceMetrics
		if e, text := ending(func() error { return reader.Collect(t.Context(), &got) }); e != failed || !strings.Contains(text, what) {
			t.Errorf("a function that %s: Collect %s (%s), want an error", b.name, e, text)
		}
		if e, text := ending(func() error { return o.Close(t.Context()) }); e != returned {
			t.Errorf("a function that %s: Close %s (%s)", b.name, e, text)
		}
	}
}

// A panic or runtime.Goexit is told as the error of the reload, and the watch goes on.
func TestAFunctionOfAWatchEndsThatReloadAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("penstock.yaml", []byte("max_async: 3"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := config.Load("penstock.yaml", config.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var (
			mu     sync.Mutex
			failed []string // guarded by mu
			does   atomic.Pointer[func()]
		)
		w, err := config.Watch(f, config.Watching{
			Apply: func(context.Context, *config.File, string) error { (*does.Load())(); return nil },
			Failed: func(err error, _ string) {
				mu.Lock()
				failed = append(failed, err.Error())
				mu.Unlock()
				(*does.Load())()
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Start()
		defer w.Close()
		for i, fn := range []func(){func() { panic("boom") }, runtime.Goexit} {
			does.Store(&fn)
			if err := os.WriteFile("penstock.yaml", []byte(fmt.Sprint("max_async: ", 10+i)), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(6 * time.Second)
			synctest.Wait()
		}
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"Watching.Apply panicked: boom", "Watching.Apply called runtime.Goexit"}; !slices.Equal(failed, want) {
			t.Errorf("failed %q, want %q", failed, want)
		}
	})
}
