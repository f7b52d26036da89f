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

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule/config"
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
	os.Setenv("PENSTOCK_MILVUS_ADDRESS", srv.Addr())
	defer os.Unsetenv("PENSTOCK_MILVUS_ADDRESS")

	options := config.Options{Sections: map[string]any{"milvus": milvus.Settings{}}}
	loaded, err := config.Load(file, options)
	if err != nil {
		log.Fatal(err)
	}
	only, err := loaded.Client("")
	if err != nil {
		log.Fatal(err)
	}
	server, err := config.Section[milvus.Settings](only, "milvus")
	if err != nil {
		log.Fatal(err)
	}
	pool, settings := only.Settings()
	client, err := milvus.Open(ctx, server.Config(pool), settings)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	retries := settings.Chain.Retry
	fmt.Println(client.Pool().Stats().Max, retries.MaxRetries, retries.Interval)
	fmt.Println(core.Do(ctx, client, version, getVersion))

	os.Setenv("PENSTOCK_POOL_SIZE", "8")
	defer os.Unsetenv("PENSTOCK_POOL_SIZE")
	_, err = config.Load(file, options)
	fmt.Println(err)
	// Output:
	// 8 2 200ms
	// v2.4.2 <nil>
	// config: unknown variable PENSTOCK_POOL_SIZE: did you mean PENSTOCK_POOL_MAX_SIZE or PENSTOCK_POOL_MIN_SIZE?
}

// "Monitoring connection pool usage and Milvus server health": OpenTelemetry
// metrics, for any collector.
func Example_metrics() {
	srv := startMilvus(milvustest.Config{})
	defer srv.Close()
	reader := sdkmetric.NewManualReader() // in place of an exporter
	client, err := milvus.Open(ctx, milvus.Config{Address: srv.Addr()}, penstock.Config{
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)

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
