// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"sync"
)

// acting is the actions that run. An action goes on when its request is cut off, so the
// server does not know of it any more.
type acting struct {
	cut    context.Context // ends when actions are to end at once
	cutOff context.CancelFunc

	mu     sync.Mutex // guards what follows
	n      int
	closed bool
	idle   chan struct{} // closed when acting is closed and no action runs
}

func newActing() *acting {
	as := &acting{idle: make(chan struct{})}
	as.cut, as.cutOff = context.WithCancel(context.Background())
	return as
}

// add adds an action, which runs under ctx and then calls end. It is not ok after close.
func (as *acting) add(parent context.Context) (ctx context.Context, end func(), ok bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.closed {
		return nil, nil, false
	}
	as.n++
	ctx, cancel := context.WithCancel(parent)
	unhook := context.AfterFunc(as.cut, cancel)
	return ctx, func() {
		unhook()
		cancel()
		as.mu.Lock()
		defer as.mu.Unlock()
		if as.n--; as.n == 0 && as.closed {
			close(as.idle)
		}
	}, true
}

// close refuses further actions.
func (as *acting) close() {
	as.mu.Lock()
	defer as.mu.Unlock()
	if !as.closed && as.n == 0 {
		close(as.idle)
	}
	as.closed = true
}

// wait waits until no action runs, which it reports, or until ctx ends. It comes after close.
func (as *acting) wait(ctx context.Context) (idle bool) {
	select {
	case <-as.idle:
		return true
	default:
	}
	select {
	case <-as.idle:
		return true
	case <-ctx.Done():
		return false
	}
}
