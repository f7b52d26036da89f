// SPDX-License-Identifier: Apache-2.0

package penstock

import (
	"cmp"
	"context"
	"errors"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
	"github.com/penstock-go/penstock/pool/lane"
)

// lender is a pool, or several that look like one.
type lender[C any] interface {
	core.Source[C]
	Name() string
	Start(context.Context) error
	Close(context.Context) error
	Stats() pool.Stats
	Redial()
	Conns() []pool.ConnState
	Holders() pool.Holders
	Effective() pool.Config
	Accepts(pool.Config) error
	Reconfigure(pool.Config) error
}

// lending is where a client gets its connections from: one lender, or one for each lane.
type lending[C any] struct {
	name    string // of the pool; with lanes, the begin of the names of their pools
	lanes   []lender[C]
	split   []lane.Lane // as given; empty is one lane for all
	sources core.Source[C]
}

// lend makes the lenders of b. Without lanes and several addresses that is one pool.
func (c *Client[C]) lend(b Backend[C]) error {
	c.sources = (*pool.Pool[C])(nil) // so that a client that cannot be made has one fault for it
	c.split = b.Lanes
	configs := c.poolConfigs(b.Pool, c.useTimes)
	if len(b.Lanes) == 0 {
		l, err := c.lender(b, configs[0])
		if err != nil {
			return err
		}
		c.lanes, c.sources = []lender[C]{l}, l
		return nil
	}
	errs := []error{lane.Check(b.Lanes)}
	var sources []core.Source[C]
	for _, cfg := range configs {
		l, err := c.lender(b, cfg)
		errs = append(errs, err)
		c.lanes, sources = append(c.lanes, l), append(sources, l)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.sources = lane.NewRouter(b.Lanes, sources)
	return nil
}

// poolConfigs returns the configuration of each pool, given the one of all: of one pool,
// or of one for each lane.
func (c *Client[C]) poolConfigs(all pool.Config, useTimes bool) []pool.Config {
	all.Name = c.name
	if log, _ := c.told.(*logged); log != nil && all.LeakAfter > 0 {
		all.OnLeak = leaks(log, all.OnLeak)
	}
	configs := []pool.Config{all}
	if len(c.split) > 0 {
		configs = nil
	}
	for _, lane := range c.split {
		cfg := all
		cfg.Name += "/" + lane.Name
		cfg.MaxSize = cmp.Or(lane.MaxSize, cfg.MaxSize)
		configs = append(configs, cfg)
	}
	if useTimes {
		for i, cfg := range configs {
			configs[i].OnUse = c.useTime(cfg)
		}
	}
	return configs
}

// lender makes the pool of one lane, or one pool for each endpoint.
func (c *Client[C]) lender(b Backend[C], cfg pool.Config) (lender[C], error) {
	if len(b.Endpoints.Addresses) > 0 {
		several := b.Endpoints
		several.Pool = cfg
		several.OnChange = c.changes(cfg.Name, several.OnChange)
		return wrapped(endpoint.New(several))
	}
	if b.Factory == nil {
		_, err := cfg.Effective()
		return nil, errors.Join(errors.New("Backend.Factory is nil: set it to a pool.Factory, which dials and closes connections"), err)
	}
	return wrapped(pool.New(b.Factory, cfg))
}

// wrapped returns l, or an interface that is nil.
func wrapped[C any, L lender[C]](l L, err error) (lender[C], error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

// changes returns an OnChange that tells telemetry and the log, and calls next.
func (c *Client[C]) changes(pool string, next func(context.Context, endpoint.Change)) func(context.Context, endpoint.Change) {
	return func(ctx context.Context, change endpoint.Change) {
		if c.otel != nil {
			c.otel.EndpointChanged(ctx, change.Address, string(change.To), string(change.Reason), change.Err)
		}
		if log, ok := c.told.(*logged); ok {
			log.endpoint(ctx, pool, change)
		}
		if next != nil {
			next(ctx, change)
		}
	}
}

// each runs what with all lenders at once, and joins the errors.
func (l *lending[C]) each(what func(lender[C]) error) error {
	if len(l.lanes) == 1 {
		return what(l.lanes[0])
	}
	results := make(chan error, len(l.lanes))
	for _, lane := range l.lanes {
		go func() { results <- what(lane) }()
	}
	var errs []error
	for range l.lanes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// redial makes every pool that pauses after a failed dial dial once.
func (l *lending[C]) redial() {
	for _, lane := range l.lanes {
		lane.Redial()
	}
}

// Name returns the name of the client's pool. With [Backend.Lanes] the names of the pools
// begin with it.
func (c *Client[C]) Name() string { return c.name }

// Pool returns the connection pool. It is nil if the client has lanes or several
// addresses, and so several pools: see [Client.PoolStats] and [Client.Endpoints].
func (c *Client[C]) Pool() *pool.Pool[C] {
	if len(c.lanes) == 1 {
		p, _ := c.lanes[0].(*pool.Pool[C])
		return p
	}
	return nil
}

// PoolStats describes the pools, by name: one, or one for each lane. The pools of the
// endpoints of one lane are added up.
func (c *Client[C]) PoolStats() map[string]pool.Stats {
	all := make(map[string]pool.Stats, len(c.lanes))
	for _, l := range c.lanes {
		all[l.Name()] = l.Stats()
	}
	return all
}

// Endpoints describes the endpoints of each pool, by the name of the pool. It is empty if
// the client has one address.
func (c *Client[C]) Endpoints() map[string][]endpoint.Status {
	all := map[string][]endpoint.Status{}
	for _, l := range c.lanes {
		if b, ok := l.(*endpoint.Balancer[C]); ok {
			all[l.Name()], _ = b.Endpoints()
		}
	}
	return all
}
