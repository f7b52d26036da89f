// SPDX-License-Identifier: Apache-2.0

// Package keyed is a stage of many circuit breakers under one backend: one for
// each key, such as a collection, so that a bad collection refuses its own
// operations alone.
//
//	k, err := keyed.New(keyed.Config{Each: breaker.Config{Name: "milvus"}})
//	client, err := core.NewClient(core.ClientConfig[*conn]{Source: pool, Middleware: k.Middleware})
//
// It stands just inside of the backend's own breaker, if there is one.
package keyed

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/list"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// Name is the name of the stage.
const Name = "keyed_breaker"

// Keyed is a stage of many breakers, one for each key. It is safe for concurrent
// use.
//
// At most Max keys have a breaker. To make room for a further key, Keyed evicts the
// idle breaker that was unused for longest. An idle breaker is closed, runs no call,
// has no failure since the last success, and has no failure and no slow attempt in
// its window. Keyed looks only at the few breakers that were unused for longest. If
// none of these is idle, the key uses the overflow breaker, which all keys without
// a breaker share.
//
// A key costs about 500 bytes with the default policy and 900 with a slow-call
// rate, in addition to the text of the key.
type Keyed struct {
	key      func(*core.Call) string
	max      int
	name     string // name of the breakers for telemetry
	overflow entry  // its breaker is the model of the others

	mu         sync.Mutex        // guards all below
	entries    map[string]*entry // by key
	used       list.List[*entry] // the entries, from the one used last to the one unused for longest
	evicted    uint64            // number of breakers evicted
	overflowed uint64            // number of calls on the overflow breaker
	past       breaker.Counters  // of the breakers that were evicted
}

// entry is a key and its breaker.
type entry struct {
	breaker *breaker.Breaker
	key     string
	calls   atomic.Int64      // running now; incremented under the mutex of the Keyed
	place   list.Elem[*entry] // in Keyed.used
}

// New returns a Keyed without keys, or an error that names everything that is
// wrong with cfg.
func New(cfg Config) (*Keyed, error) {
	cfg, err := cfg.Effective()
	if err != nil {
		return nil, err
	}
	model, err := breaker.New(cfg.Each)
	if err != nil {
		return nil, err
	}
	k := &Keyed{key: cfg.Key, max: cfg.Max, name: cfg.Each.Name, entries: map[string]*entry{}}
	if k.key == nil {
		k.key = func(call *core.Call) string { return call.Op.Target }
	}
	k.overflow.breaker = model.Sibling(k.name + " (overflow)")
	return k, nil
}

// Middleware wraps next with these breakers. It is a core.Middleware.
func (k *Keyed) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		e := k.enter(k.key(call))
		defer e.calls.Add(-1)
		return e.breaker.Run(ctx, call, next)
	}
}

// enter returns the entry for a call with key. The caller decrements its calls
// when the call is over.
func (k *Keyed) enter(key string) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.find(key)
	if e == nil {
		k.overflowed++
		e = &k.overflow
	}
	e.calls.Add(1)
	return e
}

// find returns the entry of key, and makes it if there is room; nil if there is
// not. The caller holds mu.
func (k *Keyed) find(key string) *entry {
	if e := k.entries[key]; e != nil {
		if e != k.used.First() {
			k.used.Remove(&e.place)
			k.used.PushFront(&e.place, e)
		}
		return e
	}
	if len(k.entries) >= k.max && !k.evict() {
		return nil
	}
	name := k.name + "[" + key + "]"
	// The key is a part of the name, so that its text is kept once, without the
	// longer text that it may have been cut from.
	e := &entry{breaker: k.overflow.breaker.Sibling(name), key: name[len(k.name)+1 : len(name)-1]}
	k.entries[e.key] = e
	k.used.PushFront(&e.place, e)
	return e
}

// maxLooks bounds how many entries are looked at to evict one.
const maxLooks = 100

// evict evicts a breaker, and reports whether there was one to evict. The caller
// holds mu.
func (k *Keyed) evict() bool {
	for range min(maxLooks, len(k.entries)) {
		e := k.used.Last()
		k.used.Remove(&e.place)
		if e.calls.Load() == 0 {
			if counters, ok := e.breaker.Retire(); ok {
				delete(k.entries, e.key)
				add(&k.past, counters)
				k.evicted++
				return true
			}
		}
		k.used.PushFront(&e.place, e) // so that others are looked at next time
	}
	return false
}

// Breaker returns the breaker of key, to look at it; ok is false if the key has
// none of its own. The breaker may be evicted any time if nothing keeps it, see
// [Keyed].
func (k *Keyed) Breaker(key string) (b *breaker.Breaker, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[key]; e != nil {
		return e.breaker, true
	}
	return nil, false
}

// ForceOpen does for key what [breaker.Breaker.ForceOpen] does. A key without a
// breaker gets one, which is not evicted before it is reset. ForceOpen returns
// false, and does nothing, if there is no room for one.
func (k *Keyed) ForceOpen(key string) bool { return k.set(key, (*breaker.Breaker).ForceOpen) }

// ForceClose does for key what [breaker.Breaker.ForceClose] does, as ForceOpen.
func (k *Keyed) ForceClose(key string) bool { return k.set(key, (*breaker.Breaker).ForceClose) }

// Disable does for key what [breaker.Breaker.Disable] does, as ForceOpen.
func (k *Keyed) Disable(key string) bool { return k.set(key, (*breaker.Breaker).Disable) }

func (k *Keyed) set(key string, to func(*breaker.Breaker)) bool {
	k.mu.Lock()
	e := k.find(key)
	if e != nil {
		e.calls.Add(1) // so that it is not evicted
	}
	k.mu.Unlock()
	if e == nil {
		return false
	}
	defer e.calls.Add(-1)
	to(e.breaker)
	return true
}

// Reset does for every key, and for the overflow breaker, what
// [breaker.Breaker.Reset] does. After it, any breaker may be evicted.
func (k *Keyed) Reset() {
	k.mu.Lock()
	all := k.present()
	k.mu.Unlock()
	for _, e := range all {
		e.breaker.Reset()
	}
}

// present returns the present entries, the overflow breaker last. The caller
// holds mu.
func (k *Keyed) present() []*entry {
	all := make([]*entry, 0, len(k.entries)+1)
	for e := k.used.First(); e != nil; e = e.place.Next() {
		all = append(all, e)
	}
	return append(all, &k.overflow)
}
