// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSeveralAddressesAndLanes(t *testing.T) {
	cfg, _, err := load(file(t, `
milvus:
  addresses: ["a:19530", "dns:///b:19530"]
  lanes: read_write
  endpoints: {slow_factor: 6, max_ejection: 1m}
`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a:19530", "dns:///b:19530"}; !slices.Equal(cfg.Addresses, want) || cfg.Address != "" {
		t.Errorf("Addresses = %q and %q, want %q", cfg.Addresses, cfg.Address, want)
	}
	if len(cfg.Lanes) != 2 || cfg.Lanes[0].Name != "write" || cfg.Lanes[1].Name != "read" {
		t.Errorf("Lanes = %v, want write and read", cfg.Lanes)
	}
	if d := cfg.Endpoints; d.SlowFactor != 6 || d.MaxEjection != time.Minute {
		t.Errorf("Endpoints = %+v, want what the file says", d)
	}
	t.Setenv("PENSTOCK_MILVUS_ADDRESSES", "c:19530, d:19530")
	if cfg, _, err := load(""); err != nil || !slices.Equal(cfg.Addresses, []string{"c:19530", "d:19530"}) {
		t.Errorf("Load = %q, %v, want the addresses of the variable", cfg.Addresses, err)
	}
	if _, _, err := load(file(t, "milvus: {lanes: three}")); err == nil || !strings.Contains(err.Error(), "want read_write") {
		t.Errorf("Load = %v, want a fault of lanes", err)
	}
}
