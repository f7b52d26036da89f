// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"slices"

	grpc_retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"

	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

var (
	_ pool.Factory[*Conn]   = (*Factory)(nil)
	_ pool.Checker[*Conn]   = (*Factory)(nil)
	_ pool.Pinger[*Conn]    = (*Factory)(nil)
	_ pool.TransportCounter = (*Factory)(nil)
)

// Factory makes connections to one database of one Milvus. It is safe for
// concurrent use.
type Factory struct {
	address string
	// connect calls the SDK's NewClient. It is a closure over the configuration, so
	// that a printed Factory shows no secret.
	connect func(ctx context.Context, mine []grpc.DialOption) (client.Client, error)
	tls     credentials.TransportCredentials // nil for plain text
	resolve bool                             // whether gRPC resolves the host
	rotates bool                             // whether each dial asks for the credentials
	traces  bool                             // whether requests carry the trace context
	query   bool                             // whether spans have the filter
	family  *family
	// database is the database of the configuration. The interceptor puts it into each
	// request, and not the SDK, because a request may have another one.
	database string

	transports milvusbase.Transports
}

// NewFactory checks cfg and returns a factory for it. One error names everything
// that is wrong. NewFactory does not connect.
func NewFactory(cfg Config) (*Factory, error) {
	cfg = cfg.oneAddress().withDefaults()
	faults := append(cfg.faults(), cfg.manyFault()...)
	if err := faults.Err("milvus"); err != nil {
		return nil, err
	}
	return newFactory(cfg), nil
}

// NewPool checks cfg and returns a pool of connections. One error names everything
// that is wrong. The pool does not connect before it is used or started.
func NewPool(cfg Config) (*pool.Pool[*Conn], error) {
	cfg = cfg.oneAddress().withDefaults()
	faults := append(cfg.faults(), cfg.manyFault()...)
	p, err := pool.New(newFactory(cfg), cfg.Pool)
	if err != nil {
		faults = append(faults, err)
	}
	if err := faults.Err("milvus"); err != nil {
		return nil, err
	}
	return p, nil
}

func newFactory(cfg Config) *Factory { return newFactoryFor(cfg, newFamily()) }

// newFactories returns a function that makes factories whose connections share the caches.
func newFactories() func(Config) *Factory {
	family := newFamily()
	return func(cfg Config) *Factory { return newFactoryFor(cfg, family) }
}

// newFactoryFor returns a factory whose connections share what family knows.
func newFactoryFor(cfg Config, family *family) *Factory {
	f := &Factory{
		address: cfg.hostPort(),
		resolve: cfg.hostPort() != cfg.Address,
		tls:     milvusbase.NewTLS(cfg.TLS, cfg.TLSFiles),
		rotates: cfg.Credentials != nil,
		traces:  !cfg.PropagationDisabled,
		query:   cfg.QueryText,
		family:  family,

		database: cfg.Database,
	}
	theirs := slices.Clone(cfg.DialOptions)
	f.connect = func(ctx context.Context, mine []grpc.DialOption) (client.Client, error) {
		present, err := cfg.credentials(ctx)
		if err != nil {
			return nil, err
		}
		return client.NewClient(ctx, client.Config{
			Address:  cfg.hostPort(),
			Username: present.Username,
			Password: milvusbase.Reveal(present.Password),
			APIKey:   milvusbase.Reveal(present.APIKey),
			// The SDK uses these options instead of its defaults, not in addition.
			DialOptions: slices.Concat(client.DefaultGrpcOpts, mine, theirs),
			// Zero means one call and no retry, where nil means 75 retries.
			RetryRateLimit: &client.RetryRateLimitOption{MaxRetry: 0},
		})
	}
	return f
}

// Dial makes a connection. The server checks the credentials and the database. Dial
// takes no longer than ctx lasts. Its errors are [*Error], with the address and the
// cause.
func (f *Factory) Dial(ctx context.Context) (*Conn, error) {
	h := &hook{family: f.family, rotates: f.rotates, traces: f.traces, queryText: f.query, database: f.database}
	dial := milvusbase.NewDial(ctx, f.address, f.tls, f.resolve, &f.transports)
	defer dial.End()

	sdk, err := f.connect(dial.Context(), append(dial.Options(),
		// The interceptor is the first in the chain: it sees each call once, with the
		// final reply.
		grpc.WithChainUnaryInterceptor(h.intercept),
		grpc.WithDefaultCallOptions(grpc_retry.Disable())))
	if err != nil {
		if h.cc != nil {
			h.cc.Close() // the SDK leaks it when the Connect RPC fails
		}
		return nil, f.dialError(ctx, dial.Context(), err)
	}
	c := &Conn{sdk: sdk, cc: h.cc, hook: h}
	h.conn = c
	f.family.join(c)
	return c, nil
}

// dialError returns the [*Error] for err. dialing has ended before ctx if another
// dial would fail for the same reason.
func (f *Factory) dialError(ctx, dialing context.Context, err error) error {
	if e, ok := errors.AsType[*Error](err); ok { // of the Connect RPC
		e.Address = f.address
		return e
	}
	return milvuserr.FromDial(f.address, err, ctx.Err(), context.Cause(dialing))
}

// TransportStats returns how often gRPC connected, failed to, and was disconnected, of
// all connections of the factory. It does not see the dials of a dialer among
// Config.DialOptions, or through the proxy of HTTPS_PROXY; and it sees no connection
// that has credentials among Config.DialOptions.
func (f *Factory) TransportStats() pool.TransportStats { return f.transports.Stats() }

// Close closes c. Calls that are under way on c fail.
func (f *Factory) Close(_ context.Context, c *Conn) error {
	f.family.leave(c)
	// The SDK's own Close must not run beside other calls.
	return c.close()
}

// Alive reports whether a call on c may succeed. It does no I/O itself. If gRPC has
// let the connection go idle, Alive makes gRPC connect again.
func (f *Factory) Alive(c *Conn) bool {
	switch c.cc.GetState() {
	case connectivity.Shutdown, connectivity.TransientFailure:
		return false
	case connectivity.Idle:
		c.cc.Connect()
	}
	return true
}
