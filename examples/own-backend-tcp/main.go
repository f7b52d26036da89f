// SPDX-License-Identifier: Apache-2.0

// Own-backend-tcp shows a client for a server that speaks a line protocol of its own;
// docs/own-backend.md explains it. The program brings a server along, makes it
// fail in several ways, and prints what becomes of the operations.
//
//	go run ./examples/own-backend-tcp
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/otelx/sdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server := StartServer("shop", "secret") // your own runs elsewhere
	defer server.Close()
	if err := run(ctx, server); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, server *Server) (err error) {
	telemetry, err := sdk.Setup(ctx, sdk.Config{ServiceName: "shop"}) // from the OTEL_* variables
	if err != nil {
		return err
	}
	client, err := penstock.Open(ctx, penstock.Backend[*Conn]{
		Factory:    Dialer{Address: server.Address, User: "shop", Password: "secret"},
		Classifier: classify,
		System:     "kv",
	}, penstock.Config{TracerProvider: telemetry.TracerProvider(), MeterProvider: telemetry.MeterProvider()})
	if err != nil {
		return errors.Join(err, telemetry.Shutdown(ctx))
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, client.Close(closing), telemetry.Shutdown(context.Background()))
	}()
	return story(ctx, client, server)
}
