// SPDX-License-Identifier: Apache-2.0

package fxmodule

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"go.uber.org/fx"

	"github.com/penstock-go/penstock/middleware/health"
)

// Ready is a parameter of a constructor or of a function for fx.Invoke. It has a check
// for each client of the application, and with it each client starts. An HTTP server
// mounts its Handler:
//
//	fx.Invoke(func(mux *http.ServeMux, ready fxmodule.Ready) { mux.Handle("/readyz", ready.Handler()) })
//
// The check of a client has the name of the client's pool. A client is ready from its
// first connection on (with StartLazy from its start on) until it stops or is closed, such
// as by an operator who drains it, except while its health gate is shut. An open circuit breaker is no reason to be unready: the
// breaker needs operations to close again. The application adds a check of its own to
// the value group "penstock.ready".
type Ready struct {
	fx.In
	Checks []health.Check `group:"penstock.ready"`
}

// Handler returns a health.Readiness of all checks, in the order of their names. It
// names each client in its body.
func (r Ready) Handler() http.Handler {
	checks := slices.Clone(r.Checks)
	slices.SortStableFunc(checks, func(a, b health.Check) int { return cmp.Compare(a.Name, b.Name) })
	return health.Readiness(checks...)
}

// notReady is the error of a check of a client without a connection.
type notReady struct{ text, kind string }

func (e *notReady) Error() string     { return e.text }
func (e *notReady) ErrorType() string { return e.kind }

// ready is the check of a client.
func (l *lifecycle[C]) ready(ctx context.Context) error {
	if !l.me.running.Load() {
		return &notReady{"fxmodule: " + l.who + " does not run", "pool_closed"}
	}
	if l.client.Closed() {
		return &notReady{"fxmodule: " + l.who + " was closed while the application runs, and stays closed: restart the program", "pool_closed"}
	}
	if !l.hasConnected() {
		return &notReady{"fxmodule: " + l.who + " has no connection yet", "connect_error"}
	}
	if monitor := l.client.Monitor(); monitor != nil {
		return monitor.Ready().Ask(ctx)
	}
	return nil
}

// hasConnected reports whether the client ever had a connection, or needs none.
func (l *lifecycle[C]) hasConnected() bool {
	if l.mode == StartLazy || l.connected.Load() {
		return true
	}
	for _, s := range l.client.PoolStats() {
		if s.Idle+s.InUse > 0 {
			l.connected.Store(true)
		}
	}
	return l.connected.Load()
}
