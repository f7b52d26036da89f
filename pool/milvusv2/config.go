// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
)

// Config says which Milvus to connect to, with which credentials, and how. The
// zero value connects to localhost:19530. A printed or logged Config shows neither
// Password nor APIKey, wherever it is held. A type that embeds a Config is printed as
// the Config alone, because it inherits the methods; give the field a name instead.
type Config struct {
	// Address is host:port, or dns:///host:port. With the scheme the client has one
	// endpoint at each address that DNS has for the host, and asks DNS again every 30 s
	// and after a failed dial. Without the scheme the host is resolved for each dial.
	// Empty means localhost:19530. [NewPool] and [NewFactory] have one endpoint always:
	// for them gRPC resolves the host of dns:///.
	Address string
	// Addresses name several servers of one Milvus, in place of Address, each as
	// Address does. Each has a pool of its own, with the bounds of Pool. A server that
	// fails, hangs or is far slower than the others gets no calls for a while. [NewPool]
	// and [NewFactory] refuse more than one.
	Addresses []string
	// Endpoints says when a server of several gets no calls.
	Endpoints endpoint.Detection
	// Lanes give groups of operations connections of their own, such as
	// lane.ReadWrite(): bulk writes do not hold up searches then. Empty is one lane for
	// all. [Open] and [Config.Backend] heed them.
	Lanes []lane.Lane `json:"-"`
	// Database is the database that every connection uses. Empty means the server's
	// default database.
	Database string

	// Username and Password are for a server that authenticates users by password.
	Username string
	Password Secret
	// APIKey is for a server that authenticates by API key. It excludes Username and
	// Password.
	APIKey Secret
	// Credentials returns the present credentials, for credentials that change while
	// the process runs. It is called for each dial, with the context of the dial, by
	// several goroutines at once. It excludes Username, Password and APIKey.
	//
	// A connection keeps the credentials that it was dialed with. If the server does
	// not accept them any more, the connection is replaced, and the operation is
	// worth another attempt. pool.Pool.Reset replaces all connections at once.
	Credentials func(context.Context) (Credentials, error) `json:"-"`

	// TLS is the configuration of an encrypted connection. The package does not
	// change it. A certificate in it makes mutual TLS. Nil without TLSFiles means plain
	// text: then the credentials can be read on the network.
	TLS *tls.Config `json:"-"`
	// TLSFiles are read for each handshake, in addition to TLS: certificates and keys can
	// be replaced while the process runs. Any of them makes an encrypted connection, also
	// if TLS is nil.
	TLSFiles TLSFiles

	// DialOptions come after the SDK's defaults and the options of this package. An
	// example is a stats handler that traces every RPC. Add an interceptor by
	// grpc.WithChainUnaryInterceptor: it then sees what goes over the wire.
	DialOptions []grpc.DialOption `json:"-"`

	// PropagationDisabled leaves the trace context out of the requests. By default
	// each request of a sampled trace carries the W3C headers traceparent and
	// tracestate of the current attempt's span, so that a server that exports spans
	// shows its part of the operation in the same trace. Baggage is never sent.
	PropagationDisabled bool
	// QueryText puts the filter of Search, Query and Delete on spans, as db.query.text.
	// It is off by default, because a filter may hold what should not be there, such as
	// the names of people.
	QueryText bool

	// Pool configures the pool. Its Mode is always [pool.Shared], a zero MinSize
	// means 1, and an empty Name means host:port/database.
	Pool pool.Config
}

// withDefaults returns c with its defaults filled in.
func (c Config) withDefaults() Config {
	if len(c.Addresses) == 0 {
		c.Address = cmp.Or(c.Address, "localhost:"+strconv.Itoa(DefaultPort))
	}
	c.Pool.Mode = pool.Shared
	c.Pool.MinSize = cmp.Or(c.Pool.MinSize, 1)
	c.Pool.Name = cmp.Or(c.Pool.Name, c.servers().Place()+"/"+c.Namespace())
	return c
}

// faults returns what is wrong with c. It does not look at Pool.
func (c Config) faults() fault.List {
	faults := c.severalFaults()
	if !milvusbase.Sendable(c.Database) {
		faults.Add("Database %q has characters other than printable ASCII: correct the name", c.Database)
	}
	static := Credentials{Username: c.Username, Password: c.Password, APIKey: c.APIKey}
	faults = append(faults, milvusbase.FaultsOf(static)...)
	if c.Credentials != nil && static != (Credentials{}) {
		faults.Add("Credentials is set beside Username, Password or APIKey: leave one or the other out")
	}
	faults = append(faults, milvusbase.FaultsOfTLS(c.TLS, c.TLSFiles)...)
	if slices.Contains(c.DialOptions, nil) {
		faults.Add("DialOptions has a nil option: leave it out")
	}
	return faults
}

// String describes c without its secrets.
func (c Config) String() string {
	var b strings.Builder
	b.WriteString("milvusv2.Config{")
	for i, a := range c.describe() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %v", a.Key, a.Value)
	}
	b.WriteString("}")
	return b.String()
}

// GoString describes c without its secrets.
func (c Config) GoString() string { return c.String() }

// Format writes c without its secrets, for every verb.
func (c Config) Format(s fmt.State, _ rune) { io.WriteString(s, c.String()) }

// LogValue describes c without its secrets.
func (c Config) LogValue() slog.Value { return slog.GroupValue(c.describe()...) }

func (c Config) describe() []slog.Attr {
	return []slog.Attr{
		c.servers().Attr(),
		slog.String("Database", c.Database),
		slog.String("Username", c.Username),
		slog.String("Password", c.Password.String()),
		slog.String("APIKey", c.APIKey.String()),
		slog.Bool("Credentials", c.Credentials != nil),
		slog.Bool("TLS", milvusbase.HasTLS(c.TLS, c.TLSFiles)),
		slog.Int("DialOptions", len(c.DialOptions)),
		slog.Bool("PropagationDisabled", c.PropagationDisabled),
		slog.Bool("QueryText", c.QueryText),
		slog.String("Pool", c.Pool.Name),
	}
}
