// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/penstock-go/penstock/core"
)

// KeyedName is the name of the stage of a [Keyed].
const KeyedName = "keyed_breaker"

// DefaultMaxKeys is the default of KeyedConfig.Max.
const DefaultMaxKeys = 1000

// KeyedConfig says what the breakers of a [Keyed] are for. The zero value means
// the defaults: one breaker for each target of operations.
type KeyedConfig struct {
	// Key returns the key of a call, by which it gets its breaker. Nil is the
	// operation's Target. It is called concurrently, must not block, and does not
	// allocate if the stage is not to.
	Key func(call *core.Call) string
	// Max is how many keys may have a breaker of their own at once. Zero is
	// DefaultMaxKeys.
	Max int
	// Each is the configuration of each breaker. Its Name is KeyedName if empty:
	// listeners and people know the breaker of a key as Name[key]; telemetry, where
	// the number of names must be small, knows it as Name.
	Each Config
}

// Keyed is a stage of many breakers: one for each key, under one backend, so
// that what is bad with one collection refuses that collection's operations
// alone. It is safe for concurrent use.
//
// At most Max keys have a breaker. For a further one, the breaker that was not
// used for longest is forgotten, but never one that is not closed, has calls
// under way, or has counted something that speaks for opening it: a failure since
// the last success, a failure or a slow attempt in its window. Where all are like
// that, keys without a breaker share one more, the overflow breaker, until there
// is room; it is looked for among the few that were not used for longest.
//
// A key costs about 600 bytes with the default policy and 900 with a slow-call
// rate, the text of the key aside, and while it is open the goroutine of the timer.
type Keyed struct {
	*common
	key      func(*core.Call) string
	max      int
	overflow entry

	mu          sync.Mutex
	entries     map[string]*entry // guarded by mu, as are all below
	first, last *entry            // from the one used last to the one not used for longest
	evicted     uint64
	overflowed  uint64
	past        Counters // of the breakers that were forgotten
}

// entry is the breaker of a key.
type entry struct {
	*Breaker
	calls      atomic.Int64 // under way; goes up under the mutex of the Keyed
	prev, next *entry
}

// NewKeyed returns a Keyed without any keys.
func NewKeyed(cfg KeyedConfig) (*Keyed, error) {
	cfg.Each.Name = cmp.Or(cfg.Each.Name, KeyedName)
	each, err := cfg.Each.withDefaults()
	if cfg.Max < 0 {
		err = errors.Join(fmt.Errorf("breaker: bad configuration: Max is negative: %d", cfg.Max), err)
	}
	if err != nil {
		return nil, err
	}
	k := &Keyed{common: &common{cfg: each}, key: cfg.Key, max: cfg.Max, entries: map[string]*entry{}}
	if k.max == 0 {
		k.max = DefaultMaxKeys
	}
	if k.key == nil {
		k.key = func(call *core.Call) string { return call.Op.Target }
	}
	k.overflow.Breaker = newBreaker(k.common, each.Name+" (overflow)")
	return k, nil
}

// Stage returns the stage of these breakers, to stand just inside of the
// backend's own.
func (k *Keyed) Stage() core.Stage {
	return core.Stage{Name: KeyedName, Middleware: k.Middleware, After: Name}
}

// Middleware wraps next with these breakers. It is a core.Middleware.
func (k *Keyed) Middleware(next core.Handler) core.Handler {
	return func(ctx context.Context, call *core.Call) error {
		e := k.enter(k.key(call))
		defer e.calls.Add(-1)
		return e.run(ctx, call, next)
	}
}

// enter returns the entry for a call with key, which must be left.
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

// find returns the entry of key, made if there is room, nil if there is not.
// The caller holds mu.
func (k *Keyed) find(key string) *entry {
	if e := k.entries[key]; e != nil {
		if e != k.first {
			k.unlink(e)
			k.link(e)
		}
		return e
	}
	if len(k.entries) >= k.max && !k.evict() {
		return nil
	}
	e := &entry{Breaker: newBreaker(k.common, k.cfg.Name+"["+key+"]")}
	// A part of the name, so that the key is kept once, and not the text that it
	// may have been cut from.
	e.Breaker.key = e.name[len(k.cfg.Name)+1 : len(e.name)-1]
	k.entries[e.Breaker.key] = e
	k.link(e)
	return e
}

// mostLooks bounds how many entries are looked at to forget one.
const mostLooks = 100

// evict forgets a breaker, and reports whether there was one to forget. The
// caller holds mu.
func (k *Keyed) evict() bool {
	for range min(mostLooks, len(k.entries)) {
		e := k.last
		k.unlink(e)
		if e.calls.Load() == 0 && e.idle() {
			delete(k.entries, e.Breaker.key)
			k.past.add(e.retire())
			k.evicted++
			return true
		}
		k.link(e) // so that others are looked at next time
	}
	return false
}

// link makes e the one used last. The caller holds mu.
func (k *Keyed) link(e *entry) {
	e.prev, e.next = nil, k.first
	if k.first != nil {
		k.first.prev = e
	} else {
		k.last = e
	}
	k.first = e
}

func (k *Keyed) unlink(e *entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		k.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		k.last = e.prev
	}
}

// Breaker returns the breaker of key, if it has one of its own, for a look at
// it. It may be forgotten any time if nothing keeps it, see [Keyed].
func (k *Keyed) Breaker(key string) (b *Breaker, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[key]; e != nil {
		return e.Breaker, true
	}
	return nil, false
}

// ForceOpen does as [Breaker.ForceOpen] for key. Its breaker is made if there is
// none yet, and not forgotten before it is reset. It returns false if there is no
// room for one.
func (k *Keyed) ForceOpen(key string) bool { return k.set(key, ForcedOpen) }

// ForceClose does as [Breaker.ForceClose] for key, in the way of ForceOpen.
func (k *Keyed) ForceClose(key string) bool { return k.set(key, ForcedClosed) }

// Disable does as [Breaker.Disable] for key, in the way of ForceOpen.
func (k *Keyed) Disable(key string) bool { return k.set(key, Disabled) }

func (k *Keyed) set(key string, state State) bool {
	k.mu.Lock()
	e := k.find(key)
	if e != nil {
		e.calls.Add(1) // so that it stays
	}
	k.mu.Unlock()
	if e == nil {
		return false
	}
	defer e.calls.Add(-1)
	e.Breaker.set(state)
	return true
}

// Reset does as [Breaker.Reset] for every key, and for the overflow breaker.
// They may all be forgotten then.
func (k *Keyed) Reset() {
	k.mu.Lock()
	all := k.breakers()
	k.mu.Unlock()
	for _, b := range all {
		b.Reset()
	}
}

// breakers returns the present breakers, the overflow breaker last. The caller
// holds mu.
func (k *Keyed) breakers() []*Breaker {
	all := make([]*Breaker, 0, len(k.entries)+1)
	for e := k.first; e != nil; e = e.next {
		all = append(all, e.Breaker)
	}
	return append(all, k.overflow.Breaker)
}
