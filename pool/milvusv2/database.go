// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"cmp"
	"context"
	"fmt"

	"google.golang.org/grpc/metadata"
)

// databaseHeader is the header by which Milvus chooses the database of a request.
const databaseHeader = "dbname"

// databaseKey is the key of the context value that names a database.
type databaseKey struct{}

// WithDatabase returns a context whose requests go to another database than the one of
// [Config]. One pool serves any number of databases so: each request names its own. An
// empty name stands for the database of Config.
//
// The database must exist, and the credentials of the connection must be allowed to use
// it: the dial checks the database of Config alone. CreateDatabase, DropDatabase and the
// like name their database themselves. An iterator, or the task of a load, a flush or an
// index, asks in the database that the context of each of its calls names.
func WithDatabase(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, databaseKey{}, name)
}

// databaseOf returns the database that ctx names, "" for the database of the factory.
func (h *hook) databaseOf(ctx context.Context) string {
	name, _ := ctx.Value(databaseKey{}).(string)
	if name == cmp.Or(h.database, defaultDatabase) {
		return ""
	}
	return name
}

// route returns the context for a request, with the header of its database.
func (h *hook) route(ctx context.Context, database string) (context.Context, error) {
	if !sendable(database) {
		return nil, &invalidError{fmt.Errorf("milvus: database %q has characters other than printable ASCII: correct the name", database)}
	}
	if name := cmp.Or(database, h.database); name != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, databaseHeader, name)
	}
	return ctx, nil
}
