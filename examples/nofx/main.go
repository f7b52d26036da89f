// SPDX-License-Identifier: Apache-2.0

// Nofx is the example app without fx, telemetry included: it lists the
// collections of the Milvus server at MILVUS_ADDRESS (localhost:19530) and
// prints the state of the circuit breaker.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool"
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
	// Each closes within a time of its own, also after an interrupt.
	closing := func(what func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, what(ctx))
	}

	telemetry, err := sdk.Setup(ctx, sdk.Config{ServiceName: "nofx"})
	if err != nil {
		return err
	}
	defer closing(telemetry.Shutdown)

	cfg := milvus.Config{Address: os.Getenv("MILVUS_ADDRESS")}
	observer, err := observe(cfg, telemetry)
	if err != nil {
		return err
	}
	defer closing(observer.Close)

	client, err := milvus.Open(ctx, milvus.ClientConfig{Config: cfg, Observer: observer})
	if err != nil {
		return err
	}
	defer closing(client.Close)
	if p, ok := core.Part[*pool.Pool[*milvus.Conn]](client); ok {
		if err := observer.RegisterPool(p.Name(), p.Stats); err != nil {
			return err
		}
	}

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

// observe returns an observer that says in spans and metrics which server cfg
// leads to.
func observe(cfg milvus.Config, telemetry *sdk.SDK) (*otelx.Observer, error) {
	host, port := cfg.Endpoint()
	return otelx.NewObserver(
		otelx.WithTracerProvider(telemetry.TracerProvider()),
		otelx.WithMeterProvider(telemetry.MeterProvider()),
		otelx.WithSystem(milvus.System),
		otelx.WithServer(host, port),
		otelx.WithNamespace(cfg.Namespace()),
		otelx.WithPoolName(cfg.PoolConfig().Name),
	)
}
