// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
)

// reloading is an application of two clients whose file changes.
type reloading struct {
	both
	watcher *config.Watcher
	log     *bytes.Buffer
}

// reload starts the application in the folder of the test.
func reload(t *testing.T, text string, opts ...fx.Option) *reloading {
	t.Helper()
	t.Chdir(t.TempDir())
	return reloadHere(t, text, nil, opts...)
}

// reloadHere is reload in the present folder. options are those of both clients.
func reloadHere(t *testing.T, text string, options []fxmodule.Option, opts ...fx.Option) *reloading {
	t.Helper()
	rewrite(t, text)
	r := &reloading{log: &bytes.Buffer{}}
	app := fxtest.New(t,
		fxmodule.FromFile("penstock.yaml"), fxmodule.FileSection("redis", redis{}),
		booksAndWords(append(options, fxmodule.Start(fxmodule.StartLazy))...),
		fx.Supply(slog.New(slog.NewTextHandler(r.log, nil))),
		fx.Populate(&r.both, &r.watcher), fx.Options(opts...),
	)
	app.RequireStart()
	t.Cleanup(app.RequireStop)
	return r
}

func rewrite(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile("penstock.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// want compares the sizes of the pools and the generations of the clients.
func (r *reloading) want(t *testing.T, books, words string) {
	t.Helper()
	for _, c := range []struct {
		client client
		want   string
	}{{r.Books, books}, {r.Words, words}} {
		g := c.client.Generation()
		if got := fmt.Sprintf("%d connections, %d by %s", c.client.Pool().Stats().Max, g.Number, g.By); got != c.want {
			t.Errorf("%s has %s, want %s", c.client.Name(), got, c.want)
		}
	}
}

func TestAChangedFileIsAppliedToTheClientsThatItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reload(t, "pool: {max_size: 2}")
		pool := r.Books.Pool()
		r.want(t, "2 connections, 1 by ", "2 connections, 1 by ")
		rewrite(t, "pool: {max_size: 2}\nclients: {books: {pool: {max_size: 5}, order: [trace, retry, breaker, timeout]}}")
		time.Sleep(7 * time.Second)
		synctest.Wait()
		r.want(t, "5 connections, 2 by file penstock.yaml", "2 connections, 1 by ")
		if got, want := r.Books.Chain().String(), "trace > retry > breaker > timeout"; got != want {
			t.Errorf("the chain is %s, want %s", got, want)
		}
		if r.Books.Pool() != pool {
			t.Error("the pool is another one")
		}
		rewrite(t, "pool: {max_size: 3}")
		if err := r.watcher.Reload(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
		r.want(t, "3 connections, 3 by ann", "3 connections, 2 by ann")
	})
}

func TestAFileWithAFaultChangesNothingAndIsLogged(t *testing.T) {
	for _, row := range []struct{ name, file, want string }{
		{"no YAML", "pool: {", "penstock.yaml:1: not YAML"},
		{"a contradiction of one client", "pool: {max_size: 9}\nclients: {words: {pool: {min_size: 10}}}", "penstock.yaml:2: clients.words: pool.min_size 10 exceeds pool.max_size 9"},
		{"an unknown client", "pool: {max_size: 9}\nclients: {films: {}}", "clients.films: the program has no such client"},
		{"the section of a backend", "pool: {max_size: 9}\nclients: {words: {redis: {address: b, pass: hunter2}}}", "restart the program, or undo the change of clients.words.redis.address: b, was the default; clients.words.redis.pass: [redacted], was the default"},
		{"the name of a pool", "pool: {max_size: 9}\nclients: {words: {pool: {name: other}}}", "restart"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := sdkmetric.NewManualReader()
				r := reload(t, "pool: {max_size: 2}", fx.Supply(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
				rewrite(t, row.file)
				time.Sleep(30 * time.Second)
				synctest.Wait()
				for _, c := range []client{r.Books, r.Words} {
					if got := c.Pool().Stats().Max; got != 2 {
						t.Errorf("%s has %d connections, want 2 as before", c.Name(), got)
					}
				}
				if log := r.log.String(); strings.Count(log, row.want) != 1 || strings.Contains(log, "hunter2") {
					t.Errorf("the log has\n%s\nwant once %s", log, row.want)
				}
				err := r.watcher.Reload(t.Context(), "ann")
				if err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("Reload = %v, want %s", err, row.want)
				}
				if got := refusedChanges(t, reader, "words"); got != 2 {
					t.Errorf("%d refused changes are counted, want 2: the file, and Reload", got)
				}
				for range 2 {
					rewrite(t, "pool: {max_size: 2}")
					time.Sleep(30 * time.Second)
				}
				synctest.Wait()
				if log := r.log.String(); strings.Count(log, "in order again") != 1 {
					t.Errorf("the log has\n%s\nwant once that the file is in order again", log)
				}
			})
		})
	}
}

