// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"errors"
	"slices"

	grpc_retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
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
	// connect calls the SDK's New. It is a closure over the configuration, so
	// that a printed Factory shows no secret.
	connect func(ctx context.Context, mine []grpc.DialOption) (*milvusclient.Client, error)
	tls     credentials.TransportCredentials // nil for plain text
	resolve bool                             // whether gRPC resolves the host
	rotates bool                             // whether each dial asks for the credentials
	traces  bool                             // whether requests carry the trace context
	query   bool                             // whether spans have the filter
	schemas *schemas
	// database is the database of the configuration, "" for the server's default.
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

func newFactory(cfg Config) *Factory { return newFactoryFor(cfg, newSchemas()) }

// newFactories returns a function that makes factories whose connections share the caches.
func newFactories() func(Config) *Factory {
	schemas := newSchemas()
	return func(cfg Config) *Factory { return newFactoryFor(cfg, schemas) }
}

// newFactoryFor returns a factory whose connections share what schemas knows.
func newFactoryFor(cfg Config, schemas *schemas) *Factory {
	f := &Factory{
		address:  cfg.hostPort(),
		resolve:  cfg.hostPort() != cfg.Address,
		tls:      milvusbase.NewTLS(cfg.TLS, cfg.TLSFiles),
		rotates:  cfg.Credentials != nil,
		traces:   !cfg.PropagationDisabled,
		query:    cfg.QueryText,
		schemas:  schemas,
		database: cfg.Database,
	}
	theirs := slices.Clone(cfg.DialOptions)
	f.connect = func(ctx context.Context, mine []grpc.DialOption) (*milvusclient.Client, error) {
		present, err := cfg.credentials(ctx)
		if err != nil {
			return nil, err
		}
		return milvusclient.New(ctx, &milvusclient.ClientConfig{
			// Without DBName: the interceptor sends the name of the database.
			Address:  cfg.hostPort(),
			Username: present.Username,
			Password: milvusbase.Reveal(present.Password),
			APIKey:   milvusbase.Reveal(present.APIKey),
			// The SDK uses these options instead of its defaults, not in addition.
			DialOptions: slices.Concat(milvusclient.DefaultGrpcOpts, mine, theirs),
			// Nothing of v2.6.2 reads it. Zero would be no retry, should a later version do.
			RetryRateLimit: &milvusclient.RetryRateLimitOption{},
		})
	}
	return f
}

// Dial makes a connection. The server checks the credentials and the database. Dial
// takes no longer than ctx lasts. Its errors are [*Error], with the address and the
// cause.
func (f *Factory) Dial(ctx context.Context) (*Conn, error) {
	h := &hook{schemas: f.schemas, rotates: f.rotates, traces: f.traces, queryText: f.query, database: f.database}
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
		return nil, f.dialError(ctx, dial, err)
	}
	h.dialed = true
	return &Conn{sdk: sdk, cc: h.cc, hook: h}, nil
}

// dialError returns the [*Error] for err. The dial has ended before ctx if another
// dial would fail for the same reason.
func (f *Factory) dialError(ctx context.Context, dial *milvusbase.Dial, err error) error {
	if e, ok := errors.AsType[*Error](err); ok { // of the Connect RPC
		e.Address = f.address
		return e
	}
	return milvuserr.FromDial(f.address, err, ctx.Err(), context.Cause(dial.Context()))
}

// TransportStats returns how often gRPC connected, failed to, and was disconnected, of
// all connections of the factory. It does not see the dials of a dialer among
// Config.DialOptions, or through the proxy of HTTPS_PROXY; and it sees no connection
// that has credentials among Config.DialOptions.
func (f *Factory) TransportStats() pool.TransportStats { return f.transports.Stats() }

// Close closes c. Calls that are under way on c fail.
func (f *Factory) Close(_ context.Context, c *Conn) error {
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
