// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
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
	source    Source[C]
	byOp      opSource[C]          // source, if it looks at the operation; else nil
	inForce   atomic.Pointer[base] // settings of the operations that begin now; written with changing held
	past      *Client[C]           // the same without a chain, for Probe
	flights   *flights
	fallbacks *fallbacks
	closers   []func(context.Context) error
	closer    once.Closer

	changing sync.Mutex // held by Reconfigure
}

// base is what an operation needs to know of its client, whatever the type of the
// connections. A base does not change: an operation ends under the base under which it
// began. [Client.Reconfigure] puts another one in force.
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
	fallbacks    *fallbacks
	calls        sync.Pool // of *Call
}

// Runner is what [Do] and [Go] run operations with: a [*Client], or a pointer to
// a type that embeds one.
type Runner[C any] interface{ runner() *Client[C] }

func (c *Client[C]) runner() *Client[C] { return c }

// NewClient returns a client made of cfg. The chain is composed here, and again by each
// [Client.Reconfigure].
func NewClient[C any](cfg ClientConfig[C]) (*Client[C], error) {
	var faults fault.List
	if cfg.Source == nil {
		faults.Add("Source is nil: set it to a pool, or to another lender of connections")
	}
	cfg.check(&faults)
	if err := faults.Err("core"); err != nil {
		return nil, err
	}
	c := &Client[C]{source: cfg.Source, flights: newFlights(cmp.Or(cfg.MaxAsync, maxAsync)), fallbacks: new(fallbacks), closers: slices.Clone(cfg.Closers)}
	b := &base{observer: Contained(cfg.Observer), classifier: cfg.Classifier, closing: make(chan struct{}), fallbacks: c.fallbacks}
	if namer, ok := cfg.Source.(interface{ NamesHolders() bool }); ok {
		b.namesHolders = namer.NamesHolders()
	}
	cfg.settle(b)
	c.inForce.Store(b)
	c.byOp, _ = cfg.Source.(opSource[C])
	c.past = &Client[C]{source: cfg.Source, byOp: c.byOp}
	c.past.inForce.Store(&base{handle: work, classifier: cfg.Classifier, namesHolders: b.namesHolders, fallbacks: c.fallbacks})
	return c, nil
}

// check adds the faults of the settings that [Client.Reconfigure] changes.
func (cfg *ClientConfig[C]) check(faults *fault.List) {
	fault.Negative(faults, "OperationTimeout", cfg.OperationTimeout, "no limit")
	if cfg.MaxAsync < Unlimited {
		faults.Add("MaxAsync is %d, want 0 (the default, %d) or more, or core.Unlimited", cfg.MaxAsync, maxAsync)
	}
}

// settle composes the chain of b, and sets what goes with the chain.
func (cfg *ClientConfig[C]) settle(b *base) {
	b.handle = Compose(cfg.Middleware)(work)
	if cfg.OperationTimeout > 0 {
		b.handle = bounded(b.handle)
	}
	b.timeout = cfg.OperationTimeout
	b.timedOut = &TimeoutError{Operation: true, Limit: cfg.OperationTimeout}
	b.waitsTold, b.traced = cfg.WaitsTold, cfg.Traced
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
		close(c.inForce.Load().closing)
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
