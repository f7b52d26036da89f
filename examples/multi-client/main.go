// SPDX-License-Identifier: Apache-2.0

// Multi-client shows three clients that one YAML file configures: two for databases of a
// Milvus, one for a TCP server of the program's own (counter.go).
//
//	go run ./examples/multi-client
//
// The file is clients.yaml; -config names another. MILVUS_ADDRESS names a Milvus, in
// which the program makes two databases and drops them again. Without it, the program
// starts a server in its process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/config"
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

func run(ctx context.Context, name string) (err error) {
	tidyUp, err := prepare(ctx) // your servers are there
	if err != nil {
		return err
	}
	defer closing(ctx, tidyUp, &err)
	telemetry, err := sdk.Setup(ctx, sdk.Config{ServiceName: "multi-client"})
	if err != nil {
		return err
	}
	defer closing(ctx, telemetry.Shutdown, &err)

	file, err := config.Load(name, config.Options{
		Clients:  []string{"articles", "images", "visits"}, // another one in the file is an error
		Sections: map[string]any{"milvus": milvus.Settings{}, "counter": Counter{}},
	})
	if err != nil {
		return err
	}
	articles, err := openMilvus(ctx, file, "articles", telemetry)
	if err != nil {
		return err
	}
	defer closing(ctx, articles.Close, &err)
	images, err := openMilvus(ctx, file, "images", telemetry)
	if err != nil {
		return err
	}
	defer closing(ctx, images.Close, &err)
	visits, err := openCounter(ctx, file, "visits", telemetry)
	if err != nil {
		return err
	}
	defer closing(ctx, visits.Close, &err)
	return story(ctx, articles, images, visits)
}

// openMilvus opens a client of a Milvus with its settings of the file.
func openMilvus(ctx context.Context, file *config.File, name string, telemetry *sdk.SDK) (*penstock.Client[*milvus.Conn], error) {
	client, err := file.Client(name)
	if err != nil {
		return nil, err
	}
	server, err := config.Section[milvus.Settings](client, "milvus")
	if err != nil {
		return nil, err
	}
	pool, settings := client.Settings()
	backend, err := server.Config(pool).Backend()
	if err != nil {
		return nil, err
	}
	return open(ctx, name, backend, settings, telemetry)
}

// openCounter does the same for a backend of the program's own.
func openCounter(ctx context.Context, file *config.File, name string, telemetry *sdk.SDK) (*penstock.Client[*Conn], error) {
	client, err := file.Client(name)
	if err != nil {
		return nil, err
	}
	server, err := config.Section[Counter](client, "counter")
	if err != nil {
		return nil, err
	}
	pool, settings := client.Settings()
	return open(ctx, name, penstock.Backend[*Conn]{Factory: server, Pool: pool, System: "counter"}, settings, telemetry)
}

func open[C any](ctx context.Context, name string, b penstock.Backend[C], settings penstock.Config, telemetry *sdk.SDK) (*penstock.Client[C], error) {
	b.Pool.Name = name // what telemetry calls the client
	settings.TracerProvider, settings.MeterProvider = telemetry.TracerProvider(), telemetry.MeterProvider()
	return penstock.Open(ctx, b, settings)
}

// closing calls end with a time limit of its own, also after an interrupt, and adds its
// error to *err.
func closing(ctx context.Context, end func(context.Context) error, err *error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	*err = errors.Join(*err, end(ctx))
}
