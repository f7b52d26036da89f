// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// mostDescribes is how often one DescribeCollection is asked at most, because a
// schema was forgotten while the answer was under way.
const mostDescribes = 3

// describe sends a DescribeCollection, and sends it again if the schema was forgotten
// meanwhile: the SDK would cache the old one.
func (h *hook) describe(ctx context.Context, key string, reply *milvuspb.DescribeCollectionResponse, send func() *Error) *Error {
	_, i := h.family.slotOf(key)
	for asked := 1; ; asked++ {
		generation := h.family.slots[i].generation.Load()
		if e := send(); e != nil {
			return e
		}
		generation, news, ok := h.family.learn(key, reply, generation)
		if !ok && asked < mostDescribes {
			reply.Reset()
			continue
		}
		h.described[i].Store(generation) // an old one, if !ok: checkSchema finds out
		if use := useOf(ctx); use != nil {
			use.asked, use.news = true, news
		}
		if h.conn != nil {
			h.conn.markSession(key)
		}
		return nil
	}
}

// errOutdated is what checkSchema returns. No caller of a Conn sees it.
var errOutdated = errors.New("milvus: the schema was forgotten while the request was made")

// checkSchema is called with each request before it is sent. If the SDK made the
// request with a schema that has been forgotten, the connection forgets the schema
// once more: the SDK may have stored it after it was forgotten. A request that
// freshly makes is not sent, because freshly makes it again.
func (h *hook) checkSchema(ctx context.Context, database string, req any) error {
	var collection string
	switch r := req.(type) {
	case *milvuspb.InsertRequest:
		collection = r.GetCollectionName()
	case *milvuspb.UpsertRequest:
		collection = r.GetCollectionName()
	case *milvuspb.SearchRequest:
		collection = r.GetCollectionName()
	case *milvuspb.HybridSearchRequest:
		collection = r.GetCollectionName()
	case *milvuspb.QueryRequest:
		collection = r.GetCollectionName()
	default:
		return nil
	}
	key := keyOf(database, collection)
	_, i := h.family.slotOf(key)
	if h.described[i].Load() == h.family.slots[i].generation.Load() || h.conn == nil {
		return nil
	}
	h.conn.forget(key)
	if u := useOf(ctx); u == nil || u.again {
		return nil
	}
	return errOutdated
}

// setSession sets the timestamp of a read with session consistency.
func (h *hook) setSession(database string, req any) {
	switch r := req.(type) {
	case *milvuspb.SearchRequest:
		if r.GetGuaranteeTimestamp() == sessionMark {
			r.GuaranteeTimestamp = h.family.session(keyOf(database, r.GetCollectionName()))
		}
	case *milvuspb.QueryRequest:
		if r.GetGuaranteeTimestamp() == sessionMark {
			r.GuaranteeTimestamp = h.family.session(keyOf(database, r.GetCollectionName()))
		}
	case *milvuspb.HybridSearchRequest:
		// The SDK leaves it out, and the server would not wait for any write.
		if r.GetConsistencyLevel() == commonpb.ConsistencyLevel_Session && r.GetGuaranteeTimestamp() == 0 {
			r.GuaranteeTimestamp = h.family.session(keyOf(database, r.GetCollectionName()))
		}
	}
}

// forget makes the SDK forget the schema of the collection with that key.
func (c *Conn) forget(key string) {
	// It has no error: the interceptor answers it with success.
	_ = c.sdk.DropCollection(local(0), key)
}

// markSession makes the SDK put sessionMark into each read of a collection with
// session consistency.
func (c *Conn) markSession(key string) {
	_ = c.sdk.Delete(local(sessionMark), key, "", "")
}

// use is one call of an SDK method that uses the cached schema of a collection.
type use struct {
	write    bool
	again    bool // whether it is the second call of one method
	answered bool // whether the server answered a request, DescribeCollection apart, with success
	asked    bool // whether the SDK sent a DescribeCollection
	news     bool // whether a DescribeCollection showed a schema that may be new

	queries int           // number of vectors of a search
	keys    *schemapb.IDs // keys of the rows that were written
}

// answer takes note of an answer of the server.
func (u *use) answer(req, reply any) {
	u.answered = true
	u.queries = int(vectorsOf(req))
	if result, ok := reply.(*milvuspb.MutationResult); ok {
		u.keys = result.GetIDs()
	}
}

// useKey is the key of the context value that holds a *use.
type useKey struct{}

func useOf(ctx context.Context) *use {
	u, _ := ctx.Value(useKey{}).(*use)
	return u
}

// freshly calls the SDK, and once more if the first call used the schema of a
// collection that was not there any more. key is the key of the collection.
func freshly[R any](ctx context.Context, c *Conn, key string, u *use, call func(context.Context) (R, error)) (R, error) {
	_, i := c.hook.family.slotOf(key)
	generation := c.hook.family.slots[i].generation.Load()
	described := c.hook.described[i].Load()
	result, err := call(context.WithValue(ctx, useKey{}, u))
	if err != nil && c.outdated(ctx, key, u, described, generation, err) {
		u = &use{write: u.write, again: true}
		result, err = call(context.WithValue(ctx, useKey{}, u))
	}
	return result, u.unsent(err)
}

