// SPDX-License-Identifier: Apache-2.0

// Package flush exports the last figures of clients that close. An application that
// closes several clients flushes once for all of them, see [Later].
package flush

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"
)

// longest is how long one flush takes at most. Without a collector a flush lasts as
// long as its context.
const longest = 2 * time.Second

// flusher is a provider of metrics that can export at once.
type flusher interface{ ForceFlush(context.Context) error }

// Now makes the providers export, all at the same time. It returns when they have,
// when ctx ends, or after 2 s. A provider that cannot export at once is left out.
// Exporters report their own errors.
func Now(ctx context.Context, providers ...any) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range providers {
		if p, ok := p.(flusher); ok {
			all.Go(func() { _ = p.ForceFlush(ctx) })
		}
	}
	done := make(chan struct{})
	go func() { // because a provider of the user's may ignore ctx
		defer close(done)
		all.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Later collects the flushes of clients that close, for one flush after all of them.
// The zero value is ready to use. It is safe for concurrent use.
type Later struct {
	mu      sync.Mutex
	flushes []pending // guarded by mu
}

// pending is a flush that is due, and what is to be closed after it.
type pending struct {
	provider any
	closer   func(context.Context) error
}

type key struct{}

// With returns a context for closing a client: the client does not flush, but leaves
// it to l.
func (l *Later) With(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, l) }

// Close exports the last figures of provider, and then calls closer, which takes their
// source away. If ctx is one of [Later.With], Close leaves both to that Later.
func Close(ctx context.Context, provider any, closer func(context.Context) error) error {
	if l, ok := ctx.Value(key{}).(*Later); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.flushes = append(l.flushes, pending{provider, closer})
		return nil
	}
	Now(ctx, provider)
	return closer(ctx)
}

// Close flushes each provider once, and calls the closers. It leaves out the provider
// except, which the caller is about to flush: their closers are returned, to be called
// after that. What was collected is forgotten.
func (l *Later) Close(ctx context.Context, except any) (left []func(context.Context) error, err error) {
	l.mu.Lock()
	due := l.flushes
	l.flushes = nil
	l.mu.Unlock()
	var providers []any
	var closers []func(context.Context) error
	for _, f := range due {
		if except != nil && same(f.provider, except) {
			left = append(left, f.closer)
			continue
		}
		closers = append(closers, f.closer)
		if !slices.ContainsFunc(providers, func(p any) bool { return same(p, f.provider) }) {
			providers = append(providers, f.provider)
		}
	}
	if len(providers) > 0 {
		Now(ctx, providers...)
	}
	var errs []error
	for _, closer := range closers {
		errs = append(errs, closer(ctx))
	}
	return left, errors.Join(errs...)
}

// same reports whether two providers are one. Providers that cannot be compared are
// not.
func same(a, b any) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
