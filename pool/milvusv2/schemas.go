// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"cmp"
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// schemas has what the connections of a factory know together of the collections: how
// often a schema was forgotten, and the timestamp of the last write, which a read with
// session consistency waits for.
//
// Each SDK client caches the schema of each collection by the collection's name, and
// never drops a schema by itself. So the SDK is given another name for each generation
// of a schema (see [collection.key]), and the interceptor puts the real name back.
type schemas struct {
	seed maphash.Seed

	mu    sync.RWMutex // guards the fields below
	byKey map[collectionKey]*collection
	byID  map[int64]*atomic.Uint64 // last write to a collection, whatever its name is
	start uint64                   // generation of a collection that is not in byKey
	floor uint64                   // at least the last write to a collection that is not in byKey
}

// mostCollections is how many collections the schemas keep apart. Beyond, they forget
// all of them, which costs a DescribeCollection for each one that is still in use.
const mostCollections = 1 << 14

type collectionKey struct{ database, name string }

// collection is one collection of one database.
type collection struct {
	collectionKey
	generation atomic.Uint64                 // changes whenever a schema is forgotten
	written    atomic.Uint64                 // greatest timestamp of a write under this name
	shared     atomic.Pointer[atomic.Uint64] // the same of all names, nil if not known
	level      atomic.Int32                  // consistency level of the collection plus one, zero if not known

	mu     sync.Mutex
	schema uint64 // hash of the id and the schema, zero if not known; guarded by mu
}

func newSchemas() *schemas {
	return &schemas{seed: maphash.MakeSeed(), byKey: make(map[collectionKey]*collection), byID: make(map[int64]*atomic.Uint64)}
}

// of returns what is known of a collection.
func (s *schemas) of(database, name string) *collection {
	key := collectionKey{database, name}
	s.mu.RLock()
	c := s.byKey[key]
	s.mu.RUnlock()
	if c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c = s.byKey[key]; c != nil {
		return c
	}
	if len(s.byKey) >= mostCollections {
		s.forgetAllLocked()
	}
	c = &collection{collectionKey: key}
	c.generation.Store(s.start)
	c.written.Store(s.floor)
	s.byKey[key] = c
	return c
}

// forgetAllLocked makes room. No generation is used twice, because the SDK may still
// have a schema of it.
func (s *schemas) forgetAllLocked() {
	for _, c := range s.byKey {
		s.start = max(s.start, c.generation.Load())
		s.floor = max(s.floor, c.lastWrite())
	}
	s.start++
	clear(s.byKey)
	clear(s.byID)
}

// mark begins the name of a collection for the SDK's cache. No real name has it.
const mark = "\x00"

// key returns the name of the collection for the SDK's cache in a generation.
func (c *collection) key(generation uint64) string {
	if generation == 0 && c.database == "" {
		return c.name
	}
	return mark + strconv.FormatUint(generation, 36) + mark + c.database + mark + c.name
}

// forget makes every connection forget the schema of the collection.
func (c *collection) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked()
}

func (c *collection) forgetLocked() {
	c.generation.Add(1)
	c.level.Store(0)
	c.shared.Store(nil)
	c.schema = 0
}

// forgetIn is forget, unless the generation is over already.
func (c *collection) forgetIn(generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation.Load() == generation {
		c.forgetLocked()
	}
}

// learn is called with the answer to a DescribeCollection. If the schema is not the one
// that was known, another process has changed it, and every connection forgets it.
// learn reports whether the schema may have changed: it did, or it was not known.
func (s *schemas) learn(c *collection, reply *milvuspb.DescribeCollectionResponse) (news bool) {
	schema := s.fingerprint(reply)
	c.mu.Lock()
	defer c.mu.Unlock()
	news = c.schema != schema
	if news && c.schema != 0 {
		c.forgetLocked()
	}
	c.schema = schema
	c.level.Store(int32(reply.GetConsistencyLevel()) + 1)
	shared := s.writtenTo(reply.GetCollectionID())
	raise(shared, c.written.Load())
	c.shared.Store(shared)
	return news
}

// writtenTo returns the place of the last write to a collection. The id stays when the
// collection is renamed, and is the same for each alias.
func (s *schemas) writtenTo(id int64) *atomic.Uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] == nil {
		if len(s.byID) >= mostCollections {
			s.forgetAllLocked()
		}
		s.byID[id] = new(atomic.Uint64)
		s.byID[id].Store(s.floor)
	}
	return s.byID[id]
}

