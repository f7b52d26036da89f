// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/errtype"
)

// Unlimited means no limit, as ClientConfig.MaxAsync and as the ratio of
// [NewBudget].
const Unlimited = -1

var (
	// ErrAsyncLimit is the outcome of [Go] beyond ClientConfig.MaxAsync. It is
	// an ErrRejected.
	ErrAsyncLimit = Sentinel("too many asynchronous operations", errtype.BulkheadFull, ErrRejected)

	// ErrClientClosed is the outcome of [Go] after [Client.Close], where it is an
	// ErrRejected too. The error of an operation that Close canceled, or woke from a
	// wait, matches it.
	ErrClientClosed = Sentinel("client closed", errtype.PoolClosed, ErrConnection)
)

// errAfterClose says that an operation never began.
var errAfterClose = Sentinel("client closed", errtype.PoolClosed, ErrClientClosed, ErrRejected)

// closeGrace is the time that canceled operations get to end after the context of
// Close has ended.
const closeGrace = 100 * time.Millisecond

// flights keeps account of the operations that Go runs for one client.
type flights struct {
	mu      sync.Mutex
	limit   int                  // Unlimited is none; guarded by mu, as are all below
	under   map[*flight]struct{} // under way
	refused uint64               // operations that there was no place for, or that came after the close
	closed  bool
	landed  chan struct{} // closed when closed is set and no operation is under way
}

// flight is one operation.
type flight struct{ cancel context.CancelCauseFunc }

func newFlights(limit int) *flights {
	return &flights{limit: limit, under: map[*flight]struct{}{}, landed: make(chan struct{})}
}

// begin registers an operation, or returns why there may be none.
func (fs *flights) begin(f *flight) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	switch {
	case fs.closed:
		fs.refused++
		return errAfterClose
	case fs.limit != Unlimited && len(fs.under) >= fs.limit:
		fs.refused++
		return fmt.Errorf("%w: %d are under way", ErrAsyncLimit, len(fs.under))
	}
	fs.under[f] = struct{}{}
	return nil
}

// Async returns how many operations [Go] runs at the moment, how many it runs at once
// at most, and how many it refused so far. limit is Unlimited if there is no limit.
func (c *Client[C]) Async() (running, limit int, refused uint64) {
	fs := c.flights
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.under), fs.limit, fs.refused
}

// end says that the operation is over, by closing done with mu held: a caller that
// sees done may begin another operation at once, and a caller that sees landed
// sees every done.
func (fs *flights) end(f *flight, done chan struct{}) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.under, f)
	close(done)
	if fs.closed && len(fs.under) == 0 {
		close(fs.landed)
	}
}

// close refuses new operations and waits for those under way, for half of the
// time that ctx has; then it cancels them, and waits for the rest of it.
func (fs *flights) close(ctx context.Context) error {
	fs.mu.Lock()
	fs.closed = true
	if len(fs.under) == 0 {
		fs.mu.Unlock()
		return nil
	}
	fs.mu.Unlock()

	var half <-chan time.Time
	if deadline, ok := ctx.Deadline(); ok {
		timer := time.NewTimer(time.Until(deadline) / 2)
		defer timer.Stop()
		half = timer.C
	}
	select {
	case <-fs.landed:
		return nil
	case <-half:
	case <-ctx.Done():
	}

	fs.mu.Lock()
	canceled := len(fs.under)
	for f := range fs.under {
		f.cancel(ErrClientClosed)
	}
	fs.mu.Unlock()
	if canceled == 0 {
		return nil
	}
	// Work that heeds its context ends now. It gets a moment for that even if the
	// caller's own time is over.
	select {
	case <-fs.landed:
	case <-ctx.Done():
		grace := time.NewTimer(closeGrace)
		defer grace.Stop()
		select {
		case <-fs.landed:
		case <-grace.C:
		}
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	err := fmt.Errorf("core: close canceled asynchronous operations: %d", canceled)
	if left := len(fs.under); left > 0 {
		err = fmt.Errorf("%w, of which have not ended: %d", err, left)
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return err
}
