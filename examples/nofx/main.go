// SPDX-License-Identifier: Apache-2.0

// Nofx is the example app without fx: it lists the collections of the Milvus
// server at MILVUS_ADDRESS (localhost:19530) and prints the state of the
// circuit breaker.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/pool/milvus"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nofx:", err)
		os.Exit(1)
	}
}

var listCollections = core.Op{Name: "ListCollections", Safety: core.ReadOnly}

func run(ctx context.Context) (err error) {
	client, err := milvus.Open(ctx, milvus.ClientConfig{Config: milvus.Config{Address: os.Getenv("MILVUS_ADDRESS")}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close(context.WithoutCancel(ctx))) }()

	collections, err := core.Do(ctx, client, listCollections, func(ctx context.Context, conn *milvus.Conn) ([]*entity.Collection, error) {
		return conn.ListCollections(ctx)
	})
	if err != nil {
		return err
	}
	fmt.Println(len(collections), "collections")
	b, _ := core.Part[*breaker.Breaker](client)
	return json.NewEncoder(os.Stdout).Encode(b.Snapshot())
}
