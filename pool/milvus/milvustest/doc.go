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
// Filters are those of the release that the server is: see below.
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
// hybrid search, range search, grouping, bulk import,
// users, roles, resource groups and compaction. A call of an RPC that is not
// supported gets the gRPC code Unimplemented, and a request for a feature that
// is not supported gets code 1100.
//
// # Filters
//
// A server that is started as 2.3 reads filters as Milvus 2.3.5: it takes and refuses
// the same forms, with the same code, and matches the same rows. Later releases have
// more words and forms, each since its release: AND and OR in upper case, patterns with
// % anywhere and _, and the order of a computed value since 2.4, empty lists, whole JSON
// fields and "is null" since 2.5. What is different on purpose:
//
//	filter                                       Milvus                       this server
//	k / 0 == 1, j["n"] % 0 == 1                  2.3.5 ends                   an error
//	"a" + "b" == s, k == -true, not 1            2.3.5 ends                   an error
//	text_match, phrase_match, random_sample      2.5 and later evaluate them  an error
//	{name}, a template                           2.5 and later fill it in     an error
//	functions of geometry, time and structures   2.6 evaluates them           an error
//	several syntax errors                        the text of the last         the text of the first
//	an error in evaluating an expression         names a line of C++          names the file
//	nesting deeper than 1,000                    taken by most releases       an error
//	"is null" on a field that is not JSON        true of a nullable field     never true
//	id * 2.5 == 5 on an integer field            an empty plan in 2.3 alone   in 2.4 and later an error
package milvustest
