// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// WithDatabase returns a context whose requests go to another database than the one of
// [Config]. One pool serves any number of databases so: each request names its own. An
// empty name stands for the database of Config.
//
// The database must exist, and the credentials of the connection must be allowed to use
// it: the dial checks the database of Config alone. CreateDatabase, DropDatabase and the
// like name their database themselves. An iterator reads from the database of the call
// that made it.
func WithDatabase(ctx context.Context, name string) context.Context {
	return milvusbase.WithDatabase(ctx, name)
}

// databaseOf returns the database that ctx names, "" for the database of the factory.
func (h *hook) databaseOf(ctx context.Context) string { return milvusbase.DatabaseOf(ctx, h.database) }

// route returns the context for a request, with the header of its database.
func (h *hook) route(ctx context.Context, database string) (context.Context, error) {
	if !milvusbase.Sendable(database) {
		return nil, &invalidError{fmt.Errorf("milvus: database %q has characters other than printable ASCII: correct the name", database)}
	}
	return milvusbase.Route(ctx, database, h.database), nil
}

// separator stands between a collection and its database in a key. No name of a
// collection has it.
const separator = "\x00"

// keyOf returns the name under which the caches have a collection of a database: the
// SDK's, which knows no databases, and the family's. Of the factory's own database the
// key is the name of the collection.
func keyOf(database, collection string) string {
	if database == "" {
		return collection
	}
	return collection + separator + database
}

// key returns the name by which to call the SDK for a collection in the database of ctx.
func (c *Conn) key(ctx context.Context, collection string) string {
	return keyOf(c.hook.databaseOf(ctx), collection)
}

// unkey puts the names of collections into a request that the SDK made with keys.
func unkey(req any, database string) {
	if database == "" {
		return
	}
	if hybrid, ok := req.(*milvuspb.HybridSearchRequest); ok {
		for _, part := range hybrid.GetRequests() {
			unkey(part, database)
		}
	}
	if create, ok := req.(*milvuspb.CreateCollectionRequest); ok && strings.HasSuffix(create.GetCollectionName(), separator+database) {
		unkeySchema(create, database)
	}
	v := reflect.ValueOf(req).Elem().FieldByName("CollectionName")
	if v.Kind() == reflect.String {
		v.SetString(strings.TrimSuffix(v.String(), separator+database))
	}
}

// unkeySchema puts the name of the collection into the schema of a request.
func unkeySchema(create *milvuspb.CreateCollectionRequest, database string) {
	schema := protoadapt.MessageV2Of(new(schemapb.CollectionSchema))
	if err := proto.Unmarshal(create.GetSchema(), schema); err != nil {
		return // the server says what is wrong
	}
	named := protoadapt.MessageV1Of(schema).(*schemapb.CollectionSchema)
	named.Name = strings.TrimSuffix(named.GetName(), separator+database)
	if encoded, err := proto.Marshal(schema); err == nil {
		create.Schema = encoded
	}
}
