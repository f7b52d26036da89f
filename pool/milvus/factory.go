// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"slices"
	"time"

	grpc_retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"

	"github.com/penstock-go/penstock/pool"
)

var (
	_ pool.Factory[*Conn] = (*Factory)(nil)
	_ pool.Checker[*Conn] = (*Factory)(nil)
	_ pool.Pinger[*Conn]  = (*Factory)(nil)
)

// Factory makes connections to one database of one Milvus. It is safe for
// concurrent use.
type Factory struct {
	address string
	// connect is the SDK's NewClient. It closes over the configuration, so that
	// printing a Factory shows no secret.
	connect func(ctx context.Context, mine []grpc.DialOption) (client.Client, error)
	tls     credentials.TransportCredentials // nil for plain text
	family  *family
}

// reconnect is how a connection that was lost comes back. The waits are shorter
// than the SDK's 3 s, because the breaker's probes must find it back.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
	MinConnectTimeout: 3 * time.Second,
}

// NewFactory checks cfg and returns a factory for it. All that is wrong is
// named in one error. It connects to nothing.
func NewFactory(cfg Config) (*Factory, error) {
	cfg = cfg.withDefaults()
	if faults := cfg.faults(); len(faults) > 0 {
		return nil, badConfig(faults)
	}
	return newFactory(cfg), nil
}

// NewPool checks cfg and returns a pool of connections. All that is wrong is
// named in one error. It connects to nothing before the pool is used or
// started.
func NewPool(cfg Config) (*pool.Pool[*Conn], error) {
	cfg = cfg.withDefaults()
	faults := cfg.faults()
	p, err := pool.New(newFactory(cfg), cfg.Pool)
	if err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return nil, badConfig(faults)
	}
	return p, nil
}

func newFactory(cfg Config) *Factory {
	f := &Factory{address: cfg.Address, family: newFamily()}
	if cfg.TLS != nil {
		f.tls = credentials.NewTLS(cfg.TLS) // clones it
	}
	theirs := slices.Clone(cfg.DialOptions)
	f.connect = func(ctx context.Context, mine []grpc.DialOption) (client.Client, error) {
		return client.NewClient(ctx, client.Config{
			Address:  cfg.Address,
			DBName:   cfg.Database,
			Username: cfg.Username,
			Password: cfg.Password,
			APIKey:   cfg.APIKey,
			// The SDK takes these instead of its defaults, not on top of them.
			DialOptions: slices.Concat(client.DefaultGrpcOpts, mine, theirs),
			// Zero attempts is how to say: call once, and leave retrying to others.
			// A value of its own for each client, because the SDK shares it.
			RetryRateLimit: &client.RetryRateLimitOption{MaxRetry: 0},
		})
	}
	return f
}

// Dial makes a connection, and lets the server check the credentials and the
// database. It takes no longer than ctx lasts. Its errors are [*Error], with
// the address and the cause.
func (f *Factory) Dial(ctx context.Context) (*Conn, error) {
	h := &hook{family: f.family}
	dialing, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)

	mine := []grpc.DialOption{
		// The first in the chain, so that it sees one call with its final reply.
		grpc.WithChainUnaryInterceptor(h.intercept),
		grpc.WithDefaultCallOptions(grpc_retry.Disable()),
		grpc.WithConnectParams(reconnect),
		// The SDK's defaults make dialing block until ctx ends, without a cause.
		//lint:ignore SA1019 the SDK dials with grpc.DialContext, to which it applies
		grpc.FailOnNonTempDialError(true),
		//lint:ignore SA1019 the SDK dials with grpc.DialContext, to which it applies
		grpc.WithReturnConnectionError(),
	}
	if f.tls != nil {
		mine = append(mine, grpc.WithTransportCredentials(&handshaker{f.tls, giveUp}))
	}
	sdk, err := f.connect(dialing, mine)
	if err != nil {
		if h.cc != nil {
			h.cc.Close() // the SDK forgets it when the Connect RPC fails
		}
		return nil, f.dialError(ctx, dialing, err)
	}
	c := &Conn{sdk: sdk, cc: h.cc}
	f.family.join(c)
	return c, nil
}

// dialError explains err. dialing ended before ctx if dialing again is no use.
func (f *Factory) dialError(ctx, dialing context.Context, err error) error {
	if e, ok := errors.AsType[*Error](err); ok { // of the Connect RPC
		e.Address = f.address
		return e
	}
	return newDialError(f.address, err, ctx.Err(), context.Cause(dialing))
}

// Close closes c. Calls that are under way on it fail.
func (f *Factory) Close(_ context.Context, c *Conn) error {
	f.family.leave(c)
	// Not the SDK's Close, which must not run beside other calls.
	return c.close()
}

// Ping asks the server whether c works, see [Ping].
func (f *Factory) Ping(ctx context.Context, c *Conn) error { return Ping(ctx, c) }

// Alive reports whether calls on c have a chance. It does no I/O, but lets a
// connection that gRPC has put to sleep come back.
func (f *Factory) Alive(c *Conn) bool {
	switch c.cc.GetState() {
	case connectivity.Shutdown, connectivity.TransientFailure:
		return false
	case connectivity.Idle:
		c.cc.Connect()
	}
	return true
}
