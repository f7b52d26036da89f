// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"cmp"
	"strings"

	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool"
)

const (
	// System is the db.system.name of Milvus in telemetry.
	System = "milvus"
	// DefaultPort is the port that a Milvus listens on by default.
	DefaultPort = 19530
)

// hostPort returns the address without its scheme.
func (c Config) hostPort() string { return strings.TrimPrefix(c.Address, milvusbase.DNSScheme) }

// Endpoint returns the host and the port of the server, with the defaults. Both
// are zero if Address is malformed.
func (c Config) Endpoint() (host string, port int) {
	return milvusbase.HostPort(c.withDefaults().Address)
}

// Namespace returns the name of the database, with the default.
func (c Config) Namespace() string { return cmp.Or(c.Database, milvusbase.DefaultDatabase) }

// PoolConfig returns Pool with the defaults of this package.
func (c Config) PoolConfig() pool.Config { return c.withDefaults().Pool }
