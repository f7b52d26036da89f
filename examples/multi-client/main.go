// SPDX-License-Identifier: Apache-2.0

// Multi-client shows three clients that one YAML file configures: two for databases of a
// Milvus, one for a TCP server of the program's own (counter.go). Change the file while the
// program runs, and the clients have the new settings without a restart.
//
//	go run ./examples/multi-client
//
// The file is clients.yaml; -config names another. MILVUS_ADDRESS names a Milvus, in
// which the program makes two databases and drops them again. Without it, the program
// starts a server in its process. An interrupt ends the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/fxmodule/milvusfx"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool/milvus"
)

func main() {
	name := flag.String("config", "examples/multi-client/clients.yaml", "the file with the settings")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *name)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "multi-client:", err)
		os.Exit(1)
	}
}

// clients are the clients of the application. A tag has the name of the client in the file.
type clients struct {
	fx.In
	Articles *penstock.Client[*milvus.Conn] `name:"articles"`
	Images   *penstock.Client[*milvus.Conn] `name:"images"`
	Visits   *penstock.Client[*Conn]        `name:"visits"`
}

// app is the application. A client of the file that is not here is an error.
func app(name string) fx.Option {
	return fx.Options(
		fx.Supply(sdk.Config{ServiceName: "multi-client"}),
		fxmodule.Telemetry(),
		fxmodule.FromFile(name), // watches the file, too
		fxmodule.FileSection("counter", Counter{}),
		milvusfx.Module(fxmodule.Named("articles")),
		milvusfx.Module(fxmodule.Named("images")),
		fxmodule.Client[*Conn](fxmodule.Named("visits")),
		fx.Provide(fx.Annotate(newBackend, fx.ResultTags(`name:"visits"`))),
	)
}

// newBackend returns the backend of the program's own, with its section of the file.
func newBackend(file *config.File) (penstock.Backend[*Conn], error) {
	client, err := file.Client("visits")
	if err != nil {
		return penstock.Backend[*Conn]{}, err
	}
	server, err := config.Section[Counter](client, "counter")
	return penstock.Backend[*Conn]{Factory: server, System: "counter"}, err
}

func run(ctx context.Context, name string) (err error) {
	tidyUp, err := prepare(ctx) // your servers are there
	if err != nil {
		return err
	}
	defer closing(ctx, tidyUp, &err)
	var c clients
	application := fx.New(fx.NopLogger, app(name), fx.Populate(&c))
	if err := application.Start(ctx); err != nil {
		return fxmodule.Explain(err)
	}
	defer closing(ctx, application.Stop, &err)
	if err := story(ctx, c); err != nil {
		return err
	}
	fmt.Printf("change %s, and see the settings change; an interrupt ends the program\n", name)
	follow(ctx, c.Articles, c.Images, c.Visits)
	return nil
}

// closing calls end with a time limit of its own, also after an interrupt, and adds its
// error to *err.
func closing(ctx context.Context, end func(context.Context) error, err *error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	*err = errors.Join(*err, end(ctx))
}
