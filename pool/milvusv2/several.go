// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"cmp"
	"context"
	"crypto/tls"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
)

// servers returns the addresses.
func (c Config) servers() milvusbase.Servers {
	return milvusbase.Servers{Address: c.Address, Addresses: c.Addresses}
}

// oneAddress makes an only address that needs no lookup the Address: one pool is enough
// for it.
func (c Config) oneAddress() Config {
	s := c.servers().OneAddress()
	c.Address, c.Addresses = s.Address, s.Addresses
	return c
}

// endpoints returns the configuration of several endpoints. Their factories share the
// caches of connections: a write through one endpoint is seen by a session read through
// another.
func (c Config) endpoints() endpoint.Config[*Conn] {
	factory := newFactories()
	return endpoint.Config[*Conn]{
		Addresses: c.servers().All(),
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

// severalFaults returns what is wrong with the addresses, Endpoints and Lanes.
func (c Config) severalFaults() fault.List {
	faults := c.servers().Faults()
	if _, err := c.Endpoints.Effective(); err != nil {
		faults.Add("Endpoints: %w", err)
	}
	if err := lane.Check(c.Lanes); err != nil {
		faults.Add("Lanes: %w", err)
	}
	return faults
}

// poolOf returns the one pool of c, or a balancer of its endpoints. Neither connects.
func poolOf(cfg Config) (source, error) {
	cfg = cfg.oneAddress().withDefaults()
	faults := cfg.faults()
	if !cfg.servers().Several() {
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
		faults.Add("Addresses has several addresses, and this is one pool of one: use milvusv2.Open, Config.Backend or milvusv2.Shared")
	}
	return faults
}
