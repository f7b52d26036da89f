// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"reflect"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/pool"
)

// registry knows the pools and clients of this process that have metrics. Two of the
// same name would write to the same series, and the provider would keep the figures of
// only one.
var registry = registrations{entries: map[registryKey]entry{}}

type registrations struct {
	mu      sync.Mutex
	entries map[registryKey]entry // guarded by mu
}

// registryKey is the name of a pool, or of a client, of the observers of one provider.
type registryKey struct {
	owner any // the provider, or the observer if that cannot be compared
	name  string
	what  string // "pool" or "client"
}

func (o *Observer) registryKey(what, name string) registryKey {
	if meters := o.settings.meters; meters != nil && reflect.ValueOf(meters).Comparable() {
		return registryKey{meters, name, what}
	}
	return registryKey{o, name, what}
}

// entry is a registered, of whatever figures.
type entry interface {
	isClosed() bool
	close()
	drop()
}

// registered has figures that are read when metrics are collected.
type registered[T any] struct {
	key          registryKey
	last         func(T) T           // what is left of the figures after close
	registration metric.Registration // set before close

	mu       sync.Mutex // guards the fields below
	stats    func() (T, error)
	closed   bool
	reported bool // the last figures were read
}

type registeredPool = registered[pool.Stats]

// add adds e, unless another entry that is not closed has its key. A closed entry gives
// way, although its last figures may not have been read.
func (r *registrations) add(key registryKey, e entry) bool {
	r.mu.Lock()
	other := r.entries[key]
	if other != nil && !other.isClosed() {
		r.mu.Unlock()
		return false
	}
	r.entries[key] = e
	r.mu.Unlock()
	if other != nil {
		other.drop()
	}
	return true
}

func (r *registrations) remove(key registryKey, e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries[key] == e {
		delete(r.entries, key)
	}
}

func (p *registered[T]) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// read returns the figures for one collection. After close it returns the last figures
// once, with last set; from then on there are none.
func (p *registered[T]) read() (now T, last, ok bool, err error) {
	p.mu.Lock()
	stats, known, closed := p.stats, !p.reported, p.closed
	if closed && known {
		p.reported = true
		go p.drop() // the meter is locked while it collects
	}
	p.mu.Unlock()
	if !known {
		return now, closed, false, nil
	}
	now, err = stats()
	return now, closed, err == nil, err
}

// close keeps the last figures for the next collection.
func (p *registered[T]) close() {
	now, err := p.stats() // nothing else changes p.stats
	if err == nil {
		now = p.last(now)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats, p.closed = func() (T, error) { return now, err }, true
}

// lastCollection is how long the last figures wait for a collection. A provider that is
// not read any more must not be kept.
const lastCollection = 10 * time.Minute

// drop takes p off the meter.
func (p *registered[T]) drop() {
	registry.remove(p.key, p)
	_ = p.registration.Unregister() // the SDK's never fails
}

// contained returns read with an error in place of a panic: the caller is a goroutine
// of the SDK, which has no recover of its own.
func contained[T any](what string, read func() T) func() (T, error) {
	return func() (now T, err error) {
		contain.Apart(what, func(p *contain.Panic) { err = p }, func() { now = read() })
		return now, err
	}
}
