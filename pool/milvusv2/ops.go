// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/milvusbase"
)

// Search is the operation of [Conn.Search]. Like each of the ready operations, it has the
// name of the method of Conn, the collection as its target, and the safety with which
// Milvus can repeat it. It has no timeout of its own: the chain's holds.
//
//	var search = milvusv2.Search("docs") // once, as a package variable
func Search(collection string) core.Op { return milvusbase.Search(collection) }

// HybridSearch is the operation of [Conn.HybridSearch]. It is read-only.
func HybridSearch(collection string) core.Op { return milvusbase.HybridSearch(collection) }

// Query is the operation of [Conn.Query]. It is read-only.
func Query(collection string) core.Op { return milvusbase.Query(collection) }

// Get is the operation of [Conn.Get]. It is read-only.
func Get(collection string) core.Op { return milvusbase.Get(collection) }

// Insert is the operation of [Conn.Insert]. It is unsafe: Milvus does not refuse a row
// whose key is there, so that a repeated insert may leave each row twice. Use [Upsert]
// for rows with keys of your own.
func Insert(collection string) core.Op { return milvusbase.Insert(collection) }

// Upsert is the operation of [Conn.Upsert]. It is idempotent: the key decides which row
// is replaced.
func Upsert(collection string) core.Op { return milvusbase.Upsert(collection) }

// Delete is the operation of Conn.Delete. It is idempotent. A repeated one also deletes
// rows that were written between the attempts; if another writer may bring a deleted key
// back, declare an unsafe operation of your own.
func Delete(collection string) core.Op { return milvusbase.Delete(collection) }

// CreateCollection is the operation of [Conn.CreateCollection]. It is idempotent: Milvus
// takes the same schema again, and refuses another one.
func CreateCollection(collection string) core.Op { return milvusbase.CreateCollection(collection) }

// DropCollection is the operation of Conn.DropCollection. It is idempotent: Milvus says
// nothing if the collection is not there.
func DropCollection(collection string) core.Op { return milvusbase.DropCollection(collection) }

// DescribeCollection is the operation of Conn.DescribeCollection. It is read-only.
func DescribeCollection(collection string) core.Op { return milvusbase.DescribeCollection(collection) }

// ListCollections is the operation of Conn.ListCollections. It is read-only and has no
// target.
func ListCollections() core.Op { return milvusbase.ListCollections() }

// CreateIndex is the operation of Conn.CreateIndex and of the Await of its task. It is
// idempotent: Milvus takes the same index again. Give it a timeout: Await waits until the
// index is built.
func CreateIndex(collection string) core.Op { return milvusbase.CreateIndex(collection) }

// Load is the operation of Conn.LoadCollection and of the Await of its task. It is
// idempotent. Give it a timeout: Await waits until the collection is loaded.
func Load(collection string) core.Op { return milvusbase.Load(collection) }

// Release is the operation of Conn.ReleaseCollection. It is idempotent.
func Release(collection string) core.Op { return milvusbase.Release(collection) }

// Flush is the operation of Conn.Flush and of the Await of its task. It is idempotent. No
// insert needs it: Milvus finds rows without, seals them by itself, and allows a flush in
// ten seconds.
func Flush(collection string) core.Op { return milvusbase.Flush(collection) }
