// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"sync"
	"time"
)

// grace is how long a function of the user may go on after its context has ended,
// before it is given up.
const grace = time.Second

// awaited waits until returned is closed, or for the grace after the end of ctx, and
// reports whether it was closed.
func awaited(ctx context.Context, returned <-chan struct{}) bool {
	select {
	case <-returned:
		return true
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-returned:
		return true
	case <-timer.C:
		return false
	}
}

// maxPause is the longest pause before a further call of a function that hangs: the
// backend may be well again, and only another call can tell.
const maxPause = time.Hour

// hung is the calls of one function that were given up, and have not returned. Its
// fields are guarded by a mutex of its owner.
type hung struct {
	calls int
	free  int       // calls that may hang without a pause
	until time.Time // no further call before
	err   error     // of the last call that was given up
}

// giveUp notes a call that has not returned. As many as free may hang without a
// consequence. From then on the pause before the next call doubles with each, from
// first to maxPause, so that goroutines do not pile up. mu guards h.
func (h *hung) giveUp(mu *sync.Mutex, returned <-chan struct{}, first time.Duration, free int, err error) {
	mu.Lock()
	h.calls++
	h.free = free
	h.until, h.err = time.Now(), err
	if h.calls >= free {
		h.until = h.until.Add(pause(first, h.calls-free))
	}
	mu.Unlock()
	go func() {
		<-returned
		mu.Lock()
		h.calls--
		mu.Unlock()
	}()
}

// pausing returns the error of the last call that was given up, if no further call
// may be made now. A pause ends when so many of the calls have returned that the rest
// may hang without one.
func (h *hung) pausing() error {
	if h.calls > 0 && h.calls >= h.free && time.Now().Before(h.until) {
		return h.err
	}
	return nil
}

// pause returns first, doubled n times but at most maxPause. A longer first stays.
func pause(first time.Duration, n int) time.Duration {
	d := first
	for ; n > 0 && d < maxPause; n-- {
		d *= 2
	}
	return max(first, min(d, maxPause))
}