// outdated reports whether a call that failed used an outdated schema, and may be
// made again. described is the generation of the connection's schema before the call,
// generation the family's. outdated asks for the schema if only the server can
// tell: another process may have dropped and created the collection. Afterwards no
// connection has the old one.
func (c *Conn) outdated(ctx context.Context, key string, u *use, described, generation uint64, err error) bool {
	if errors.Is(err, errOutdated) {
		return true
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if !ofSchema(e) {
			return false
		}
	} else if u.answered == u.write {
		// The SDK itself refused to make the request of a read, without a look at the
		// schema, or could not read the reply to a write, which has been applied.
		return false
	}
	f := c.hook.family
	if f.generation(key) != generation {
		return true // another call has found out
	}
	if described != generation && !u.asked {
		// Another call had found out, and this connection had not forgotten yet.
		c.forget(key)
		return true
	}
	again := new(use)
	_, _ = c.sdk.DescribeCollection(context.WithValue(ctx, useKey{}, again), key)
	return again.news || f.generation(key) != generation
}

// ofSchema reports whether the server refused a write perhaps because it does not
// match the schema of the collection.
func ofSchema(e *Error) bool {
	if e.Method != methodInsert && e.Method != methodUpsert {
		return false
	}
	switch e.Code {
	case milvuserr.CodeSchemaMismatch, milvuserr.CodeParameterInvalid, milvuserr.CodeFieldNotFound, milvuserr.CodeUnexpected:
		return e.Mistake()
	}
	return false
}

// Insert calls the SDK's Insert. If it fails because another process has changed the
// schema of the collection, Insert calls it once more with the present schema.
func (c *Conn) Insert(ctx context.Context, collection, partition string, columns ...entity.Column) (entity.Column, error) {
	key := c.key(ctx, collection)
	return freshly(ctx, c, key, &use{write: true}, func(ctx context.Context) (entity.Column, error) {
		ids, err := c.sdk.Insert(ctx, key, partition, columns...)
		return c.written(ctx, key, ids), err
	})
}

// written returns the keys of the rows of a write. The SDK returns none if they are not
// of the type that its schema says: another process has changed the schema, and the
// server made the keys. The write has been applied, so it is not made again.
func (c *Conn) written(ctx context.Context, key string, ids entity.Column) entity.Column {
	keys := useOf(ctx).keys
	if ids == nil || ids.Len() > 0 || len(keys.GetIntId().GetData())+len(keys.GetStrId().GetData()) == 0 {
		return ids
	}
	name := ids.Name()
	if present, err := c.sdk.DescribeCollection(ctx, key); err == nil && present.Schema.PKField() != nil {
		name = present.Schema.PKField().Name
	}
	if ints := keys.GetIntId().GetData(); ints != nil {
		return entity.NewColumnInt64(name, ints)
	}
	return entity.NewColumnVarChar(name, keys.GetStrId().GetData())
}

// Upsert calls the SDK's Upsert, with the change of [Conn.Insert].
func (c *Conn) Upsert(ctx context.Context, collection, partition string, columns ...entity.Column) (entity.Column, error) {
	key := c.key(ctx, collection)
	return freshly(ctx, c, key, &use{write: true}, func(ctx context.Context) (entity.Column, error) {
		ids, err := c.sdk.Upsert(ctx, key, partition, columns...)
		return c.written(ctx, key, ids), err
	})
}

// Query calls the SDK's Query, with the change of [Conn.Insert].
func (c *Conn) Query(
	ctx context.Context, collection string, partitions []string, expr string, outputFields []string, opts ...client.SearchQueryOptionFunc,
) (client.ResultSet, error) {
	key := c.key(ctx, collection)
	return freshly(ctx, c, key, new(use), func(ctx context.Context) (client.ResultSet, error) {
		return c.sdk.Query(ctx, key, partitions, expr, outputFields, opts...)
	})
}

// QueryByPks calls the SDK's QueryByPks, with the change of [Conn.Insert].
func (c *Conn) QueryByPks(
	ctx context.Context, collection string, partitions []string, ids entity.Column, outputFields []string, opts ...client.SearchQueryOptionFunc,
) (client.ResultSet, error) {
	key := c.key(ctx, collection)
	return freshly(ctx, c, key, new(use), func(ctx context.Context) (client.ResultSet, error) {
		return c.sdk.QueryByPks(ctx, key, partitions, quoted(ids), outputFields, opts...)
	})
}

// Get calls the SDK's Get, with the change of [Conn.Insert].
func (c *Conn) Get(ctx context.Context, collection string, ids entity.Column, opts ...client.GetOption) (client.ResultSet, error) {
	key := c.key(ctx, collection)
	return freshly(ctx, c, key, new(use), func(ctx context.Context) (client.ResultSet, error) {
		return c.sdk.Get(ctx, key, quoted(ids), opts...)
	})
}
