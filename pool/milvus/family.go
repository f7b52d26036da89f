// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"cmp"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// family keeps the caches of a factory's connections in step. Each SDK client caches
// the schema of each collection that it has used, and the timestamp of its last write
// to each collection, which a read with session consistency waits for.
//
// The SDK has no method to change these caches. But it forgets a schema after
// DropCollection, and sets a timestamp after Delete. So the family makes such calls
// on a connection, and the interceptor answers them without sending them (see
// answerLocally).
type family struct {
	seed  maphash.Seed
	slots [slots]slot

	mu    sync.Mutex // guards conns, and the writes to each slot except to written
	conns map[*Conn]struct{}

	sessions sessions
}

// slots is how many slots a family has. The number of collections is not bounded, so
// collections share slots. A collection that shares a slot is described once more than
// needed after the other one changed, and a session read of it may wait for a write to
// the other one.
const slots = 1024

// slot has what a family knows of the collections that share it.
type slot struct {
	written    atomic.Uint64 // greatest timestamp of a write
	generation atomic.Uint64 // how often a schema was forgotten

	name   uint64 // hash of the collection that was described last, zero if none
	schema uint64 // hash of its id and its schema
	fields *schemapb.CollectionSchema
}

func newFamily() *family {
	return &family{seed: maphash.MakeSeed(), conns: make(map[*Conn]struct{}), sessions: sessions{ids: make(map[string]int64)}}
}

// slotOf returns the hash of a collection's name and the index of its slot.
func (f *family) slotOf(collection string) (name uint64, index int) {
	name = maphash.String(f.seed, collection) | 1 // never zero
	return name, int(name >> 1 % slots)
}

// generation returns how often the schema of a collection was forgotten.
func (f *family) generation(collection string) uint64 {
	_, i := f.slotOf(collection)
	return f.slots[i].generation.Load()
}

func (f *family) join(c *Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns[c] = struct{}{}
}

func (f *family) leave(c *Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
}

// heard is called with each request that was applied, or may have been, before the
// caller of the request gets the reply. database is the one of the request.
func (f *family) heard(database string, req, reply any) {
	switch r := req.(type) {
	case *milvuspb.CreateCollectionRequest:
		f.forget(keyOf(database, r.GetCollectionName()))
	case *milvuspb.DropCollectionRequest:
		f.forget(keyOf(database, r.GetCollectionName()))
	case *milvuspb.AlterCollectionRequest:
		f.forget(keyOf(database, r.GetCollectionName()))
	case *milvuspb.RenameCollectionRequest:
		f.forget(keyOf(database, r.GetOldName()), keyOf(cmp.Or(r.GetNewDBName(), database), r.GetNewName()))
	case *milvuspb.CreateAliasRequest:
		f.forget(keyOf(database, r.GetAlias()))
	case *milvuspb.AlterAliasRequest:
		f.forget(keyOf(database, r.GetAlias()))
	case *milvuspb.DropAliasRequest:
		f.forget(keyOf(database, r.GetAlias()))
	case interface{ GetCollectionName() string }:
		if result, ok := reply.(*milvuspb.MutationResult); ok && result.GetTimestamp() > 0 {
			f.wrote(keyOf(database, r.GetCollectionName()), result.GetTimestamp())
			result.Timestamp = sessionMark // so that the SDK never has a timestamp of its own
		}
	}
}

// forget makes every connection forget the schemas of collections. A schema that is
// being fetched is not used: it has an older generation.
func (f *family) forget(collections ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, collection := range collections {
		f.forgetLocked(collection)
	}
}

func (f *family) forgetLocked(collection string) {
	name, i := f.slotOf(collection)
	s := &f.slots[i]
	// The generation changes first: a connection that stores an old schema after it
	// was cleared is found out by the generation.
	s.generation.Add(1)
	f.unnamed(collection)
	if s.name == name {
		s.name, s.schema, s.fields = 0, 0, nil
	}
	for c := range f.conns {
		c.forget(collection)
	}
}

// learn is called with the answer to a DescribeCollection that was asked in the given
// generation. It reports false if the answer is not to be used, because the schema has
// been forgotten since. If the schema is not the one that the family knew, another
// process has changed it, and every connection forgets it. news says that it may have
// changed: it did, or the family did not know it.
func (f *family) learn(collection string, reply *milvuspb.DescribeCollectionResponse, asked uint64) (generation uint64, news, ok bool) {
	schema := f.fingerprint(reply)
	name, i := f.slotOf(collection)
	s := &f.slots[i]
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.generation.Load() != asked {
		return asked, false, false
	}
	known := s.name == name
	news = !known || s.schema != schema
	if known && news {
		f.forgetLocked(collection)
	}
	s.name, s.schema, s.fields = name, schema, reply.GetSchema()
	f.named(collection, reply)
	return s.generation.Load(), news, true
}

// known returns the schema of a collection, nil if the family does not know it.
func (f *family) known(key string) *schemapb.CollectionSchema {
	name, i := f.slotOf(key)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slots[i].name != name {
		return nil
	}
	return f.slots[i].fields
}

// gone is called when the server says that a collection does not exist.
func (f *family) gone(collection string) {
	name, i := f.slotOf(collection)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slots[i].name == name { // else no connection has cached it
		f.forgetLocked(collection)
	}
}

// fingerprint returns a hash of what identifies a collection and its schema.
func (f *family) fingerprint(reply *milvuspb.DescribeCollectionResponse) uint64 {
	var h maphash.Hash
	h.SetSeed(f.seed)
	maphash.WriteComparable(&h, reply.GetCollectionID())
	maphash.WriteComparable(&h, reply.GetConsistencyLevel())
	h.WriteString(reply.GetSchema().String()) // the same in all of this process
	return h.Sum64()
}

const (
	// strong, eventually and bounded are the SDK's timestamps for a read that waits for
	// every write, for none, and for the writes that are older than a few seconds.
	strong     uint64 = 0
	eventually uint64 = 1
	bounded    uint64 = 2
	// sessionMark is the timestamp that the SDK has for each collection, and that it
	// puts into a read with session consistency. It is neither a timestamp of the
	// server nor one of the SDK's special values, 0 to 2. The interceptor replaces it.
	sessionMark uint64 = 3
)

// localKey is the key of the context value that marks a local call, one that must
// not leave the process. The value is the timestamp of its answer.
type localKey struct{}

// local returns the context of a local call.
func local(ts uint64) context.Context {
	return context.WithValue(context.Background(), localKey{}, ts)
}

// answerLocally answers a local call. It reports false for any other call.
func answerLocally(ctx context.Context, reply any) bool {
	ts, ok := ctx.Value(localKey{}).(uint64)
	if !ok {
		return false
	}
	if r, ok := reply.(*milvuspb.MutationResult); ok {
		r.Status, r.Timestamp = &commonpb.Status{}, ts
	}
	return true // a reply of type *commonpb.Status means success as it is
}
