// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"cmp"
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
)

// DefaultDatabase is Milvus' own name of the database of a connection that names none.
const DefaultDatabase = "default"

// databaseHeader is the header by which Milvus chooses the database of a request.
const databaseHeader = "dbname"

// databaseKey is the key of the context value that names a database.
type databaseKey struct{}

// WithDatabase returns a context that names the database of its requests.
func WithDatabase(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, databaseKey{}, name)
}

// DatabaseOf returns the database that ctx names, "" for the database of the
// configuration, which is configured, or the default if that is empty.
func DatabaseOf(ctx context.Context, configured string) string {
	name, _ := ctx.Value(databaseKey{}).(string)
	if name == cmp.Or(configured, DefaultDatabase) {
		return ""
	}
	return name
}

// Route returns the context for a request, with the header of its database. database is
// what DatabaseOf returned.
func Route(ctx context.Context, database, configured string) context.Context {
	if name := cmp.Or(database, configured); name != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, databaseHeader, name)
	}
	return ctx
}

// Sendable reports whether s can be the value of a gRPC header.
func Sendable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
