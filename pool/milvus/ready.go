// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/pool"
)

// ErrNotReady is matched by what [ReadyCheck] answers when the server says that
// it, or a part of it, is not healthy. The error gives the server's reasons.
var ErrNotReady = core.Sentinel("milvus: not healthy", core.TypeUnhealthy)

// ReadyInterval is how long [ReadyCheck] keeps an answer.
const ReadyInterval = 10 * time.Second

// ReadyCheck returns a check for [health.Readiness] that asks the server, on a
// connection of p, whether all its parts are healthy. The server asks each of
// them for that, so the answer is kept for [ReadyInterval] and shared by
// everybody who asks: make one check for a pool, and keep it.
//
// A server that only refuses to answer the question is ready; and so is one
// that could not be asked because others had all the connections, lest load
// alone take a service out of rotation.
func ReadyCheck(p *pool.Pool[*Conn]) health.Check {
	return health.Check{
		Name: p.Name(),
		Ask:  health.Cached(ReadyInterval, func(ctx context.Context) error { return checkHealth(ctx, p) }),
	}
}

func checkHealth(ctx context.Context, p *pool.Pool[*Conn]) error {
	lease, err := p.Acquire(ctx)
	if err != nil {
		if full, ok := errors.AsType[*pool.AcquireError](err); ok && full.LastDial == nil && full.InUse > 0 {
			return nil
		}
		return err
	}
	// Stands if CheckHealth panics.
	fate, reason := core.Unclean, core.ErrPanic
	defer func() { lease.Return(fate, reason) }()
	state, err := lease.Conn().CheckHealth(ctx)
	fate, reason = core.Keep, err
	if err != nil {
		class := Classify(err)
		fate = class.Conn
		if ctx.Err() != nil {
			fate = max(fate, core.Unclean)
		}
		if class.Verdict == core.Success || class.Code == core.TypeRateLimited {
			return nil
		}
		return err
	}
	if !state.IsHealthy {
		return fmt.Errorf("%w: %s", ErrNotReady, strings.Join(state.Reasons, "; "))
	}
	return nil
}
