// SPDX-License-Identifier: Apache-2.0

package fxmodule_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// service takes two clients and a part of one. A tag has the name of the client.
type service struct {
	fx.In
	Docs    *penstock.Client[*conn]
	Archive *penstock.Client[*conn] `name:"archive"`
	Breaker *breaker.Breaker        `name:"archive"`
	Ready   fxmodule.Ready
}

// twoClients is an application with a client, and another one by the name of archive.
func twoClients() fx.Option {
	return fx.Options(
		fxmodule.WithLogger(),
		fxmodule.Module(fxmodule.Without("health")),
		fxmodule.Telemetry(),
		fxmodule.Client[*conn](),
		fxmodule.Client[*conn](fxmodule.Named("archive"), fxmodule.Start(fxmodule.StartBackground)),
		fx.Supply(penstock.Backend[*conn]{Factory: &factory{name: "docs"}}),
		fx.Supply(fx.Annotate(penstock.Backend[*conn]{Factory: &factory{name: "archive"}}, fx.ResultTags(`name:"archive"`))),
		fxmodule.AsMiddleware(newQuota, fxmodule.Before("breaker"), fxmodule.For("archive")),
	)
}

// newQuota returns a stage of the application's own. fx gives it what it needs.
func newQuota(log *slog.Logger) middleware.Stage {
	return middleware.Stage{
		Name:        "quota",
		Description: "counts the operations of each tenant",
		Middleware: func(next core.Handler) core.Handler {
			return func(ctx context.Context, call *core.Call) error {
				log.DebugContext(ctx, "counted", "op", call.Op.Name)
				return next(ctx, call)
			}
		},
	}
}

// Counter is the section "counter" of a file.
type Counter struct{ Address string }

// newVisits returns the backend of the client "visits" with its settings of the file.
func newVisits(file *config.File) (penstock.Backend[*conn], error) {
	visits, err := file.Client("visits")
	if err != nil {
		return penstock.Backend[*conn]{}, err
	}
	counter, err := config.Section[Counter](visits, "counter")
	return penstock.Backend[*conn]{Factory: &factory{name: counter.Address}}, err
}

// fromAFile is an application whose client "visits" is configured by a file.
func fromAFile(name string) fx.Option {
	return fx.Options(
		fxmodule.FromFile(name),
		fxmodule.FileSection("counter", Counter{}),
		fxmodule.Client[*conn](fxmodule.Named("visits")),
		fx.Provide(fx.Annotate(newVisits, fx.ResultTags(`name:"visits"`))),
	)
}

func ExampleFromFile() {
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "penstock.yaml")
	write := func(text string) { err = os.WriteFile(name, []byte(text), 0o600) }
	write("counter: {address: \"localhost:7070\"}\npool: {max_size: 2}\n")

	var visits struct {
		fx.In
		Client *penstock.Client[*conn] `name:"visits"`
	}
	var watcher *config.Watcher
	app := fx.New(fromAFile(name), fx.Supply(slog.New(slog.DiscardHandler)), fx.NopLogger, fx.Populate(&visits, &watcher))
	if err := app.Start(context.Background()); err != nil {
		fmt.Println(fxmodule.Explain(err))
		return
	}
	defer app.Stop(context.Background())
	from, _ := get(context.Background(), visits.Client)
	fmt.Println(from, visits.Client.Pool().Stats().Max)

	write("counter: {address: \"localhost:7070\"}\npool: {max_size: 5}\n")
	fmt.Println(watcher.Reload(context.Background(), "ada"), visits.Client.Pool().Stats().Max)
	// Output:
	// localhost:7070 2
	// <nil> 5
}

func ExampleReady() {
	var s service
	app := fx.New(twoClients(), fx.Supply(slog.New(slog.DiscardHandler)), fx.Invoke(func(in service) { s = in }))
	if err := app.Start(context.Background()); err != nil {
		fmt.Println(fxmodule.Explain(err))
		return
	}
	defer app.Stop(context.Background())
	from, _ := get(context.Background(), s.Archive)
	fmt.Println(from, s.Breaker.State(), s.Archive.Chain())
	fmt.Println(s.Docs.Chain())

	w := httptest.NewRecorder()
	s.Ready.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	fmt.Println(w.Code)
	// Output:
	// archive closed quota > breaker > retry > timeout
	// breaker > retry > timeout
	// 200
}
