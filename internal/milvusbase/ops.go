// SPDX-License-Identifier: Apache-2.0

package milvusbase

import "github.com/penstock-go/penstock/core"

// The ready operations of the adapters. Each has the name of the method of Conn. The
// documentation of package milvus says why it has its safety.

func Search(collection string) core.Op {
	return op("Search", collection, core.ReadOnly)
}

func HybridSearch(collection string) core.Op {
	return op("HybridSearch", collection, core.ReadOnly)
}

func Query(collection string) core.Op {
	return op("Query", collection, core.ReadOnly)
}

func Get(collection string) core.Op {
	return op("Get", collection, core.ReadOnly)
}

func Insert(collection string) core.Op {
	return op("Insert", collection, core.Unsafe)
}

func Upsert(collection string) core.Op {
	return op("Upsert", collection, core.Idempotent)
}

func Delete(collection string) core.Op {
	return op("Delete", collection, core.Idempotent)
}

func CreateCollection(collection string) core.Op {
	return op("CreateCollection", collection, core.Idempotent)
}

func DropCollection(collection string) core.Op {
	return op("DropCollection", collection, core.Idempotent)
}

func DescribeCollection(collection string) core.Op {
	return op("DescribeCollection", collection, core.ReadOnly)
}

func ListCollections() core.Op {
	return op("ListCollections", "", core.ReadOnly)
}

func CreateIndex(collection string) core.Op {
	return op("CreateIndex", collection, core.Idempotent)
}

func Load(collection string) core.Op {
	return op("LoadCollection", collection, core.Idempotent)
}

func Release(collection string) core.Op {
	return op("ReleaseCollection", collection, core.Idempotent)
}

func Flush(collection string) core.Op {
	return op("Flush", collection, core.Idempotent)
}

func op(name, target string, safety core.Safety) core.Op {
	return core.Op{Name: name, Target: target, Safety: safety}
}
