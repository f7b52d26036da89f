// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"sync/atomic"
)

// Factory is a pool.Factory of connections that lead nowhere. It has a Ping, so a
// client of it has a health monitor; struct{ pool.Factory[C] } around it hides that.
// Set the fields before use. It is safe for concurrent use if they are.
type Factory[C any] struct {
	// OnDial makes the connection of the n-th dial, from 1. Nil makes the zero C,
	// which a pool refuses if that is nil.
	OnDial func(ctx context.Context, n int) (C, error)
	// OnPing answers a ping. Nil answers without an error.
	OnPing func(ctx context.Context, conn C) error
	// OnClose closes a connection. Nil has nothing to do.
	OnClose func(ctx context.Context, conn C) error

	dials, pings, closes atomic.Int64
}

// Dial counts the dial and makes a connection.
func (f *Factory[C]) Dial(ctx context.Context) (C, error) {
	n := f.dials.Add(1)
	if f.OnDial == nil {
		var zero C
		return zero, nil
	}
	return f.OnDial(ctx, int(n))
}

// Ping counts the ping and answers it.
func (f *Factory[C]) Ping(ctx context.Context, conn C) error {
	f.pings.Add(1)
	if f.OnPing == nil {
		return nil
	}
	return f.OnPing(ctx, conn)
}

// Close counts the close and closes the connection.
func (f *Factory[C]) Close(ctx context.Context, conn C) error {
	f.closes.Add(1)
	if f.OnClose == nil {
		return nil
	}
	return f.OnClose(ctx, conn)
}

// Dials returns how many dials have begun, failed ones included.
func (f *Factory[C]) Dials() int { return int(f.dials.Load()) }

// Pings returns how many pings have begun.
func (f *Factory[C]) Pings() int { return int(f.pings.Load()) }

// Closes returns how many connections have been closed.
func (f *Factory[C]) Closes() int { return int(f.closes.Load()) }
