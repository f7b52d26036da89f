// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/penstock-go/penstock/internal/errtype"
)

// Future is the result of an operation that runs on its own goroutine. It is safe
// for concurrent use, and need not be awaited.
type Future[R any] struct {
	done   chan struct{}
	result R
	err    error
	panic  *PanicError
}

// Go is [Do] on a goroutine of its own. ctx bounds the operation, also after
// Go has returned.
//
// Go never waits. With ClientConfig.MaxAsync operations under way, or after
// [Client.Close], the future it returns has failed already, with
// [ErrAsyncLimit] or [ErrClientClosed].
func Go[C, R any](ctx context.Context, r Runner[C], op Op, fn func(context.Context, C) (R, error)) *Future[R] {
	c := r.runner()
	f := &Future[R]{done: make(chan struct{})}
	running, cancel := context.WithCancelCause(ctx)
	own := &flight{cancel}
	if err := c.flights.begin(own); err != nil {
		cancel(nil)
		b := c.inForce.Load()
		b.tellRefusal(ctx, op, err)
		f.err = &Error{Op: op.Name, Target: op.Target, Outcome: Outcome{Class: classify(err, nil), Rejected: true}, Err: err, client: b}
		close(f.done)
		return f
	}
	go func() {
		defer c.flights.end(own, f.done)
		defer cancel(nil)
		f.run(running, op, func() (R, error) { return Do(running, c, op, fn) })
	}()
	return f
}

// tellRefusal tells the observer of an operation that Go refuses. It never comes to
// the chain, so the chain opens no scope for it.
func (b *base) tellRefusal(ctx context.Context, op Op, err error) {
	if b.observer == nil {
		return
	}
	e := Event{Kind: EventReject, Name: "async", Op: op, Err: err}
	if !b.traced {
		b.observer.Event(ctx, e)
		return
	}
	s := Scope{Kind: ScopeOperation, Op: op, Attempt: 1, Start: time.Now()}
	ctx = b.observer.Begin(ctx, s)
	b.observer.Event(ctx, e)
	s.Rejected = true
	b.observer.End(ctx, s, err)
}

// run keeps the result of do, which panics or calls Goexit if the function does.
func (f *Future[R]) run(ctx context.Context, op Op, do func() (R, error)) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			f.panic = &PanicError{Value: v, Stack: debug.Stack()}
		} else {
			err := fmt.Errorf("the function called runtime.Goexit: %w", ErrPanic)
			f.err = &Error{Op: op.Name, Target: op.Target, Attempts: 1, Outcome: Outcome{Class: classify(err, nil), Reached: true, Judged: true}, Err: err}
		}
	}()
	f.result, f.err = do()
	if e, ok := errors.AsType[*Error](f.err); ok && context.Cause(ctx) == ErrClientClosed {
		e.Err = fmt.Errorf("%w: %w", ErrClientClosed, e.Err)
	}
	returned = true
}

// Done returns a channel that is closed when the operation is over.
func (f *Future[R]) Done() <-chan struct{} { return f.done }

// Await returns the outcome of the operation once it is over, or ctx's error
// if that ends first; the operation itself goes on. If the function panicked,
// Await panics with a [*PanicError].
func (f *Future[R]) Await(ctx context.Context) (R, error) {
	select {
	case <-f.done:
	default:
		select {
		case <-f.done:
		case <-ctx.Done():
			var zero R
			return zero, ctx.Err()
		}
	}
	if f.panic != nil {
		panic(f.panic)
	}
	return f.result, f.err
}

// PanicError carries a panic from the goroutine of an operation to the one
// that awaits it.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("%v\n\noriginal stack:\n%s", e.Value, e.Stack)
}

// ErrorType returns "panic".
func (e *PanicError) ErrorType() string { return errtype.Panic }

// Unwrap returns the value, if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
