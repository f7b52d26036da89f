// SPDX-License-Identifier: Apache-2.0

// Package pool lends connections of any type.
//
// A [Pool] lends each connection to one caller at a time ([Exclusive]), or to
// many callers at once if the connection is multiplexed ([Shared]). The
// shortest use gives it something that makes and closes connections, and runs
// a function on one of them:
//
//	p, err := pool.New(factory, pool.Config{Name: "docs", MaxSize: 8})
//	...
//	err = p.Do(ctx, func(ctx context.Context, conn *Conn) error {
//		return conn.Ping(ctx)
//	})
//
// A Pool is a core.Source, so a core.Client puts its chain of middleware on
// top of it.
//
// A loan without a wait takes no lock, allocates nothing, and does not look at
// the clock. Connections are dialed on goroutines of the pool's own, when
// callers ask for them. Callers that have to wait are served in the order in
// which they came, with whatever comes first: a connection that was given back,
// or a new one. Others may overtake them for a moment only, see [Overtaking].
// While the pool has no connection at all and its last dial failed, callers are
// told so at once instead of waiting, until the backoff between dials is over.
//
// Connections can be given a lifetime and an idle time, be checked before they
// are lent and in the background, and be replaced all at once ([Pool.Reset]).
// What a pool does in the background it does on timers: no goroutine waits for
// something to do, and none is left after [Pool.Close].
//
// The pool does not know what the errors of a backend mean: whoever gives a
// connection back says in which state it is (core.ConnFate). It does not
// repeat calls, and it has no telemetry of its own: it tells a core.Observer.
package pool
