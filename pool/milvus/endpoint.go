// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"cmp"
	"net"
	"strconv"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/pool"
)

// System is the db.system.name of Milvus in telemetry.
const System = "milvus"

// Endpoint returns the host and the port of the server, defaults included. They
// are zero if Address is malformed.
func (c Config) Endpoint() (host string, port int) {
	host, text, err := net.SplitHostPort(c.withDefaults().Address)
	if err != nil {
		return "", 0
	}
	port, err = strconv.Atoi(text)
	if err != nil {
		return "", 0
	}
	return host, port
}

// Namespace returns the name of the database, default included.
func (c Config) Namespace() string { return cmp.Or(c.Database, defaultDatabase) }

// PoolConfig returns Pool with the defaults that a pool of Milvus connections
// has.
func (c Config) PoolConfig() pool.Config { return c.withDefaults().Pool }

// WithConsistencyLevel makes CreateCollection give the collection this level.
// It is the SDK's option, for programs that do not import the SDK's client.
func WithConsistencyLevel(level entity.ConsistencyLevel) client.CreateCollectionOption {
	return client.WithConsistencyLevel(level)
}
