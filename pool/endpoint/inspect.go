// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"cmp"
	"slices"

	"github.com/penstock-go/penstock/pool"
)

// mostHolders is how many holders a pool describes.
const mostHolders = 3

// Conns describes the connections of all endpoints now, see [pool.Pool.Conns]. Each has
// the address of its endpoint. The connections of an endpoint that drains are among them.
func (b *Balancer[C]) Conns() (all []pool.ConnState) {
	for _, e := range b.everyEndpoint() {
		for _, c := range e.pool.Conns() {
			c.Endpoint = e.address.HostPort
			all = append(all, c)
		}
	}
	return all
}

// Holders returns the oldest callers that have a connection of any endpoint, see
// [pool.Pool.Holders].
func (b *Balancer[C]) Holders() pool.Holders {
	var all pool.Holders
	for _, e := range b.everyEndpoint() {
		all = append(all, e.pool.Holders()...)
	}
	slices.SortStableFunc(all, func(a, b pool.Holder) int { return cmp.Compare(b.Held, a.Held) })
	return all[:min(len(all), mostHolders)]
}

// everyEndpoint returns the present endpoints, then those that drain.
func (b *Balancer[C]) everyEndpoint() []*endpoint[C] {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.endpoints())
	for e := range b.draining {
		all = append(all, e)
	}
	return all
}

// Effective returns the configuration in force of the pool of each endpoint.
func (b *Balancer[C]) Effective() pool.Config {
	cfg, _ := b.pool.Load().Effective() // New has checked it
	return cfg
}
