// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// sessions have the timestamps of the last writes, which a read with session consistency
// waits for. A collection may have several names: its aliases, and the one that it was
// given by a rename. So a write is noted for the name and for the id of the collection.
type sessions struct {
	latest atomic.Uint64 // greatest timestamp of any write
	byID   [slots]atomic.Uint64

	mu  sync.RWMutex
	ids map[string]int64 // id of the collection with a key, at most mostNames; guarded by mu
}

// mostNames is how many names of collections have a known id. A session read of any other
// name waits for the last write to any collection.
const mostNames = 1 << 14

// named is called with the answer to a DescribeCollection for a key.
func (f *family) named(key string, reply *milvuspb.DescribeCollectionResponse) {
	_, database, _ := strings.Cut(key, separator)
	names := append([]string{key, keyOf(database, reply.GetCollectionName())}, reply.GetAliases()...)
	for i, alias := range names[2:] {
		names[2+i] = keyOf(database, alias)
	}
	f.sessions.mu.Lock()
	defer f.sessions.mu.Unlock()
	last := f.lastOf(reply.GetCollectionID())
	for _, name := range names {
		_, i := f.slotOf(name)
		raise(last, f.slots[i].written.Load()) // of the time when the id was not known
		if _, known := f.sessions.ids[name]; known || len(f.sessions.ids) < mostNames {
			f.sessions.ids[name] = reply.GetCollectionID()
		}
	}
}

// unnamed is called when a key may stand for another collection from now on.
func (f *family) unnamed(key string) {
	f.sessions.mu.Lock()
	defer f.sessions.mu.Unlock()
	delete(f.sessions.ids, key)
}

// lastOf returns the place of the last write to the collection with an id.
func (f *family) lastOf(id int64) *atomic.Uint64 {
	return &f.sessions.byID[maphash.Comparable(f.seed, id)%slots]
}

// idOf returns the id of the collection with a key, and whether it is known.
func (f *family) idOf(key string) (int64, bool) {
	f.sessions.mu.RLock()
	defer f.sessions.mu.RUnlock()
	id, known := f.sessions.ids[key]
	return id, known
}

// wrote takes note of a write to the collection with a key.
func (f *family) wrote(key string, ts uint64) {
	_, i := f.slotOf(key)
	raise(&f.slots[i].written, ts)
	raise(&f.sessions.latest, ts)
	if id, known := f.idOf(key); known {
		raise(f.lastOf(id), ts)
	}
}

// session returns the timestamp that a read of a collection with session consistency
// waits for: no earlier than the last write to it through the family, under any name.
func (f *family) session(key string) uint64 {
	id, known := f.idOf(key)
	if !known {
		return max(f.sessions.latest.Load(), eventually)
	}
	_, i := f.slotOf(key)
	return max(f.slots[i].written.Load(), f.lastOf(id).Load(), eventually)
}

// raise makes a value at least ts.
func raise(value *atomic.Uint64, ts uint64) {
	for old := value.Load(); ts > old && !value.CompareAndSwap(old, ts); old = value.Load() {
	}
}
