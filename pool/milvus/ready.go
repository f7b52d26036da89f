// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// ErrNotReady is matched by what [ReadyCheck] answers when the server says that
// it, or a part of it, is not healthy. The error gives the server's reasons.
var ErrNotReady = milvusbase.ErrNotReady

// Prober runs a question to the server on a connection of its own choice. A
// *core.Client[*Conn] is one, and so is a pointer to a type that embeds it.
type Prober interface {
	// Probe is [core.Client.Probe].
	Probe(ctx context.Context, ask func(context.Context, *Conn) error) error
}

// ReadyCheck returns a function that asks the server, on a connection of client
// and past its chain, whether all its parts are healthy; nil means ready. The
// error matches [ErrNotReady] if they are not. The function is safe for
// concurrent use and heeds its context.
//
// The server asks each of its parts for every answer. A readiness endpoint
// therefore keeps the answer for a while:
//
//	ready := health.Check{Name: "milvus", Ask: health.Cached(10*time.Second, milvus.ReadyCheck(client))}
//	http.Handle("/readyz", health.Readiness(ready))
//
// A server that only refuses to answer the question counts as ready. A client
// whose connections are all in use counts as ready too, because otherwise load
// alone would take the service out of rotation.
//
// The function is not for health.Config.Probe. A server that is not healthy may still
// serve searches, so [ErrNotReady] is neutral, and a monitor counts a neutral probe
// neither as a failure nor as a success: the gate would never shut. The probe of a client
// without one is the factory's Ping.
func ReadyCheck(client Prober) func(context.Context) error {
	return func(ctx context.Context) error {
		return milvusbase.Readiness(client.Probe(ctx, checkHealth))
	}
}

// checkHealth asks the server for the health of all its parts.
func checkHealth(ctx context.Context, c *Conn) error {
	state, err := c.CheckHealth(ctx)
	if err != nil {
		return err
	}
	return milvusbase.Health(state.IsHealthy, state.Reasons, nil)
}
