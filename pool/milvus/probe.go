// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// Ping asks the server for its version, which it answers without asking
// anybody else. Any answer will do, if only that there is no such thing here.
func Ping(ctx context.Context, c *Conn) error {
	_, err := c.GetVersion(ctx)
	if err != nil && Classify(err).Verdict == core.Success {
		return nil
	}
	return err
}

// Probe returns a liveness probe that pings the server on a connection of p,
// past any chain. Its error wraps core.ErrRejected where the probe tells
// nothing about the server: it got no connection because others had them all
// (or the pool is closed), or was itself refused by a rate limit.
func Probe(p *pool.Pool[*Conn]) func(context.Context) error {
	return func(ctx context.Context) error {
		lease, err := p.Acquire(ctx)
		switch {
		case errors.Is(err, pool.ErrExhausted):
			return fmt.Errorf("milvus: probe %w: %w", core.ErrRejected, err)
		case err != nil:
			return err
		}
		// Stands if Ping panics.
		fate, reason := core.Unclean, core.ErrPanic
		defer func() { lease.Return(fate, reason) }()
		err = Ping(ctx, lease.Conn())
		fate, reason = core.Keep, err
		if err != nil {
			class := Classify(err)
			fate = class.Conn
			if ctx.Err() != nil {
				fate = max(fate, core.Unclean)
			}
			if class.Code == core.TypeRateLimited {
				err = fmt.Errorf("milvus: probe %w: %w", core.ErrRejected, err)
			}
		}
		return err
	}
}
