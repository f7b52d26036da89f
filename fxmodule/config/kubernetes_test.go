// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"testing"

	"github.com/penstock-go/penstock/fxmodule/config"
)

// The variables of a Service called penstock, and of others whose names begin so.
func TestVariablesOfKubernetesAreIgnored(t *testing.T) {
	for name, value := range map[string]string{
		"PENSTOCK_SERVICE_HOST":               "10.0.171.239",
		"PENSTOCK_SERVICE_PORT":               "19530",
		"PENSTOCK_SERVICE_PORT_GRPC":          "19530",
		"PENSTOCK_SERVICE_PORT_MILVUS_2":      "9091",
		"PENSTOCK_PORT":                       "tcp://10.0.171.239:19530",
		"PENSTOCK_PORT_19530_TCP":             "tcp://10.0.171.239:19530",
		"PENSTOCK_PORT_19530_TCP_PROTO":       "tcp",
		"PENSTOCK_PORT_19530_TCP_PORT":        "19530",
		"PENSTOCK_PORT_19530_TCP_ADDR":        "10.0.171.239",
		"PENSTOCK_PORT_53_UDP":                "udp://10.0.171.239:53",
		"PENSTOCK_PORT_53_UDP_ADDR":           "10.0.171.239",
		"PENSTOCK_PORT_132_SCTP":              "sctp://10.0.171.239:132",
		"PENSTOCK_POOL_SERVICE_HOST":          "10.0.171.240",
		"PENSTOCK_POOL_PORT":                  "tcp://10.0.171.240:80",
		"PENSTOCK_POOL_PORT_80_TCP":           "tcp://10.0.171.240:80",
		"PENSTOCK_RETRY_2_SERVICE_PORT_HTTPS": "443",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("PENSTOCK_POOL_MAX_SIZE", "7")
	t.Setenv("PENSTOCK_REDIS_PORT", "tcp://10.0.171.241:6379") // a setting, too
	f, err := config.Load("", config.Options{Sections: two})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Client("")
	if err != nil {
		t.Fatal(err)
	}
	redis, err := config.Section[cache](c, "redis")
	if p, _ := c.Settings(); err != nil || p.MaxSize != 7 || redis.Port != 0 {
		t.Errorf("MaxSize %d and port %d, %v, want 7 and none", p.MaxSize, redis.Port, err)
	}
}
