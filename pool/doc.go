// SPDX-License-Identifier: Apache-2.0

// Package pool lends connections of any type.
//
// A [Pool] lends each connection to one caller at a time ([Exclusive]), or to
// many callers at once if the connection is multiplexed ([Shared]). In the
// shortest use, a [Factory] makes and closes the connections, and a function
// runs on one of them:
//
//	p, err := pool.New(factory, pool.Config{Name: "docs", MaxSize: 8})
//	...
//	err = p.Do(ctx, func(ctx context.Context, conn *Conn) error {
//		return conn.Ping(ctx)
//	})
//
// A Pool is a core.Source: a core.Client puts its chain on top of it.
//
// To acquire a free connection takes no lock, allocates nothing, and does not
// read the clock. The pool dials on goroutines of its own, when callers ask for
// connections. A caller that has to wait gets the first connection that comes,
// returned or dialed, and waiters are served in the order of their arrival.
// Newcomers may overtake waiters for a millisecond only, see [Pool.Acquire].
// While the pool has no connection at all and its last dial failed, callers get
// the dial's error at once, until the backoff between dials is over.
//
// Connections can have a lifetime and an idle timeout, be checked before a lease
// and in the background, and be removed all at once ([Pool.Reset]). Work in the
// background runs on timers: no goroutine of the pool waits for work, and none
// is there after [Pool.Close].
//
// The pool does not know what the errors of a backend mean: the caller that
// returns a connection says in which state it is (core.ConnFate). The pool does
// not repeat calls, and it has no telemetry of its own: it tells a
// core.Observer.
package pool
