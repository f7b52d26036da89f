// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"sync"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// family keeps the connections of one factory in step. Each SDK client has two
// caches to itself: schemas of collections, and when it last wrote to them,
// which a read with session consistency waits for. The SDK offers no way to
// reach them, but clears the one after DropCollection and sets the other after
// Delete: so it is told of the others' changes by such calls that never leave
// the process (see answerLocally).
type family struct {
	mu      sync.Mutex
	conns   map[*Conn]struct{}
	written map[string]uint64 // the last write to each collection, by timestamp
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

// heard is told of each request that was applied, or may have been, before its
// caller gets to know.
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
			// Its errors could only be our own: there is nobody to answer otherwise.
			_ = c.sdk.DropCollection(local(0), collection)
		}
	}
}

func (f *family) wrote(collection string, ts uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ts <= f.written[collection] {
		return // somebody else's later write has gone to everybody
	}
	f.written[collection] = ts
	for c := range f.conns {
		setWritten(c, collection, ts)
	}
}

func setWritten(c *Conn, collection string, ts uint64) {
	_ = c.sdk.Delete(local(ts), collection, "", "")
}

// localKey is where a call that must not leave the process has the timestamp of
// its answer.
type localKey struct{}

func local(ts uint64) context.Context {
	return context.WithValue(context.Background(), localKey{}, ts)
}

// answerLocally answers a call that must not leave the process.
func answerLocally(ctx context.Context, reply any) bool {
	ts, ok := ctx.Value(localKey{}).(uint64)
	if !ok {
		return false
	}
	if r, ok := reply.(*milvuspb.MutationResult); ok {
		r.Status, r.Timestamp = &commonpb.Status{}, ts
	}
	return true // a zero *commonpb.Status is a success already
}
