// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
)

// several reports whether the client has several endpoints, or one that is looked up
// again.
func (c Config) several() bool {
	return len(c.Addresses) > 0 || strings.HasPrefix(c.Address, milvusbase.DNSScheme)
}

// addresses returns the addresses, one at least. c has its defaults.
func (c Config) addresses() []string {
	if len(c.Addresses) > 0 {
		return c.Addresses
	}
	return []string{c.Address}
}

// oneAddress makes an only address that needs no lookup the Address: one pool is enough
// for it.
func (c Config) oneAddress() Config {
	if len(c.Addresses) == 1 && c.Address == "" && !strings.HasPrefix(c.Addresses[0], milvusbase.DNSScheme) {
		c.Address, c.Addresses = c.Addresses[0], nil
	}
	return c
}

// place returns how telemetry calls the server or the servers: the addresses without
// their schemes.
func (c Config) place() string {
	all := slices.Clone(c.addresses())
	for i, a := range all {
		all[i] = strings.TrimPrefix(a, milvusbase.DNSScheme)
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// endpoints returns the configuration of several endpoints. Their factories share the
// caches of connections: a write through one endpoint is seen by a session read through
// another.
func (c Config) endpoints() endpoint.Config[*Conn] {
	factory := newFactories()
	return endpoint.Config[*Conn]{
		Addresses: c.addresses(),
		Detection: c.Endpoints,
		Factory: func(a endpoint.Address) (pool.Factory[*Conn], error) {
			return factory(c.at(a)), nil
		},
	}
}

// at returns c with one address. A certificate is for the host that was configured.
func (c Config) at(a endpoint.Address) Config {
	c.Address, c.Addresses = a.HostPort, nil
	if milvusbase.HasTLS(c.TLS, c.TLSFiles) && (c.TLS == nil || c.TLS.ServerName == "") {
		c.TLS = c.TLS.Clone() // of nil it is nil
		c.TLS = cmp.Or(c.TLS, &tls.Config{MinVersion: tls.VersionTLS12})
		c.TLS.ServerName = a.Host
	}
	return c
}

// severalFaults returns what is wrong with Addresses, Endpoints and Lanes.
func (c Config) severalFaults() (faults fault.List) {
	for _, a := range c.Addresses {
		if problem := addressProblem(a); problem != "" {
			faults.Add("Addresses: one %s", problem)
		}
	}
	if _, err := c.Endpoints.Effective(); err != nil {
		faults.Add("Endpoints: %w", err)
	}
	if err := lane.Check(c.Lanes); err != nil {
		faults.Add("Lanes: %w", err)
	}
	return faults
}

// server returns the host and the port of the server, zero if there are several.
func (c Config) server() (host string, port int) {
	if all := c.addresses(); len(all) == 1 {
		host, text, err := net.SplitHostPort(strings.TrimPrefix(all[0], milvusbase.DNSScheme))
		if err != nil {
			return "", 0
		}
		if port, err = strconv.Atoi(text); err == nil {
			return host, port
		}
	}
	return "", 0
}

// poolOf returns the one pool of c, or a balancer of its endpoints. Neither connects.
func poolOf(cfg Config) (source, error) {
	cfg = cfg.oneAddress().withDefaults()
	faults := cfg.faults()
	if !cfg.several() {
		return NewPool(cfg)
	}
	several := cfg.endpoints()
	several.Pool = cfg.Pool
	b, err := endpoint.New(several)
	if err != nil && len(faults) == 0 {
		faults = append(faults, err)
	}
	if err := faults.Err("milvus"); err != nil {
		return nil, err
	}
	return b, nil
}

// source is a pool, or several that look like one.
type source interface {
	core.Source[*Conn]
	Name() string
	Close(context.Context) error
}

// manyFault returns the fault of a configuration with several addresses where there can
// be but one.
func (c Config) manyFault() (faults fault.List) {
	if len(c.Addresses) > 0 {
		faults.Add("Addresses has several addresses, and this is one pool of one: use milvus.Open, Config.Backend or milvus.Shared")
	}
	return faults
}

// sortedAddresses returns the set of addresses, for the key of a shared pool.
func (c Config) sortedAddresses() string {
	all := slices.Clone(c.addresses())
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}
