// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/once"
)

// ClientConfig says what a [Client] is made of. Only Source is required.
type ClientConfig[C any] struct {
	// Source lends the connections.
	Source Source[C]
	// Middleware is the chain that every operation passes. Nil is none.
	Middleware Middleware
	// Observer is told what happens. Nil disables telemetry.
	Observer Observer
	// Classifier says what the backend's errors mean. Nil means that every error
	// gets the zero [Class].
	Classifier Classifier
	// OperationTimeout limits each operation with all its attempts, in addition to
	// the caller's own deadline. Zero is no limit.
	OperationTimeout time.Duration
	// MaxAsync is how many operations [Go] runs at once; beyond that it refuses
	// them. Zero is 10,000: far more than any pool serves, and few enough that the
	// program survives them all. Unlimited is no limit.
	MaxAsync int
	// WaitsTold says that every stage which makes a call wait calls
	// [Call.AfterWait], and that the source tells every wait with
	// [Lease.WithWait]. Then the clock is read once for each attempt instead of
	// twice. If it is not so, [Outcome.Ran] counts waits as work.
	WaitsTold bool
	// Traced says that the chain opens the scope of each operation, as the trace
	// stage does. Then [Go] opens the scope of an operation that it refuses.
	Traced bool
	// Closers close what the client was built with: [Client.Close] calls them,
	// the last first; nil entries are skipped. A pool's Close belongs here, if the
	// client owns the pool.
	Closers []func(context.Context) error
}

// maxAsync is the default of ClientConfig.MaxAsync.
const maxAsync = 10_000

// Client runs operations on connections of type C. It is safe for concurrent
// use.
type Client[C any] struct {
	base
	source  Source[C]
	byOp    opSource[C] // source, if it looks at the operation; else nil
	past    *Client[C]  // the same without a chain, for Probe
	flights *flights
	closers []func(context.Context) error
	closer  once.Closer
}

// base is the part of a client that knows no type.
type base struct {
	handle     Handler
	observer   Observer
	classifier Classifier // may be nil, see classify
	timeout    time.Duration
	timedOut   *TimeoutError // cause of contexts that the timeout ends
	waitsTold  bool
	traced     bool
	// namesHolders says that the source wants to know which operation has each connection.
	namesHolders bool
	closing      chan struct{} // closed before the closers are called; nil means never
	fallbacks    fallbacks
	calls        sync.Pool // of *Call
}

// Runner is what [Do] and [Go] run operations with: a [*Client], or a pointer to
// a type that embeds one.
type Runner[C any] interface{ runner() *Client[C] }

func (c *Client[C]) runner() *Client[C] { return c }

// NewClient returns a client made of cfg. The chain is composed here, once.
func NewClient[C any](cfg ClientConfig[C]) (*Client[C], error) {
	var faults fault.List
	if cfg.Source == nil {
		faults.Add("Source is nil: set it to a pool, or to another lender of connections")
	}
	fault.Negative(&faults, "OperationTimeout", cfg.OperationTimeout, "no limit")
	if cfg.MaxAsync < Unlimited {
		faults.Add("MaxAsync is %d, want 0 (the default, %d) or more, or core.Unlimited", cfg.MaxAsync, maxAsync)
	}
	if err := faults.Err("core"); err != nil {
		return nil, err
	}
	c := &Client[C]{source: cfg.Source, flights: newFlights(cmp.Or(cfg.MaxAsync, maxAsync)), closers: slices.Clone(cfg.Closers)}
	c.handle = Compose(cfg.Middleware)(work)
	if cfg.OperationTimeout > 0 {
		c.handle = bounded(c.handle)
	}
	c.observer = Contained(cfg.Observer)
	c.classifier = cfg.Classifier
	c.timeout = cfg.OperationTimeout
	c.waitsTold = cfg.WaitsTold
	c.closing = make(chan struct{})
	c.traced = cfg.Traced
	if namer, ok := cfg.Source.(interface{ NamesHolders() bool }); ok {
		c.namesHolders = namer.NamesHolders()
	}
	c.byOp, _ = cfg.Source.(opSource[C])
	c.past = &Client[C]{base: base{handle: work, classifier: cfg.Classifier, namesHolders: c.namesHolders}, source: cfg.Source, byOp: c.byOp}
	c.timedOut = &TimeoutError{Operation: true, Limit: cfg.OperationTimeout}
	return c, nil
}

// Close first refuses new operations of [Go], and waits for the operations that Go
// runs already. It waits for half of the time that ctx has, or until ctx ends if
// ctx has no deadline. It cancels the operations that are still running then, and
// returns an error for them. Last, it calls the Closers in reverse order, each
// bounded by ctx. A closer that panics or
// calls runtime.Goexit is an error of Close, and does not keep the others from being
// called.
//
// Before the Closers, Close wakes every operation that waits in a stage, for another
// attempt or for a slot, say: see [Call.Closing]. The operation ends at once with an
// error that matches [ErrClientClosed], joined with the last error of its attempts.
// Operations that are at work end as they would, and are not attempted again.
//
// Only the first call closes; the others wait for it, no longer than their own
// ctx, and return the same error. If a closer closes the source, operations that
// start later fail with the source's error. An operation must not close the
// client that runs it.
func (c *Client[C]) Close(ctx context.Context) error {
	return c.closer.Close(ctx, func(ctx context.Context) error {
		errs := []error{c.flights.close(ctx)}
		close(c.closing)
		for _, closer := range slices.Backward(c.closers) {
			if closer != nil {
				errs = append(errs, closed(ctx, closer))
			}
		}
		return errors.Join(errs...)
	})
}

// closed calls closer. A panic or runtime.Goexit of closer is an error: the closers
// that follow must be called all the same.
func closed(ctx context.Context, closer func(context.Context) error) (err error) {
	contain.Apart("closer", func(p *contain.Panic) { err = p }, func() { err = closer(ctx) })
	return err
}
