// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"reflect"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/pool"
)

// registry knows the pools of this process that have metrics. Two pools of the same
// name would write to the same series, and the provider would keep the figures of
// only one pool.
var registry = registeredPools{pools: map[poolKey]*registeredPool{}}

type registeredPools struct {
	mu    sync.Mutex
	pools map[poolKey]*registeredPool // guarded by mu
}

// poolKey is the name of a pool of the observers of one provider.
type poolKey struct {
	owner any // the provider, or the observer if that cannot be compared
	name  string
}

func (o *Observer) poolKey(name string) poolKey {
	if meters := o.settings.meters; meters != nil && reflect.ValueOf(meters).Comparable() {
		return poolKey{meters, name}
	}
	return poolKey{o, name}
}

// registeredPool is a pool whose figures are read when metrics are collected.
type registeredPool struct {
	key          poolKey
	registration metric.Registration // set before close

	mu       sync.Mutex // guards the fields below
	stats    func() (pool.Stats, error)
	closed   bool
	reported bool // the last figures were read
}

// add adds p, unless another pool that is not closed has its key. A closed pool gives
// way, although its last figures may not have been read.
func (r *registeredPools) add(p *registeredPool) bool {
	r.mu.Lock()
	other := r.pools[p.key]
	if other != nil && !other.isClosed() {
		r.mu.Unlock()
		return false
	}
	r.pools[p.key] = p
	r.mu.Unlock()
	if other != nil {
		other.drop()
	}
	return true
}

func (r *registeredPools) remove(p *registeredPool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pools[p.key] == p {
		delete(r.pools, p.key)
	}
}

func (p *registeredPool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// read returns the figures for one collection. Of a closed pool it returns the last
// figures once; from then on there are none.
func (p *registeredPool) read() (now pool.Stats, ok bool, err error) {
	p.mu.Lock()
	stats, known := p.stats, !p.reported
	if p.closed && known {
		p.reported = true
		go p.drop() // the meter is locked while it collects
	}
	p.mu.Unlock()
	if !known {
		return now, false, nil
	}
	now, err = stats()
	return now, err == nil, err
}

// close keeps the last figures for the next collection. They say how often the pool
// did what, and that it has no room any more.
func (p *registeredPool) close() {
	last, err := p.stats() // nothing else changes p.stats
	last.Max, last.Min, last.Places = 0, 0, 0
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats, p.closed = func() (pool.Stats, error) { return last, err }, true
}

// lastCollection is how long the last figures of a closed pool wait for a collection.
// A provider that is not read any more must not be kept.
const lastCollection = 10 * time.Minute

// drop takes p off the meter.
func (p *registeredPool) drop() {
	registry.remove(p)
	_ = p.registration.Unregister() // the SDK's never fails
}
