// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/health"
)

// ClientConfig says what a client for Milvus is made of. The zero value is a
// client for a local server with the default chain.
type ClientConfig struct {
	// Config says how to connect.
	Config
	// Chain configures the stages. A health probe is added unless it has one;
	// Chain.Breaker.Disabled and its like leave stages out.
	Chain middleware.Config
	// Timeout limits each operation with all its attempts. Zero is no limit.
	Timeout time.Duration
	// Observer is told what happens. Nil is nobody.
	Observer core.Observer
}

// Open returns a client whose pool has dialed its minimum. If that fails, the
// error says which address could not be reached and why. The client is to be
// closed; core.Part finds the pool, the breaker and the health monitor in it.
func Open(ctx context.Context, cfg ClientConfig) (*core.Client[*Conn], error) {
	if cfg.Pool.Observer == nil {
		cfg.Pool.Observer = cfg.Observer
	}
	p, poolErr := NewPool(cfg.Config)
	cfg.Chain.Name = cmp.Or(cfg.Chain.Name, cfg.PoolConfig().Name)
	if cfg.Chain.Health.Probe == nil {
		cfg.Chain.Health.Probe = Probe(p)
	}
	if cfg.Chain.Health.Observer == nil {
		cfg.Chain.Health.Observer = cfg.Observer
	}
	client, clientErr := middleware.NewClient(core.ClientConfig[*Conn]{
		Source:     core.Source[*Conn](p),
		Observer:   cfg.Observer,
		Classifier: Classify,
		Timeout:    cfg.Timeout,
	}, cfg.Chain)
	if err := errors.Join(poolErr, clientErr); err != nil { // all that is wrong, in one error
		return nil, err
	}
	if err := p.Start(ctx); err != nil {
		_ = client.Close(ctx)
		return nil, err
	}
	if monitor, ok := core.Part[*health.Monitor](client); ok {
		monitor.Start()
	}
	return client, nil
}
