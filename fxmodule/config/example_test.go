// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/penstock-go/penstock/fxmodule/config"
)

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "penstock.yaml")
	text := "address: milvus.internal:19530\npool:\n  max_size: 8\nretry:\n  interval: 200ms\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		panic(err)
	}
	os.Setenv("PENSTOCK_POOL_MAX_SIZE", "16")
	defer os.Unsetenv("PENSTOCK_POOL_MAX_SIZE")

	cfg, client, err := config.Load(file)
	fmt.Println(cfg.Address, cfg.Pool.MaxSize, client.Chain.Retry.Interval, err)
	// Output: milvus.internal:19530 16 200ms <nil>
}
