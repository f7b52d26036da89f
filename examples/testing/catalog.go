// SPDX-License-Identifier: Apache-2.0

// Package catalog shows how to test code that uses a client. This file has the code, and
// each file of tests shows one way:
//
//	fake_test.go    coretest.Source: a fake connection, without a pool and a chain
//	bubble_test.go  coretest.Factory and testing/synctest: the whole client, whose
//	                waits take no time
//	milvus_test.go  milvustest: the protocol of Milvus, with faults
//	spans_test.go   otelxtest: the spans that an operation leaves
//
//	go test -v ./examples/testing
package catalog

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/penstock-go/penstock/core"
)

// Conn is the part of a connection that the catalog needs. A *milvus.Conn has it, and so
// has the fake of the tests.
type Conn interface {
	HasCollection(ctx context.Context, name string) (bool, error)
}

// Catalog knows whether a collection is there. While the backend is unavailable, it gives
// its last answer. Its methods may be used by several goroutines.
type Catalog[C Conn] struct {
	client core.Runner[C]
	has    core.Op // its target is the collection
	last   atomic.Pointer[bool]
}

// New returns a catalog that asks over client, a *penstock.Client[C] or a *core.Client[C].
func New[C Conn](client core.Runner[C], collection string) *Catalog[C] {
	return &Catalog[C]{client: client, has: core.Op{Name: "HasCollection", Target: collection, Safety: core.ReadOnly}}
}

// Has returns whether the collection is there. The answer is fresh unless the backend is
// unavailable and was asked before.
func (c *Catalog[C]) Has(ctx context.Context) (has, fresh bool, err error) {
	has, err = core.Do(ctx, c.client, c.has, func(ctx context.Context, conn C) (bool, error) {
		return conn.HasCollection(ctx, c.has.Target)
	})
	if last := c.last.Load(); last != nil && errors.Is(err, core.ErrUnavailable) {
		return *last, false, nil
	}
	if err == nil {
		c.last.Store(&has)
	}
	return has, err == nil, err
}