// The backend has read the secret. Only a restart gives it the new one, and nobody could put
// the old one back, so the secret must not hold back the file from then on.
func TestASecretThatRotatesIsToldOnceAndHoldsNothingBack(t *testing.T) {
	secret := func(text string) {
		if err := os.WriteFile("pass", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	secret("hunter1")
	r := reloadHere(t, "redis: {pass_file: pass}\npool: {max_size: 2}", nil)
	told := func() int { return strings.Count(r.log.String(), "redis.pass_file: the file holds another secret") }
	for _, step := range []struct {
		secret, file string
		told         int // so far
		want         string
	}{
		{"hunter2", "pool: {max_size: 2}", 2, "2 connections, 1 by "}, // of two clients
		{"hunter2", "pool: {max_size: 3}", 2, "3 connections, 2 by ann"},
		{"hunter3", "pool: {max_size: 4}", 4, "4 connections, 3 by ann"},
		{"hunter1", "pool: {max_size: 5}", 4, "5 connections, 4 by ann"}, // which the backend has
	} {
		secret(step.secret)
		rewrite(t, "redis: {pass_file: pass}\n"+step.file)
		if err := r.watcher.Reload(t.Context(), "ann"); err != nil {
			t.Errorf("%+v: Reload = %v", step, err)
		}
		if told() != step.told {
			t.Errorf("%+v: the log has\n%s\nwant it %d times", step, r.log, step.told)
		}
		r.want(t, step.want, step.want)
	}
	if log := r.log.String(); strings.Contains(log, "hunter") {
		t.Errorf("the log has a secret:\n%s", log)
	}
}

// What the code and the file set may contradict each other. The user of the file knows no
// name of Go.
func TestAFaultBetweenCodeAndFileHasTheNamesOfTheFile(t *testing.T) {
	t.Chdir(t.TempDir())
	cfg := fxmodule.Config(penstock.Config{Chain: middleware.Config{Timeout: timeout.Config{Attempt: 20 * time.Second}}})
	const wrong = "pool: {max_size: 3}\nclients:\n  words:\n    operation_timeout: 10s\n"
	const want = "penstock.yaml:4: timeout.attempt 20s is not below operation_timeout 10s: an attempt would never end by it; set a lower one, or leave it out"
	rewrite(t, wrong)
	err := fxmodule.Explain(fx.New(fx.NopLogger, fxmodule.FromFile("penstock.yaml"), booksAndWords(cfg), fx.Invoke(func(both) {})).Err())
	if text := `penstock: client "words": ` + want; err == nil || err.Error() != text {
		t.Errorf("the error of the application is\n%v\nwant\n%s", err, text)
	}
	r := reloadHere(t, "pool: {max_size: 2}", []fxmodule.Option{cfg})
	rewrite(t, wrong)
	err = r.watcher.Reload(t.Context(), "ann")
	if text := `penstock: client "words": the settings stay as they are: ` + want; err == nil || err.Error() != text {
		t.Errorf("Reload = %v\nwant %s", err, text)
	}
	if log := r.log.String(); strings.Count(log, want) != 1 {
		t.Errorf("the log has\n%s\nwant once %s", log, want)
	}
	r.want(t, "2 connections, 3 by ann, put back", "2 connections, 1 by ")
}

// What the code sets stays in force with each file, and what a file does not set any more
// is as the code has it.
func TestAFileThatLeavesASettingOutGivesItBackToTheCode(t *testing.T) {
	r := reload(t, "pool: {max_size: 2}")
	rewrite(t, "# nothing")
	if err := r.watcher.Reload(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	r.want(t, "10 connections, 2 by ann", "10 connections, 2 by ann")
}

// The code has a stage for the second client that only that client knows. The first client
// has its settings already when the second one refuses.
func TestAFileThatTheSecondClientRefusesIsTakenBackFromTheFirst(t *testing.T) {
	r := reload(t, "pool: {max_size: 2}", fxmodule.AsMiddleware(newMine, fxmodule.Before("retry"), fxmodule.For("words")))
	chain := r.Books.Chain().String()
	rewrite(t, "pool: {max_size: 5}\nretry: {disabled: true}\norder: [trace, breaker, timeout]")
	err := r.watcher.Reload(t.Context(), "ann")
	if want := `stage "mine" is placed next to "retry", which is not in the chain`; err == nil || !strings.Contains(err.Error(), want) || strings.Count(r.log.String(), "mine") == 0 {
		t.Errorf("Reload = %v, want %s, and the log has\n%s", err, want, r.log)
	}
	r.want(t, "2 connections, 3 by ann, put back", "2 connections, 1 by ")
	if got := r.Books.Chain().String(); got != chain {
		t.Errorf("the chain of books is %s, want %s as before", got, chain)
	}
	rewrite(t, "pool: {max_size: 5}")
	if err := r.watcher.Reload(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	r.want(t, "5 connections, 4 by ann", "5 connections, 2 by ann")
}

// An operator can drain a client while the application runs.
func TestAFileIsAppliedBesideAClientThatWasClosed(t *testing.T) {
	r := reload(t, "pool: {max_size: 2}")
	if err := r.Words.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	rewrite(t, "pool: {max_size: 5}")
	if err := r.watcher.Reload(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
	r.want(t, "5 connections, 2 by ann", "2 connections, 1 by ")
	if strings.Contains(r.log.String(), "WARN") {
		t.Errorf("the log has\n%s\nwant no warning", r.log)
	}
}

// A client that nothing asks for is closed at the start.
func TestAFileIsAppliedBesideAClientThatNothingAsksFor(t *testing.T) {
	t.Chdir(t.TempDir())
	rewrite(t, "pool: {max_size: 2}")
	var books struct {
		fx.In
		Client client `name:"books"`
	}
	var watcher *config.Watcher
	app := fxtest.New(t, fxmodule.FromFile("penstock.yaml"), booksAndWords(), fx.Populate(&books, &watcher))
	app.RequireStart()
	defer app.RequireStop()
	rewrite(t, "pool: {max_size: 5}")
	if err := watcher.Reload(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
	if got := books.Client.Pool().Stats().Max; got != 5 {
		t.Errorf("books has %d connections, want 5", got)
	}
}

// fx makes one client after the other, and a constructor may have the file reloaded.
func TestAClientThatIsMadeAfterAReloadHasTheFileInForce(t *testing.T) {
	reload := func(t *testing.T, w *config.Watcher) {
		rewrite(t, "pool: {max_size: 5}")
		if err := w.Reload(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
	}
	for _, row := range []struct {
		name, words string
		late        func(t *testing.T) fx.Option
	}{
		{"before it is made", "5 connections, 1 by ", func(t *testing.T) fx.Option {
			return fx.Decorate(fx.Annotate(func(f pool.Factory[*conn], w *config.Watcher) pool.Factory[*conn] {
				reload(t, w)
				return f
			}, fx.ParamTags(`name:"words"`), fx.ResultTags(`name:"words"`)))
		}},
		{"while it is made", "5 connections, 2 by ann", func(t *testing.T) fx.Option {
			return fxmodule.AsMiddleware(func(w *config.Watcher) middleware.Stage {
				var once sync.Once
				return middleware.Stage{Name: "mine", Before: "retry", Middleware: func(next core.Handler) core.Handler {
					once.Do(func() { reload(t, w) })
					return next
				}}
			}, fxmodule.For("words"))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			rewrite(t, "pool: {max_size: 2}")
			r := reloading{}
			app := fxtest.New(t, fxmodule.FromFile("penstock.yaml"), booksAndWords(fxmodule.Start(fxmodule.StartLazy)), row.late(t), fx.Populate(&r.both))
			app.RequireStart()
			defer app.RequireStop()
			r.want(t, "5 connections, 2 by ann", row.words)
		})
	}
}

// TestNoOperationFailsBecauseOfTenThousandReloads also is for the race detector, with fewer
// reloads. Every tenth file is wrong, and changes nothing.
func TestNoOperationFailsBecauseOfTenThousandReloads(t *testing.T) {
	const workers = 64
	reloads := 10_000
	if underRace || testing.Short() {
		reloads = 1_000
	}
	files := []string{
		"pool: {max_size: 4, acquire_timeout: 1h}\nretry: {max_retries: 1}\nbreaker: {failure_threshold: 3}\nratelimit: {rate: 1000000, burst: 1000, max_wait: 1h}\n",
		"pool: {max_size: 16, min_size: 2, acquire_timeout: 2h}\nretry: {max_retries: 5}\nbulkhead: {max_concurrent: 64, max_waiting: 64}\n" +
			"ratelimit: {rate: 2000000, burst: 2000, max_wait: 2h}\norder: [trace, ratelimit, bulkhead, retry, breaker, timeout]\noperation_timeout: 1h\n",
	}
	synctest.Test(t, func(t *testing.T) {
		r := reload(t, files[0])
		clients := []client{r.Books, r.Words}
		var (
			over atomic.Bool
			done atomic.Int64
			wg   sync.WaitGroup
		)
		for i := range workers {
			wg.Go(func() {
				for !over.Load() {
					_, err := core.Do(t.Context(), clients[i%2], op, func(context.Context, *conn) (int, error) {
						time.Sleep(time.Duration(i+1) * 50 * time.Microsecond)
						return 0, nil
					})
					if err != nil {
						t.Errorf("Do = %v", err)
						return
					}
					done.Add(1)
				}
			})
		}
		generation := uint64(1)
		for i := range reloads {
			time.Sleep(100 * time.Microsecond) // operations of 50 µs to 3.2 ms begin and end
			before := [2]penstock.Generation{r.Books.Generation(), r.Words.Generation()}
			wrong := i%10 == 9
			if wrong {
				rewrite(t, files[generation%2]+"timeout: {attempt: soon}\n")
			} else {
				rewrite(t, files[generation%2])
				generation++
			}
			switch err := r.watcher.Reload(t.Context(), "ann"); {
			case wrong && err == nil:
				t.Fatal("a wrong file was applied")
			case !wrong && err != nil:
				t.Fatal(err)
			}
			for n, c := range clients {
				after := c.Generation()
				if wrong && after != before[n] || after.Number != generation {
					t.Fatalf("after reload %d %s has generation %+v, want %d, before %+v", i, c.Name(), after, generation, before[n])
				}
			}
		}
		over.Store(true)
		wg.Wait()
		if done.Load() < int64(reloads) {
			t.Errorf("%d operations ran during %d reloads, want many", done.Load(), reloads)
		}
	})
}

// refusedChanges returns what telemetry says of the client with that name.
func refusedChanges(t *testing.T, reader *sdkmetric.ManualReader, client string) (n int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok || m.Name != "penstock.configuration.changes" {
				continue
			}
			for _, p := range sum.DataPoints {
				name, _ := p.Attributes.Value("db.client.connection.pool.name")
				outcome, _ := p.Attributes.Value("penstock.configuration.outcome")
				if name.AsString() == client && outcome.AsString() == "refused" {
					n += p.Value
				}
			}
		}
	}
	return n
}
