// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"reflect"
	"sync"
)

// registry knows the pools of this process that have metrics. Two pools of the same
// name would write to the same series, and the provider would keep the figures of
// only one pool.
var registry = registeredPools{pools: map[registeredPool]bool{}}

type registeredPools struct {
	mu    sync.Mutex
	pools map[registeredPool]bool // guarded by mu
}

// registeredPool is a pool of the observers of one provider.
type registeredPool struct {
	owner any // the provider, or the observer if that cannot be compared
	name  string
}

func (o *Observer) registered(name string) registeredPool {
	if meters := o.settings.meters; meters != nil && reflect.ValueOf(meters).Comparable() {
		return registeredPool{meters, name}
	}
	return registeredPool{o, name}
}

// add reports whether the pool was not there yet.
func (r *registeredPools) add(p registeredPool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pools[p] {
		return false
	}
	r.pools[p] = true
	return true
}

func (r *registeredPools) remove(p registeredPool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pools, p)
}
