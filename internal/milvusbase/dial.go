// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// reconnect says how gRPC connects again after it lost a connection. The waits are
// shorter than the SDKs' 3 s, because a half-open breaker's probe fails while the
// connection is down.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
	MinConnectTimeout: 3 * time.Second,
}

// Dial is one dial of a server.
type Dial struct {
	ctx     context.Context
	giveUp  context.CancelCauseFunc
	options []grpc.DialOption
}

// NewDial begins a dial of address, which is host:port. tls is nil for plain text. If
// resolve is set, gRPC resolves the host. End is to be called in the end.
func NewDial(ctx context.Context, address string, tls credentials.TransportCredentials, resolve bool, t *Transports) *Dial {
	d := &Dial{}
	d.ctx, d.giveUp = context.WithCancelCause(ctx)
	d.options = []grpc.DialOption{
		grpc.WithConnectParams(reconnect),
		// With the SDKs' defaults alone, a dial that fails blocks until ctx ends and
		// loses its cause.
		//lint:ignore SA1019 the SDKs dial with grpc.DialContext, to which it applies
		grpc.FailOnNonTempDialError(true),
		//lint:ignore SA1019 the SDKs dial with grpc.DialContext, to which it applies
		grpc.WithReturnConnectionError(),
	}
	if dialer := t.dialer(address); dialer != nil {
		d.options = append(d.options, grpc.WithContextDialer(dialer))
	}
	if resolve {
		d.options = append(d.options, grpc.WithResolvers(&resolving{d.giveUp}))
	}
	creds := cmp.Or(tls, insecure.NewCredentials())
	d.options = append(d.options, grpc.WithTransportCredentials(&handshaker{creds, &handshakes{dialing: d.ctx, giveUp: d.giveUp, tls: tls != nil, transports: t}}))
	return d
}

// Context returns the context of the dial. It ends before that of the caller, with a
// cause that milvuserr.Final made, if another dial would fail for the same reason.
func (d *Dial) Context() context.Context { return d.ctx }

// Options returns the options of the dial. The caller may append to them.
func (d *Dial) Options() []grpc.DialOption { return d.options }

// End releases what the dial holds. The connection stays.
func (d *Dial) End() { d.giveUp(nil) }
