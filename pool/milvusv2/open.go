// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"cmp"
	"context"
	"errors"

	"github.com/penstock-go/penstock"
)

// Open returns a client whose pool has dialed its minimum, and whose health
// monitor pings the server. If the dial fails, the error says which address could
// not be reached and why; if cfg or client is wrong, it names all that is wrong
// with both. The client is to be closed.
func Open(ctx context.Context, cfg Config, client penstock.Config) (*penstock.Client[*Conn], error) {
	cfg.TLSFiles.Logger = cmp.Or(cfg.TLSFiles.Logger, client.Logger)
	b, err := cfg.Backend()
	if err != nil {
		_, clientErr := penstock.New(b, client) // so that one error names it all
		return nil, errors.Join(err, clientErr)
	}
	return penstock.Open(ctx, b, client)
}

// Backend returns what package penstock makes a client of. It connects to
// nothing. The error names all that is wrong with c, except for its Pool.
func (c Config) Backend() (penstock.Backend[*Conn], error) {
	c = c.oneAddress().withDefaults()
	b := penstock.Backend[*Conn]{
		Factory:     newFactory(c),
		Classifier:  Classify,
		Pool:        c.Pool,
		System:      System,
		Namespace:   c.Namespace(),
		DefaultPort: DefaultPort,
		Lanes:       c.Lanes,
	}
	b.Address, b.Port = c.servers().HostPort()
	if c.servers().Several() {
		b.Endpoints = c.endpoints()
	}
	return b, c.faults().Err("milvus")
}
