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
// Databases, collections, aliases, partitions, indexes, load and release, insert,
// upsert, delete, flush, query, search, hybrid search, row counts, versions, health,
// users and passwords or an API key, roles, resource groups, and TLS. Fields may be
// scalars, JSON, arrays, and float, half, binary and sparse vectors.
//
// Search is exact: every index answers as FLAT does, scores are float32 with the sign
// and the order of Milvus (L2 squared and ascending, IP and COSINE descending), and
// equal scores come in the order of the primary keys. Search pages, searches ranges and
// groups. Query answers in the order of the primary keys.
//
// With Config.TracerProvider the server makes spans as Milvus does.
//
// Filters are those of the release that the server is: see below.
//
// Errors carry the codes of Milvus, in the field that new clients read and in
// the one that old clients read. A request may have 64 MB and a reply 256 MB, as Milvus is
// configured.
//
// # Releases
//
// A server that Config.Version starts as 2.3 behaves as Milvus 2.3.5 does, its faults
// included. It answers most mistakes with code 65535, where a server of 2.4 and later
// has codes that tell them apart. A query whose collection has several rows of a key
// loses its last rows, because a segment of 2.3 reads as many rows as it has keys. An
// upsert replaces a row in its own partition alone. A number may be NaN, a document of
// JSON has to be an object, and a partition key makes 64 partitions, where it makes 16
// in later releases.
//
// In every release, inserting a primary key that exists keeps both rows: a query shows
// the oldest, count(*) counts both, a search finds the nearer one, and a delete or an
// upsert removes both. A delete counts the keys that its filter names, whether they are
// there or not. The row count of a collection counts the rows that were flushed,
// also if they were deleted since.
//
// # Faults
//
// A [Fault] strikes calls by their method, by a predicate, by a share, a chance, a rate
// or a number, and several faults may strike one call: their delays add up, and the
// first answer wins.
//
//	srv.Inject(milvustest.Fault{Method: "Search", Latency: milvustest.Exponential(5 * time.Millisecond)})
//	srv.Inject(milvustest.Fault{Method: "Insert", Above: 100, Status: milvustest.RateLimited("quota")})
//	srv.Inject(milvustest.Fault{Chance: 0.001, Drop: true, Seed: 1})
//
// # What it does not do
//
// It is no database: nothing is written to disk, nothing is distributed, and
// nothing is ever pending. A read sees every write that was answered, at every
// consistency level; with Config.TimeTick, reads wait as their level says in Milvus. A
// segment is flushed, an index built and a collection loaded at once.
//
// Dropping an object that does not exist succeeds, as in Milvus. A request that would end
// the process of Milvus 2.3.5, such as a vector without its dimension, is an error.
//
// Roles and grants are kept and listed; every user may do everything. As 2.3 the server
// ignores parameters of a search that it does not know, as Milvus 2.3 does; as a later
// release it refuses them.
//
// Not supported: groups of more than one hit, searches by primary key, bulk import
// (code 2100), and backups of roles. A call of an RPC that is not supported gets the
// gRPC code Unimplemented, and a request for a feature that is not supported gets code
// 1100.
//
// # Filters
//
// A server that is started as 2.3 reads filters as Milvus 2.3.5: it takes and refuses
// the same forms, with the same code, and matches the same rows. Later releases have
// more words and forms, each since its release: AND and OR in upper case, patterns with
// % anywhere and _, the order of a computed value and whole JSON fields since 2.4, empty
// lists and "is null" since 2.5. What is different on purpose:
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
//
// # What differs from Milvus 2.3.5
//
// Generated sequences of operations and a catalogue of hostile requests are answered by
// both. What differs on purpose, but for filters:
//
//	class                                     Milvus 2.3.5                         this server
//	a key with rows in several partitions     the row of the first to answer       the oldest row
//	rows of one key in a search               segments and equal scores are        segments are the rows between
//	                                          chance, and so is which hit makes    two flushes, and the older of
//	                                          room for the second row              equal scores is kept
//	order of equal scores                     that of a heap                       that of the keys
//	stale cache of the proxy                  after a release, a search by an      code 101: not loaded
//	                                          alias fails in a node (65535)
//	state of no compaction                    whether any compaction runs          executing
//	version                                   that of the build                    Config.Version
package milvustest
