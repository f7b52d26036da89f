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
	"github.com/penstock-go/penstock/internal/contain"
	"github.com/penstock-go/penstock/internal/list"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// Name is the name of the stage.
const Name = "keyed_breaker"

// Keyed is a stage of many breakers, one for each key. It is safe for concurrent
// use.
//
// At most Max keys have a breaker. To make room for a further key, Keyed evicts an
// idle breaker, among those unused for longest. An idle breaker is closed, runs no
// call, has no failure since the last success, and has no failure and no slow
// attempt in its window. Failures and slow attempts are forgotten after
// RecoveryTimeout, or FailureWindowTime if that is longer: then the breaker is idle,
// too, and so is a breaker that has been half-open for that long. If Keyed finds no
// idle breaker, the key uses the overflow breaker, which all keys without a breaker
// share.
//
// A key costs about 500 bytes with the default policy and 900 with a slow-call
// rate, in addition to the text of the key.
type Keyed struct {
	key      atomic.Pointer[func(*core.Call) string] // nil function is the Target
	name     string                                  // name of the breakers for telemetry
	overflow entry                                   // its breaker is the model of the others

	mu         sync.Mutex        // guards all below
	max        int               // of the keys with a breaker
	entries    map[string]*entry // by key
	used       list.List[*entry] // entries, from the one used last to the one unused for longest
	parked     list.List[*entry] // entries not used since they were found not idle; the last is the next to look at
	evicted    uint64            // number of breakers evicted
	overflowed uint64            // number of calls on the overflow breaker
	past       breaker.Counters  // of the breakers that were evicted
}

// entry is a key and its breaker.
type entry struct {
	breaker *breaker.Breaker
	key     string
	calls   atomic.Int64      // running now; incremented under the mutex of the Keyed
	place   list.Elem[*entry] // in Keyed.used or Keyed.parked
	parked  bool              // it is in Keyed.parked; guarded by the mutex of the Keyed
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
	k := &Keyed{max: cfg.Max, name: cfg.Each.Name, entries: map[string]*entry{}}
	k.key.Store(&cfg.Key)
	k.overflow.breaker = model.Sibling(k.name + " (overflow)")
	return k, nil
}

// Middleware wraps next with these breakers. It is a core.Middleware.
func (k *Keyed) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		key, ok := k.keyOf(call)
		e := k.enter(key, ok)
		defer e.calls.Add(-1)
		return e.breaker.Run(ctx, call, next)
	}
}

// keyOf returns the key of call; ok is false if Config.Key panics. A panic there is
// no fault of the backend, which a breaker further out would blame for it.
func (k *Keyed) keyOf(call *core.Call) (key string, ok bool) {
	of := *k.key.Load()
	if of == nil {
		return call.Op.Target, true
	}
	defer func() {
		if !ok {
			p := contain.Recovered("Key", recover())
			call.Event(core.Event{Kind: core.EventPanic, Name: p.Func, Err: p})
		}
	}()
	return of(call), true
}

// enter returns the entry for a call with key, the overflow entry if the key is not
// known. The caller decrements its calls when the call is over.
func (k *Keyed) enter(key string, known bool) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	var e *entry
	if known {
		e = k.find(key)
	}
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
			k.take(e)
			k.used.PushFront(&e.place, e)
		}
		return e
	}
	for len(k.entries) >= k.max { // after Reconfigure there may be more than one too many
		if !k.evict() {
			return nil
		}
	}
	name := k.name + "[" + key + "]"
	// The key is a part of the name, so that its text is kept once, without the
	// longer text that it may have been cut from.
	e := &entry{breaker: k.overflow.breaker.Sibling(name), key: name[len(k.name)+1 : len(name)-1]}
	k.entries[e.key] = e
	k.used.PushFront(&e.place, e)
	return e
}

// take takes e out of the list that it is in. The caller holds mu.
func (k *Keyed) take(e *entry) {
	if e.parked {
		k.parked.Remove(&e.place)
	} else {
		k.used.Remove(&e.place)
	}
	e.parked = false
}

// Bounds of how many entries are looked at to evict one.
const (
	maxLooks = 1000 // at entries that were used since they were last looked at
	maxAgain = 100  // at entries that were not
)

// evict evicts a breaker, and reports whether there was one to evict. An entry that
// is not idle is parked until it is used again: so each use costs one look, and
// entries that stay as they are do not hide the others. The caller holds mu.
func (k *Keyed) evict() bool {
	for range min(maxLooks, k.used.Len()) {
		if k.evicts(k.used.Last()) {
			return true
		}
	}
	// A parked entry becomes idle when its calls end, or with time.
	for range min(maxAgain, k.parked.Len()) {
		if k.evicts(k.parked.Last()) {
			return true
		}
	}
	return false
}

// evicts evicts e if e is idle, and parks e otherwise. The caller holds mu.
func (k *Keyed) evicts(e *entry) bool {
	k.take(e)
	if e.calls.Load() == 0 {
		if counters, ok := e.breaker.Retire(); ok {
			delete(k.entries, e.key)
			add(&k.past, counters)
			k.evicted++
			return true
		}
	}
	k.parked.PushFront(&e.place, e)
	e.parked = true
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
	for _, entries := range []*list.List[*entry]{&k.used, &k.parked} {
		for e := entries.First(); e != nil; e = e.place.Next() {
			all = append(all, e)
		}
	}
	return append(all, &k.overflow)
}
