// SPDX-License-Identifier: Apache-2.0

// Package milvustest is a Milvus server for tests and demos. It speaks the real
// gRPC protocol on a TCP listener of this process, keeps its data in memory, and
// can be made to fail, to delay, to hang and to drop connections.
//
//	srv := milvustest.Start(t) // in a test; elsewhere milvustest.New
//
//	c, err := client.NewClient(ctx, client.Config{Address: srv.Addr()})
//
//	remove := srv.Inject(milvustest.Fault{Method: "Search", Status: milvustest.RateLimited("slow down"), Times: 2})
//	defer remove()
//
// # What it does
//
// Databases, collections, partitions, indexes, load and release, insert, upsert,
// delete, flush, query, search, row counts, versions, health, user and password
// or an API key, and TLS. Search is exact: every index answers as FLAT does,
// scores are float32 with the sign and the order of Milvus (L2 squared and
// ascending, IP and COSINE descending), and equal scores come in the order of
// the primary keys. Query answers in the order of the primary keys.
//
// Filters know ==, !=, <, <=, >, >=, in, not in, like, and, or, not, &&, ||, !,
// parentheses, chains such as 1 < a < 5, and keys of JSON and dynamic fields
// (meta["key"]) over bool, integer, float, varchar and JSON fields.
//
// Errors carry the codes of Milvus, in the field that new clients read and in
// the one that old clients read.
//
// # What it does not do
//
// It is no database: nothing is written to disk, nothing is distributed, and
// nothing is ever pending. A read sees every write that was answered, at every
// consistency level; with Config.TimeTick, reads wait as their level says in Milvus. A segment is flushed, an index built and a collection
// loaded at once.
//
// Inserting a primary key that exists replaces its row, as Upsert does; Milvus
// keeps both rows and shows one. Dropping an object that does not exist
// succeeds, as in Milvus, except for databases.
//
// Not supported: vectors that are not float vectors, array fields, aliases,
// hybrid search, range search, grouping, arithmetic in filters, bulk import,
// users, roles, resource groups and compaction. A call of an RPC that is not
// supported gets the gRPC code Unimplemented, and a request for a feature that
// is not supported gets code 1100.
package milvustest
