// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"fmt"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// WithDatabase returns a context whose requests go to another database than the one of
// [Config]. One pool serves any number of databases so: each request names its own. An
// empty name stands for the database of Config.
//
// The database must exist, and the credentials of the connection must be allowed to use
// it: the dial checks the database of Config alone. CreateDatabase, DropDatabase and the
// like name their database themselves. An iterator reads from the database of the call
// that made it. The task of a load, a flush or an index asks in the database that the
// context of each of its calls names.
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
