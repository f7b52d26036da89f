// SPDX-License-Identifier: Apache-2.0

// Package through opens a client of the SDK that is a connection of a Penstock pool. The
// SDK's own tests are built with it in place of the SDK's functions.
package through

import (
	"context"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// closing bounds the end of a pool.
const closing = 10 * time.Second

// conn is a connection of a pool of its own. A pooled connection can neither be closed
// nor be given another database; conn does both with its pool.
type conn struct {
	client.Client // a *milvus.Conn
	cfg           client.Config
	pool          *pool.Pool[*milvus.Conn]
	lease         core.Lease[*milvus.Conn]
}

// New is client.NewClient.
func New(ctx context.Context, cfg client.Config) (client.Client, error) {
	c := &conn{cfg: cfg}
	if err := c.open(ctx, cfg.DBName); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *conn) open(ctx context.Context, database string) error {
	address := c.cfg.Address
	p, err := milvus.NewPool(milvus.Config{
		Address: address, Username: c.cfg.Username, Password: milvus.NewSecret(c.cfg.Password), APIKey: milvus.NewSecret(c.cfg.APIKey), Database: database,
		Pool: pool.Config{MaxSize: 1, AcquireTimeout: time.Minute, DialTimeout: 20 * time.Second},
	})
	if err != nil {
		return err
	}
	lease, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	c.Client, c.pool, c.lease = lease.Conn(), p, lease
	return nil
}

// Close ends the pool.
func (c *conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	c.lease.Release()
	return c.pool.Close(ctx)
}

// UsingDatabase goes on with a pool of the database.
func (c *conn) UsingDatabase(ctx context.Context, database string) error {
	before := *c
	if err := c.open(ctx, database); err != nil {
		return err
	}
	return before.Close()
}

// NewDefault is client.NewDefaultGrpcClient.
func NewDefault(ctx context.Context, addr string) (client.Client, error) {
	return New(ctx, client.Config{Address: addr})
}

// NewDefaultWithURI is client.NewDefaultGrpcClientWithURI.
func NewDefaultWithURI(ctx context.Context, uri, username, password string) (client.Client, error) {
	return New(ctx, client.Config{Address: uri, Username: username, Password: password})
}

// NewDefaultWithAuth is client.NewDefaultGrpcClientWithAuth.
func NewDefaultWithAuth(ctx context.Context, addr, username, password string) (client.Client, error) {
	return New(ctx, client.Config{Address: addr, Username: username, Password: password})
}