// gone is called when the server says that a collection does not exist.
func (c *collection) gone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.schema != 0 { // else no connection has cached it
		c.forgetLocked()
	}
}

// fingerprint returns a hash of what identifies a collection and its schema, never zero.
func (s *schemas) fingerprint(reply *milvuspb.DescribeCollectionResponse) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	maphash.WriteComparable(&h, reply.GetCollectionID())
	maphash.WriteComparable(&h, reply.GetConsistencyLevel())
	h.WriteString(reply.GetSchema().String()) // the same in all of this process
	return h.Sum64() | 1
}

// heard is called with each request that was applied, or may have been, before the
// caller of the request gets the reply.
func (s *schemas) heard(database string, req, reply any) {
	forget := func(names ...string) {
		for _, name := range names {
			s.of(database, name).forget()
		}
	}
	switch r := req.(type) {
	case *milvuspb.CreateCollectionRequest:
		forget(r.GetCollectionName())
	case *milvuspb.DropCollectionRequest:
		forget(r.GetCollectionName())
	case *milvuspb.AlterCollectionRequest:
		forget(r.GetCollectionName())
	case *milvuspb.AlterCollectionFieldRequest:
		forget(r.GetCollectionName())
	case *milvuspb.AddCollectionFieldRequest:
		forget(r.GetCollectionName())
	case *milvuspb.RenameCollectionRequest:
		forget(r.GetOldName())
		s.of(cmp.Or(r.GetNewDBName(), database), r.GetNewName()).forget()
	case *milvuspb.CreateAliasRequest:
		forget(r.GetAlias())
	case *milvuspb.AlterAliasRequest:
		forget(r.GetAlias())
	case *milvuspb.DropAliasRequest:
		forget(r.GetAlias())
	case interface{ GetCollectionName() string }:
		if result, ok := reply.(*milvuspb.MutationResult); ok {
			s.of(database, r.GetCollectionName()).wrote(result.GetTimestamp())
		}
	}
}

// wrote takes note of a write to the collection.
func (c *collection) wrote(ts uint64) {
	raise(&c.written, ts)
	if shared := c.shared.Load(); shared != nil {
		raise(shared, ts)
	}
}

// lastWrite returns the timestamp of the last write to the collection.
func (c *collection) lastWrite() uint64 {
	ts := c.written.Load()
	if shared := c.shared.Load(); shared != nil {
		ts = max(ts, shared.Load())
	}
	return ts
}

// raise makes a value at least ts.
func raise(value *atomic.Uint64, ts uint64) {
	for old := value.Load(); ts > old && !value.CompareAndSwap(old, ts); old = value.Load() {
	}
}

// reader is a request that reads rows.
type reader interface {
	GetConsistencyLevel() commonpb.ConsistencyLevel
	GetUseDefaultConsistency() bool
}

// levelOf returns the consistency level of a read, and false if it is the collection's
// and that is not known.
func (c *collection) levelOf(r reader) (commonpb.ConsistencyLevel, bool) {
	if !r.GetUseDefaultConsistency() {
		return r.GetConsistencyLevel(), true
	}
	level := c.level.Load()
	return commonpb.ConsistencyLevel(level - 1), level > 0
}

// setSession makes a read with session consistency wait for the last write to the
// collection through any connection of the factory. The SDK keeps no such timestamp.
func (c *collection) setSession(req any) {
	r, ok := req.(reader)
	if !ok {
		return
	}
	written := c.lastWrite()
	if level, known := c.levelOf(r); !known || level != commonpb.ConsistencyLevel_Session || written == 0 {
		return
	}
	const session = commonpb.ConsistencyLevel_Session
	switch r := req.(type) {
	case *milvuspb.SearchRequest:
		r.UseDefaultConsistency, r.ConsistencyLevel, r.GuaranteeTimestamp = false, session, max(written, r.GuaranteeTimestamp)
	case *milvuspb.HybridSearchRequest:
		r.UseDefaultConsistency, r.ConsistencyLevel, r.GuaranteeTimestamp = false, session, max(written, r.GuaranteeTimestamp)
	case *milvuspb.QueryRequest:
		r.UseDefaultConsistency, r.ConsistencyLevel, r.GuaranteeTimestamp = false, session, max(written, r.GuaranteeTimestamp)
	}
}
