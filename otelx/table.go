// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/internal/text"
)

// other replaces every value of an attribute beyond the limit.
const other = errtype.Other

// table is a map for many reads and few additions, with a limit on its size. A
// read takes no lock and does not allocate; an addition copies the map.
type table[K comparable, V any] struct {
	limit   int
	entries atomic.Pointer[map[K]V]
	mu      sync.Mutex // held while an entry is added
}

// get returns the value of key.
func (t *table[K, V]) get(key K) (v V, ok bool) {
	if m := t.entries.Load(); m != nil {
		v, ok = (*m)[key]
	}
	return v, ok
}

// full reports whether nothing can be added.
func (t *table[K, V]) full() bool {
	m := t.entries.Load()
	return m != nil && len(*m) >= t.limit
}

// all returns the entries. The caller must not change the map.
func (t *table[K, V]) all() map[K]V {
	if m := t.entries.Load(); m != nil {
		return *m
	}
	return nil
}

// add returns the value of key, and makes it with create if there is none. ok is
// false if the table is full and has no value of key.
func (t *table[K, V]) add(key K, create func() V) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok = t.get(key); ok {
		return v, true
	}
	grown := map[K]V{}
	if m := t.entries.Load(); m != nil {
		if len(*m) >= t.limit {
			return v, false
		}
		grown = maps.Clone(*m)
	}
	v = create()
	grown[key] = v
	t.entries.Store(&grown)
	return v, true
}

// values bounds the distinct values of one attribute: the first ones stay as they
// are, and every later one becomes _OTHER.
type values struct{ table[string, struct{}] }

func (v *values) bound(value string) string {
	if _, ok := v.get(value); ok {
		return value
	}
	if v.full() { // without the lock, which all operations beyond the limit would share
		return other
	}
	if _, ok := v.add(value, func() struct{} { return struct{}{} }); ok {
		return value
	}
	return other
}

// labels makes the attributes of an instrument off the hot path: a few keys,
// whose values come with each measurement. A value of "" is left out. The number
// of combinations is bounded; beyond the limit every value is _OTHER.
type labels struct {
	keys  [3]attribute.Key     // "" is none
	fixed []attribute.KeyValue // the same in each measurement
	sets  table[[3]string, metric.MeasurementOption]
	open  attribute.Key // whose values may be many; the first key if not set
	fold  *fold         // counts the measurements beyond the limit; nil does not
}

// pooled returns the attribute for the name of a pool, none if there is no name.
func pooled(name string) []attribute.KeyValue {
	if name == "" {
		return nil
	}
	return []attribute.KeyValue{attrPoolName.String(name)}
}

// maxLabels is how many combinations of values one instrument has at most.
const maxLabels = 500

func newLabels(fixed []attribute.KeyValue, keys ...attribute.Key) *labels {
	l := &labels{fixed: fixed}
	copy(l.keys[:], keys)
	if len(keys) > 0 {
		l.open = keys[0]
	}
	l.sets.limit = maxLabels
	return l
}

// of returns the attributes with the given values, in the order of the keys.
func (l *labels) of(vs ...string) metric.MeasurementOption {
	var key [3]string
	for i, v := range vs {
		key[i] = text.Clean(v)
	}
	if set, ok := l.sets.get(key); ok {
		return set
	}
	set, ok := l.sets.add(key, func() metric.MeasurementOption { return l.build(key) })
	if !ok {
		for i, v := range key {
			if v != "" {
				key[i] = other
			}
		}
		set = l.build(key)
		l.fold.add(context.Background())
	}
	return set
}

func (l *labels) build(values [3]string) metric.MeasurementOption {
	kvs := append([]attribute.KeyValue(nil), l.fixed...)
	for i, v := range values {
		if l.keys[i] != "" && v != "" {
			kvs = append(kvs, l.keys[i].String(v))
		}
	}
	return metric.WithAttributeSet(attribute.NewSet(kvs...))
}
