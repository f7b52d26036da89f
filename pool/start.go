// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"slices"
)

// startState is guarded by Pool.mu.
type startState struct {
	keepMin bool // Start was called
	starts  []*start
}

// start is a call of Start that waits.
type start struct {
	ctx  context.Context
	want int        // connections
	done chan error // has room for the one answer
}

// Start dials Config.MinSize connections, at least one, and waits for them, no
// longer than ctx lasts. It fails as soon as one dial fails; the error matches
// [ErrStart] and what that dial failed with. From then on the pool keeps
// MinSize connections: it dials in the background until it has them, also after
// a Start that failed, until it is closed.
//
// A pool works without Start; it then dials when it is asked for connections.
func (p *Pool[C]) Start(ctx context.Context) error {
	if err := p.start(ctx); err != nil {
		return &startError{p.cfg.Name, err}
	}
	return nil
}

func (p *Pool[C]) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &start{ctx: ctx, want: max(p.cfg.MinSize, 1), done: make(chan error, 1)}
	p.mu.Lock()
	if p.draining {
		p.mu.Unlock()
		return p.errClosed
	}
	p.keepMin = true
	p.starts = append(p.starts, s)
	p.settleStarts(nil)
	p.retryAt = 0 // whoever says start wants to know now
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
	case err := <-s.done: // at the same moment
		return err
	default:
		p.starts = slices.DeleteFunc(p.starts, func(other *start) bool { return other == s })
		return ctx.Err()
	}
}

// settleStarts answers the calls of Start that have what they want, or all of
// them if err is not nil. p.mu is held.
func (p *Pool[C]) settleStarts(err error) {
	p.starts = slices.DeleteFunc(p.starts, func(s *start) bool {
		if err == nil && len(p.conns) < min(s.want, int(p.max.Load())) {
			return false
		}
		s.done <- err
		return true
	})
}
