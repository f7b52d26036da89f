// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/milvusclient"

	"github.com/penstock-go/penstock/internal/milvusbase"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// use is one call of an SDK method that uses the cached schema of a collection.
type use struct {
	schemas    *schemas
	database   string // "" for the database of the factory
	write      bool
	stop       context.CancelFunc // ends the SDK's own repetition of a write, nil for a read
	collection *collection        // nil if the SDK did not come as far as to ask for it
	generation uint64             // of the schema that the call uses
	queries    int64              // number of vectors of a search
	key        string             // name of the primary key in the reply to a search, "" if the server does not say
	refused    error              // why the SDK did not make the request of a write
	answered   bool               // whether the server answered a request, DescribeCollection apart, with success
	asked      bool               // whether the SDK sent a DescribeCollection
	news       bool               // whether a DescribeCollection showed a schema that may be new
}

// useKey is the key of the context value that holds a *use.
type useKey struct{}

func useOf(ctx context.Context) *use {
	u, _ := ctx.Value(useKey{}).(*use)
	return u
}

// cacheName returns the name under which the SDK has the schema of a collection in its cache.
func (u *use) cacheName(name string) string {
	u.collection = u.schemas.of(u.database, name)
	u.generation = u.collection.generation.Load()
	return u.collection.key(u.generation)
}

// freshly calls the SDK, and once more if the first call used a schema that is not the
// collection's any more.
func freshly[R any](ctx context.Context, c *Conn, write bool, call func(context.Context, *use) (R, error)) (R, error) {
	result, u, err := attempt(ctx, c, write, call)
	if err != nil && c.outdated(ctx, u, err) {
		result, u, err = attempt(ctx, c, write, call)
	}
	return result, u.unsent(err)
}

func attempt[R any](ctx context.Context, c *Conn, write bool, call func(context.Context, *use) (R, error)) (R, *use, error) {
	u := &use{schemas: c.hook.schemas, database: c.hook.databaseOf(ctx), write: write}
	if write {
		ctx, u.stop = context.WithCancel(quietly(ctx))
		defer u.stop()
	}
	result, err := call(context.WithValue(ctx, useKey{}, u), u)
	if u.refused != nil {
		err = u.refused // the SDK has wrapped it as an error of the server
	}
	return result, u, err
}

// outdated reports whether a call that failed used an outdated schema, and may be made
// again. It asks for the schema if only the server can tell: another process may have
// changed it. Afterwards no connection uses the old one.
func (c *Conn) outdated(ctx context.Context, u *use, err error) bool {
	if u.collection == nil {
		return false
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
	if u.collection.generation.Load() != u.generation {
		return true // another call has found out
	}
	if u.asked {
		return false // the SDK has asked for the schema in this call
	}
	again := &use{schemas: u.schemas}
	_, _ = c.sdk.GetService().DescribeCollection(context.WithValue(ctx, useKey{}, again),
		&milvuspb.DescribeCollectionRequest{CollectionName: u.collection.name})
	if again.news {
		u.collection.forgetIn(u.generation)
	}
	return u.collection.generation.Load() != u.generation
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

// The options of the SDK, with the name of the collection in the SDK's cache.
type (
	searchOption struct {
		milvusclient.SearchOption
		u *use
	}
	hybridOption struct {
		milvusclient.HybridSearchOption
		u *use
	}
	queryOption struct {
		milvusclient.QueryOption
		u *use
	}
	iteratorOption struct {
		milvusclient.QueryIteratorOption
		u *use
	}
	insertOption struct {
		milvusclient.InsertOption
		u *use
	}
	upsertOption struct {
		milvusclient.UpsertOption
		u *use
	}
)

func (o searchOption) Request() (*milvuspb.SearchRequest, error) {
	req, err := o.SearchOption.Request()
	if err == nil {
		o.u.queries = req.GetNq()
		req.CollectionName = o.u.cacheName(req.GetCollectionName())
	}
	return req, err
}

func (o hybridOption) HybridRequest() (*milvuspb.HybridSearchRequest, error) {
	req, err := o.HybridSearchOption.HybridRequest()
	if err == nil {
		for _, part := range req.GetRequests() {
			o.u.queries = part.GetNq()
		}
		req.CollectionName = o.u.cacheName(req.GetCollectionName())
	}
	return req, err
}

func (o queryOption) Request() (*milvuspb.QueryRequest, error) {
	req, err := o.QueryOption.Request()
	if err == nil {
		req.CollectionName = o.u.cacheName(req.GetCollectionName())
	}
	return req, err
}

// Request is called for each batch of an iterator, and each time the cached name is of
// no consequence but for the first.
func (o iteratorOption) Request() (*milvuspb.QueryRequest, error) {
	req, err := o.QueryIteratorOption.Request()
	if err != nil {
		return nil, err
	}
	req.Expr = milvusbase.MarkIterator(req.GetExpr(), o.u.database)
	if o.u.collection == nil {
		req.CollectionName = o.u.cacheName(req.GetCollectionName())
	}
	return req, nil
}

// CollectionName is what the SDK's cache is asked for.
func (o insertOption) CollectionName() string { return o.u.cacheName(o.InsertOption.CollectionName()) }

func (o insertOption) InsertRequest(schema *entity.Collection) (*milvuspb.InsertRequest, error) {
	req, err := o.InsertOption.InsertRequest(schema)
	o.u.refuse(err)
	return req, err
}

// CollectionName is what the SDK's cache is asked for.
func (o upsertOption) CollectionName() string { return o.u.cacheName(o.UpsertOption.CollectionName()) }

func (o upsertOption) UpsertRequest(schema *entity.Collection) (*milvuspb.UpsertRequest, error) {
	req, err := o.UpsertOption.UpsertRequest(schema)
	o.u.refuse(err)
	return req, err
}

// refuse ends a write that the SDK does not make a request of. The SDK would ask for the
// schema and try again, with 200 ms in between.
func (u *use) refuse(err error) {
	if err != nil {
		u.refused = err
		u.stop()
	}
}

// errResults stands for the error in one of the results of a search.
var errResults = errors.New("milvus: the SDK could not read all results")

// found calls a searching method of the SDK freshly. The SDK has the error of a result
// that it could not read in the result.
func found(ctx context.Context, c *Conn, call func(context.Context, *use) ([]milvusclient.ResultSet, error)) ([]milvusclient.ResultSet, error) {
	results, err := freshly(ctx, c, false, func(ctx context.Context, u *use) ([]milvusclient.ResultSet, error) {
		results, err := call(ctx, u)
		if err != nil {
			return nil, err
		}
		if len(results) != int(u.queries) {
			return nil, fmt.Errorf("milvus: Search: %d results for %d vectors", len(results), u.queries)
		}
		for i := range results {
			switch r := &results[i]; {
			case r.ResultCount == 0:
				r.Err = nil // of no rows, an old server sends no fields, which is an error to the SDK
			case r.Err != nil, r.IDs == nil, r.IDs.Len() != r.ResultCount, u.key != "" && r.IDs.Name() != u.key:
				err = errResults // the SDK took the key from an outdated schema
			}
		}
		return results, err
	})
	if errors.Is(err, errResults) {
		for i := range results {
			if r := &results[i]; r.Err == nil && r.ResultCount > 0 && r.IDs.Len() != r.ResultCount {
				r.Err = errResults
			}
		}
		err = nil // it is in the results
	}
	return results, err
}
