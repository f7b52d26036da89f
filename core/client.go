// SPDX-License-Identifier: Apache-2.0

package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// ClientConfig says what a [Client] is made of. Only Source is required.
type ClientConfig[C any] struct {
	// Source lends the connections.
	Source Source[C]
	// Middleware is the chain that every operation passes. Nil is none.
	Middleware Middleware
	// Observer is told what happens. Nil is nobody.
	Observer Observer
	// Classifier tells what the backend's errors mean. Nil is [Classify].
	Classifier Classifier
	// Timeout limits each operation with all its attempts, in addition to the
	// caller's own deadline. Zero is no limit.
	Timeout time.Duration
	// MaxAsync is how many operations [Go] runs at once; beyond that it refuses
	// them. Zero is DefaultMaxAsync, Unlimited is no limit.
	MaxAsync int
	// Parts are what the client was built with: they can be asked for with
	// [Part], and those with a method Close(context.Context) error are closed by
	// [Client.Close], the last first.
	Parts []any
}

// Client runs operations on connections of type C. It is safe for concurrent
// use.
type Client[C any] struct {
	source     Source[C]
	handle     Handler
	observer   Observer
	classifier Classifier
	timeout    time.Duration
	timedOut   error // cause of contexts that the timeout ends
	parts      []any
	flights    *flights
	close      func(context.Context) error
}

// NewClient returns a client made of cfg. The chain is composed here, once.
func NewClient[C any](cfg ClientConfig[C]) (*Client[C], error) {
	var faults []error
	if cfg.Source == nil {
		faults = append(faults, errors.New("Source is nil"))
	}
	if cfg.Timeout < 0 {
		faults = append(faults, fmt.Errorf("Timeout is negative: %v", cfg.Timeout))
	}
	if cfg.MaxAsync < Unlimited {
		faults = append(faults, fmt.Errorf("MaxAsync is negative: %d (core.Unlimited is no limit)", cfg.MaxAsync))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("core: bad client configuration: %w", errors.Join(faults...))
	}
	c := &Client[C]{
		source:     cfg.Source,
		handle:     Chain(cfg.Middleware)(work),
		observer:   cfg.Observer,
		classifier: cfg.Classifier,
		timeout:    cfg.Timeout,
		timedOut:   &TimeoutError{Scope: ScopeOperation, Limit: cfg.Timeout},
		parts:      slices.Clone(cfg.Parts),
		flights:    newFlights(cmp.Or(cfg.MaxAsync, DefaultMaxAsync)),
	}
	if c.classifier == nil {
		c.classifier = Classify
	}
	c.close = closeOnce(c.flights, c.parts)
	return c, nil
}

// Part returns the first of the parts that c was built with which is a T: the
// circuit breaker, say, to ask for its state.
func Part[T, C any](c *Client[C]) (part T, ok bool) {
	for _, p := range c.parts {
		if part, ok = p.(T); ok {
			return part, true
		}
	}
	return part, false
}

// Close first refuses what [Go] is given from now on, and waits for what Go
// runs already: for half of the time that ctx has, or until it ends if it has no
// deadline. What has not ended by then is canceled, which is an error of Close.
// Then it closes what the client was built with, in reverse order, each bounded
// by ctx.
//
// Only the first call closes; the others wait for it, no longer than their own
// ctx, and return the same error. If the source is one of the parts, as a pool
// should be, operations that start later fail with its error. An operation must
// not close the client that runs it.
func (c *Client[C]) Close(ctx context.Context) error { return c.close(ctx) }

func closeOnce(running *flights, parts []any) func(context.Context) error {
	var (
		started atomic.Bool
		done    = make(chan struct{})
		err     error
	)
	return func(ctx context.Context) error {
		if started.CompareAndSwap(false, true) {
			defer close(done)
			errs := []error{running.close(ctx)}
			for _, p := range slices.Backward(parts) {
				if p, ok := p.(interface{ Close(context.Context) error }); ok {
					errs = append(errs, p.Close(ctx))
				}
			}
			err = errors.Join(errs...)
			return err
		}
		select {
		case <-done:
			return err // also if ctx has ended too
		default:
		}
		select {
		case <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
