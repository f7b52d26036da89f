// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// subject searches as one client does.
type subject struct {
	name string
	// search searches for a caller, which has a number.
	search func(ctx context.Context, caller int, v []float32) error
	close  func() error
}

// conns is how many connections each subject has: Penstock's default.
const conns = 4

// openPenstock opens a client with default settings, and waits until it has all its
// connections.
func openPenstock(ctx context.Context, addr string, t table) (subject, error) {
	c, err := milvus.Open(ctx, milvus.Config{Address: addr, Pool: pool.Config{MinSize: conns, MaxSize: conns}}, penstock.Config{})
	if err != nil {
		return subject{}, err
	}
	op := core.Op{Name: "Search", Target: t.name, Safety: core.ReadOnly}
	return subject{
		name: "penstock",
		search: func(ctx context.Context, _ int, v []float32) error {
			_, err := core.Do(ctx, c, op, func(ctx context.Context, conn *milvus.Conn) (struct{}, error) {
				return struct{}{}, t.search(ctx, conn, v)
			})
			return err
		},
		close: func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return c.Close(ctx)
		},
	}, nil
}

// openBare opens as many clients of the SDK, which the callers share. Their settings are
// the SDK's.
func openBare(ctx context.Context, addr string, t table) (subject, error) {
	var clients []client.Client
	end := func() error {
		var errs []error
		for _, c := range clients {
			errs = append(errs, c.Close())
		}
		return errors.Join(errs...)
	}
	for range conns {
		c, err := client.NewClient(ctx, client.Config{Address: addr})
		if err != nil {
			return subject{}, errors.Join(fmt.Errorf("the SDK's client: %w", err), end())
		}
		clients = append(clients, c)
	}
	return subject{
		name: "bare-sdk",
		search: func(ctx context.Context, caller int, v []float32) error {
			return t.search(ctx, clients[caller%conns], v)
		},
		close: end,
	}, nil
}

// open opens both.
func open(ctx context.Context, addr string, t table) (ours, bare subject, err error) {
	if ours, err = openPenstock(ctx, addr, t); err != nil {
		return ours, bare, err
	}
	if bare, err = openBare(ctx, addr, t); err != nil {
		return ours, bare, errors.Join(err, ours.close())
	}
	return ours, bare, nil
}
