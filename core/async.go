// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// DefaultMaxAsync is how many operations of one client [Go] runs at once unless
// configured otherwise: far more than any pool serves, and few enough that the
// program survives them all.
const DefaultMaxAsync = 10_000

// Unlimited as ClientConfig.MaxAsync means no limit.
const Unlimited = -1

var (
	// ErrAsyncLimit is the outcome of [Go] beyond ClientConfig.MaxAsync. It is
	// an ErrRejected.
	ErrAsyncLimit = Sentinel("too many asynchronous operations", TypeBulkheadFull, ErrRejected)

	// ErrClientClosed is the outcome of [Go] after [Client.Close], and is
	// matched by that of an operation which Close canceled. It is an
	// ErrRejected only in the former case.
	ErrClientClosed = Sentinel("client closed", TypePoolClosed, ErrConnection)
)

// errAfterClose says that an operation never began.
var errAfterClose = Sentinel("client closed", TypePoolClosed, ErrClientClosed, ErrRejected)

// closeGrace is what canceled operations have to end in when the context of
// Close has ended.
const closeGrace = 100 * time.Millisecond

// flights keeps account of the operations that Go runs for one client.
type flights struct {
	limit int // Unlimited is none

	mu     sync.Mutex
	under  map[*flight]struct{} // under way; guarded by mu, as are all below
	closed bool
	landed chan struct{} // closed when nothing is under way any more after closed
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
		return errAfterClose
	case fs.limit != Unlimited && len(fs.under) >= fs.limit:
		return fmt.Errorf("%w: %d are under way", ErrAsyncLimit, len(fs.under))
	}
	fs.under[f] = struct{}{}
	return nil
}

// end says that the operation is over, by closing done: whoever sees that may
// begin another at once, and whoever sees the end of all sees that of each.
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
	// Work that heeds its context ends now, also where the caller has no more
	// time to wait.
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
