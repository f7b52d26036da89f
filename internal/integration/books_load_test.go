// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/fallback"
	"github.com/penstock-go/penstock/pool"
)

var errBusy = errors.New("busy")

// upTo returns a random time. It is not a round one, so that a wait does not begin and
// end in one instant: whether that is a wait is a matter of taste.
func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return 1 + time.Duration(r.Int64N(int64(most)))
}

// work is what one attempt of the storm does.
func (b *books) work(r *rand.Rand) func(context.Context, int) (int, error) {
	return func(ctx context.Context, _ int) (int, error) {
		tr := ctx.Value(tripKey{}).(*trip)
		b.since("db.client.connection.wait_time", "", tr.at)
		b.since("penstock.wait.duration", "pool", tr.at)
		tr.working = true
		begin := time.Now()
		defer func() {
			b.since("db.client.connection.use_time", "", begin)
			b.since("penstock.attempt.duration", "", begin)
		}()
		took := upTo(r, 30*time.Millisecond)
		kind := r.IntN(20)
		if kind == 0 {
			took = time.Hour
		}
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		switch {
		case kind == 1:
			panic("a bug")
		case kind < 5:
			return 0, errDown
		case kind < 8:
			return 0, errNotFound
		case kind < 10:
			return 0, errBusy
		default:
			return 0, nil
		}
	}
}

// operation runs one operation, and counts how it ended.
func (b *books) operation(ctx context.Context, c *penstock.Client[int], r *rand.Rand) {
	var cancel context.CancelFunc
	var given time.Duration
	switch r.IntN(4) {
	case 0:
		given = upTo(r, 150*time.Millisecond)
		ctx, cancel = context.WithTimeout(ctx, given)
	case 1:
		ctx, cancel = context.WithCancel(ctx)
		time.AfterFunc(upTo(r, 100*time.Millisecond), cancel)
	default:
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	tr := &trip{}
	ctx = context.WithValue(ctx, tripKey{}, tr)
	op := core.Op{Name: "Get", Target: "docs", Safety: core.Safety(r.IntN(3))}
	label, begin := "panic", time.Now()
	defer func() {
		_ = recover()
		b.add(duration, label, 1)
		switch {
		case label == "not_found":
			b.answer.Do(func() { b.add("penstock.evidence.traces", "", 1) })
		case label != "" || tr.attempts > 1: // failed or recovered
			b.add("penstock.evidence.traces", "", 1)
		}
		b.since(duration, label, begin)
		if label == "deadline_exceeded" {
			b.add("penstock.deadline.duration", "", 1)
			b.add("penstock.deadline.duration.sum", "", given.Seconds())
		}
		if label != "" && label != "not_found" {
			b.add("penstock.operation.failures", label, 1)
		}
	}()
	var err error
	if r.IntN(3) == 0 {
		_, err = core.Go(ctx, c, op, b.work(r)).Await(context.Background())
	} else {
		_, err = core.Do(ctx, c, op, b.work(r))
	}
	switch {
	case errors.Is(err, errNotFound) && errors.As(err, new(*core.Error)) && core.ErrorType(err) == "not_found":
		label = "not_found"
	default:
		label = core.ErrorType(err)
	}
	if errors.Is(err, core.ErrAsyncLimit) {
		b.add("penstock.async.rejected", "", 1)
	}
	spare, _ := fallback.Run(ctx, func(context.Context) (int, error) { return 0, err }, fallback.Plan[int]{
		Instead: func(context.Context, error) (int, error) { return 0, nil },
	})
	if spare.Cause != nil {
		b.add("penstock.fallbacks", "Get", 1)
	}
}

// room notes the state and the limits of the client, or with -1 that they are gone.
func (b *books) room(c *penstock.Client[int], sign float64) {
	b.mu.Lock()
	state := b.breaker
	b.mu.Unlock()
	if state == breaker.Open {
		state = breaker.HalfOpen // the storm has been over for longer than RecoveryTimeout
	}
	up := 0.0
	if c.Monitor().Up() {
		up = 1
	}
	b.add("penstock.circuit_breaker.state", state.String(), sign)
	b.add("penstock.circuit_breaker.recovery_timeout", "", sign*0.1)
	b.add("penstock.health.status", "", sign*up)
	b.add("penstock.retry.budget.remaining", "", sign*c.Chain().Budget.Balance())
	b.add("penstock.timeout.limit", "attempt", sign*0.05)
	b.add("penstock.bulkhead.limit", "", sign*5)
	b.add("penstock.ratelimit.limit", "", sign*200)
	b.add("penstock.async.limit", "", sign*3)
	b.add("penstock.configuration.generation", "", sign)
}

// factory returns a factory that is slow and fails at times, as b notes.
func (b *books) factory(r *rand.Rand) *coretest.Factory[int] {
	return &coretest.Factory[int]{
		OnDial: func(ctx context.Context, n int) (int, error) {
			b.mu.Lock()
			took, fails := upTo(r, 20*time.Millisecond), r.IntN(8) == 0
			b.mu.Unlock()
			begin := time.Now()
			dialed := false
			defer func() {
				if !dialed {
					b.add("penstock.evidence.traces", "", 1)
				}
				b.add("db.client.connection.create_time", "", 1)
				b.since("db.client.connection.create_time", "", begin)
			}()
			select {
			case <-time.After(took):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			if fails {
				b.add("penstock.transport.connects", "refused", 1)
				return 0, errors.New("refused")
			}
			b.add("penstock.transport.connects", "", 1)
			b.add("db.client.connection.count", "idle", 1)
			dialed = true
			return n, nil
		},
		OnClose: func(context.Context, int) error {
			b.add("db.client.connection.count", "idle", -1)
			b.add("penstock.pool.connections.closed", "", 1)
			b.add("penstock.transport.disconnects", "closed", 1)
			return nil
		},
	}
}

// transport is a factory without pings, which says what its transport does.
type transport struct {
	pool.Factory[int]
	b *books
}

func (t transport) TransportStats() pool.TransportStats {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	return pool.TransportStats{
		Connects:    uint64(t.b.amounts["penstock.transport.connects "]),
		Failed:      map[string]uint64{"refused": uint64(t.b.amounts["penstock.transport.connects refused"])},
		Disconnects: map[string]uint64{"closed": uint64(t.b.amounts["penstock.transport.disconnects closed"])},
	}
}
