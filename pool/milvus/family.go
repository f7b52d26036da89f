// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"sync"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// family keeps the caches of a factory's connections in step. Each SDK client has
// two caches of its own: the schema of each collection, and the timestamp of its
// last write to each collection, which a read with session consistency waits for.
//
// The SDK has no method to change these caches. But it clears a schema after
// DropCollection, and sets a timestamp after Delete. So the family makes such
// calls on each connection, and the interceptor answers them without sending them
// (see answerLocally).
type family struct {
	mu      sync.Mutex // guards all
	conns   map[*Conn]struct{}
	written map[string]uint64 // timestamp of the last write to each collection
}

func newFamily() *family {
	return &family{conns: make(map[*Conn]struct{}), written: make(map[string]uint64)}
}

func (f *family) join(c *Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns[c] = struct{}{}
	for collection, ts := range f.written {
		setWritten(c, collection, ts)
	}
}

func (f *family) leave(c *Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
}

// heard is called with each request that was applied, or may have been, before the
// caller of the request gets the reply.
func (f *family) heard(req, reply any) {
	switch r := req.(type) {
	case *milvuspb.CreateCollectionRequest:
		f.forget(r.GetCollectionName())
	case *milvuspb.DropCollectionRequest:
		f.forget(r.GetCollectionName())
		f.mu.Lock()
		delete(f.written, r.GetCollectionName())
		f.mu.Unlock()
	case *milvuspb.AlterCollectionRequest:
		f.forget(r.GetCollectionName())
	case *milvuspb.RenameCollectionRequest:
		f.forget(r.GetOldName(), r.GetNewName())
	case *milvuspb.CreateAliasRequest:
		f.forget(r.GetAlias())
	case *milvuspb.AlterAliasRequest:
		f.forget(r.GetAlias())
	case *milvuspb.DropAliasRequest:
		f.forget(r.GetAlias())
	case interface{ GetCollectionName() string }:
		if result, ok := reply.(*milvuspb.MutationResult); ok && result.GetTimestamp() > 0 {
			f.wrote(r.GetCollectionName(), result.GetTimestamp())
		}
	}
}

func (f *family) forget(collections ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, collection := range collections {
		for c := range f.conns {
			// It has no error: the interceptor answers it with success.
			_ = c.sdk.DropCollection(local(0), collection)
		}
	}
}

func (f *family) wrote(collection string, ts uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ts <= f.written[collection] {
		return // every connection knows of a later write already
	}
	f.written[collection] = ts
	for c := range f.conns {
		setWritten(c, collection, ts)
	}
}

func setWritten(c *Conn, collection string, ts uint64) {
	_ = c.sdk.Delete(local(ts), collection, "", "")
}

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
