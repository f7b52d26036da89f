// SPDX-License-Identifier: Apache-2.0

package seed_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/otelx"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// load_settings(): defaults, then a YAML file, then the environment.
func Example_loadSettings() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "penstock.yaml")
	text := `
pool:
  max_size: 8        # connection_pool_size
timeout:
  attempt: 5s        # timeout
retry:
  max_retries: 2     # retry_count
  interval: 200ms    # retry_interval
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	os.Setenv("PENSTOCK_ADDRESS", srv.Addr())
	defer os.Unsetenv("PENSTOCK_ADDRESS")

	cfg, err := config.Load(file)
	if err != nil {
		log.Fatal(err)
	}
	client, err := milvus.Open(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	p, _ := core.Part[*pool.Pool[*milvus.Conn]](client)
	fmt.Println(p.Stats().Max, cfg.Chain.Retry.MaxRetries, cfg.Chain.Retry.Interval)
	fmt.Println(core.Do(ctx, client, version, getVersion))

	os.Setenv("PENSTOCK_POOL_SIZE", "8")
	defer os.Unsetenv("PENSTOCK_POOL_SIZE")
	_, err = config.Load(file)
	fmt.Println(err)
	// Output:
	// 8 2 200ms
	// v2.4.2 <nil>
	// config: unknown variable PENSTOCK_POOL_SIZE
}

// "Monitoring connection pool usage and Milvus server health": metrics by
// OpenTelemetry, for whatever collects and alerts.
func Example_metrics() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	reader := sdkmetric.NewManualReader() // stands for an exporter
	observer, err := otelx.NewObserver(
		otelx.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))),
		otelx.WithSystem(milvus.System),
	)
	if err != nil {
		log.Fatal(err)
	}
	client, err := milvus.Open(ctx, milvus.ClientConfig{
		Config:   milvus.Config{Address: srv.Addr()},
		Observer: observer,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	p, _ := core.Part[*pool.Pool[*milvus.Conn]](client)
	if err := observer.RegisterPool(p.Name(), p.Stats); err != nil {
		log.Fatal(err)
	}

	if _, err := core.Do(ctx, client, version, getVersion); err != nil {
		log.Fatal(err)
	}
	var found metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &found); err != nil {
		log.Fatal(err)
	}
	var names []string
	for _, scope := range found.ScopeMetrics {
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
		}
	}
	for _, name := range []string{"db.client.operation.duration", "db.client.connection.count", "db.client.connection.max"} {
		fmt.Println(name, slices.Contains(names, name))
	}
	// Output:
	// db.client.operation.duration true
	// db.client.connection.count true
	// db.client.connection.max true
}
