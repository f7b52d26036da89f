// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/pool"
)

const (
	defaultAddress  = "localhost:19530"
	defaultDatabase = "default" // what Milvus calls it
)

// Config says which Milvus to connect to, as whom, and how. The zero value
// connects to localhost:19530. Printing or logging a Config in any way shows
// neither Password nor APIKey.
type Config struct {
	// Address is host:port, without a scheme. Empty means localhost:19530.
	Address string
	// Database is the one that every connection uses. Empty means the server's
	// default database.
	Database string

	// Username and Password are for servers that authenticate so.
	Username string
	Password string `json:"-"`
	// APIKey is for servers that take one. It excludes Username and Password.
	APIKey string `json:"-"`

	// TLS is the configuration of an encrypted connection, which the package
	// does not change. A certificate in it makes that mutual TLS. Nil means
	// plain text: whoever can listen to the network then reads the credentials.
	TLS *tls.Config `json:"-"`

	// DialOptions come after the SDK's defaults and those of this package, such
	// as a stats handler for traces of every RPC. Give interceptors by
	// grpc.WithChainUnaryInterceptor, so that they see what goes over the wire.
	DialOptions []grpc.DialOption `json:"-"`

	// Pool configures the pool. Its Mode is always [pool.Shared], MinSize 0
	// means 1, and an empty Name means host:port/database.
	Pool pool.Config
}

// withDefaults returns c with its defaults filled in.
func (c Config) withDefaults() Config {
	c.Address = cmp.Or(c.Address, defaultAddress)
	c.Pool.Mode = pool.Shared
	c.Pool.MinSize = cmp.Or(c.Pool.MinSize, 1)
	c.Pool.Name = cmp.Or(c.Pool.Name, c.Address+"/"+cmp.Or(c.Database, defaultDatabase))
	return c
}

// faults returns what is wrong with c, except for Pool.
func (c Config) faults() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if problem := addressProblem(c.Address); problem != "" {
		fault("Address %s", problem)
	}
	if !sendable(c.Database) {
		fault("Database %q has characters other than printable ASCII", c.Database)
	}
	if c.Password != "" && c.Username == "" {
		fault("Password is set without Username")
	}
	if strings.Contains(c.Username, ":") {
		fault("Username has a colon, which Milvus takes for the end of it")
	}
	if c.APIKey != "" && c.Username != "" {
		fault("both APIKey and Username are set")
	}
	if slices.Contains(c.DialOptions, nil) {
		fault("DialOptions has a nil option")
	}
	return faults
}

// addressProblem never repeats an address that may have credentials in it.
func addressProblem(address string) string {
	if strings.Contains(address, "@") {
		return "has user information in it: use Username and Password"
	}
	if strings.Contains(address, "://") {
		return fmt.Sprintf("%q has a scheme: give host:port, and TLS for encryption", address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(host, "/?#% ") {
		return fmt.Sprintf("%q is not host:port", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("%q has no port from 1 to 65535", address)
	}
	return ""
}

// sendable reports whether s can be the value of a gRPC header.
func sendable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func badConfig(faults []error) error {
	return fmt.Errorf("milvus: bad configuration: %w", errors.Join(faults...))
}

// String describes c without its secrets.
func (c Config) String() string {
	var b strings.Builder
	b.WriteString("milvus.Config{")
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

// Format writes c without its secrets, whatever the verb.
func (c Config) Format(s fmt.State, _ rune) { io.WriteString(s, c.String()) }

// LogValue describes c without its secrets.
func (c Config) LogValue() slog.Value { return slog.GroupValue(c.describe()...) }

func (c Config) describe() []slog.Attr {
	address := c.Address
	if strings.Contains(address, "@") {
		address = redacted // bad, and it may hold a password
	}
	return []slog.Attr{
		slog.String("Address", address),
		slog.String("Database", c.Database),
		slog.String("Username", c.Username),
		slog.String("Password", redact(c.Password)),
		slog.String("APIKey", redact(c.APIKey)),
		slog.Bool("TLS", c.TLS != nil),
		slog.Int("DialOptions", len(c.DialOptions)),
		slog.String("Pool", c.Pool.Name),
	}
}

const redacted = "[redacted]"

// redact tells only whether there is a secret, not even its length.
func redact(secret string) string {
	if secret == "" {
		return ""
	}
	return redacted
}
