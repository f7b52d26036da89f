// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"cmp"
	"strings"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

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

// WithConsistencyLevel makes CreateCollection give the collection this level. It is
// the option of the SDK, for a program that does not import the SDK's package
// client.
func WithConsistencyLevel(level entity.ConsistencyLevel) client.CreateCollectionOption {
	return client.WithConsistencyLevel(level)
}
