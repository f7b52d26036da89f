// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"slices"

	"github.com/penstock-go/penstock/core"
)

// startState is what a pool knows of the calls of Start. Guarded by Pool.mu.
type startState struct {
	keepMin bool     // Start was called, so the pool keeps MinSize
	starts  []*start // the calls that wait
}

// start is a call of Start that waits.
type start struct {
	ref  any        // core.Observer.Ref of the operation
	want int        // number of connections to wait for
	done chan error // has room for the result
}

// Start dials Config.MinSize connections, at least one, and waits for them until
// ctx ends. It fails with the first dial that fails; the error matches [ErrStart]
// and the error of that dial. From then on, also after an error, the pool keeps
// MinSize connections: it dials in the background when it has fewer, until it is
// closed.
//
// A pool works without Start: it then dials when callers ask for connections.
func (p *Pool[C]) Start(ctx context.Context) error {
	if err := p.start(ctx); err != nil {
		return &startError{p.cfg().Name, err}
	}
	return nil
}

// start is Start with errors that do not match ErrStart.
func (p *Pool[C]) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &start{want: max(p.cfg().MinSize, 1), done: make(chan error, 1)}
	if p.cfg().Observer != nil {
		s.ref = p.cfg().Observer.Ref(ctx, core.Scope{})
	}
	p.mu.Lock()
	if p.draining {
		p.mu.Unlock()
		return p.errClosed
	}
	p.keepMin = true
	p.starts = append(p.starts, s)
	p.settleStarts(nil)
	p.retryAt = 0 // the caller wants a result now, so the backoff ends
	p.replenish()
	p.mu.Unlock()

	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case err := <-s.done: // the result came as ctx ended
		return err
	default:
		p.starts = slices.DeleteFunc(p.starts, func(other *start) bool { return other == s })
		return ctx.Err()
	}
}

// settleStarts ends the calls of Start that have their connections, or all calls if
// err is not nil. p.mu is held.
func (p *Pool[C]) settleStarts(err error) {
	p.starts = slices.DeleteFunc(p.starts, func(s *start) bool {
		if err == nil && len(p.conns) < min(s.want, int(p.max.Load())) {
			return false
		}
		s.done <- err
		return true
	})
}
