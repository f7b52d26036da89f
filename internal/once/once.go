// SPDX-License-Identifier: Apache-2.0

// Package once closes things once: the first call does the work, every other
// call waits for its end and returns the same error.
package once

import (
	"context"
	"errors"
	"sync/atomic"
)

// Closer runs one function, once. The zero value is ready. A Closer is safe for
// concurrent use and must not be copied after its first call.
type Closer struct {
	run atomic.Pointer[run] // nil until the first call of Close
}

// run is the first call of Close.
type run struct {
	done chan struct{} // closed when the call has ended; then err is set
	err  error
}

// Close runs fn with ctx and returns fn's error, if it is the first call of
// Close on c. Any other call does not run its fn: it waits until the first call
// has ended and returns the same error, also if its own ctx has ended by then.
// If ctx ends first, it returns ctx's error, and the first call goes on.
//
// A panic or runtime.Goexit of fn goes on through the first call of Close; the
// other calls return an error that says so. fn must not call Close on c with a
// ctx that does not end: the call would wait for itself.
func (c *Closer) Close(ctx context.Context, fn func(context.Context) error) error {
	first := &run{done: make(chan struct{}), err: errUnfinished}
	if c.run.CompareAndSwap(nil, first) {
		defer close(first.done)
		first.err = fn(ctx)
		return first.err
	}
	return c.run.Load().wait(ctx)
}

// Begun reports whether Close was called.
func (c *Closer) Begun() bool { return c.run.Load() != nil }

// errUnfinished is the error of a run whose fn does not return.
var errUnfinished = errors.New("closing did not finish: it panicked or called runtime.Goexit")

func (r *run) wait(ctx context.Context) error {
	// select chooses at random if both have ended, and the result goes first.
	select {
	case <-r.done:
		return r.err
	default:
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
