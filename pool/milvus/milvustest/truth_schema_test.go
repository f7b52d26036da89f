// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

func TestCreatingACollectionAgain(t *testing.T) {
	type request = milvuspb.CreateCollectionRequest
	type schema = schemapb.CollectionSchema
	for _, version := range []string{v23, v24} {
		q := ask(t, version)
		create := func(what string, want int32, change func(*request, *schema)) {
			t.Helper()
			st, err := q.create("c", func(r *request, s *schema) {
				r.ConsistencyLevel = commonpb.ConsistencyLevel_Session
				if change != nil {
					change(r, s)
				}
			}, primary(field("id", int64Type)), field("vec", vectorType, "dim", "2"))
			q.done(version+" "+what, want, st, err)
		}
		create("first", 0, nil)
		create("the same", 0, nil)
		create("no shards, which is one", 0, func(r *request, _ *schema) { r.ShardsNum = 0 })
		create("AutoID of the schema, which nobody reads", 0, func(_ *request, s *schema) { s.AutoID = true })
		create("another level", 65535, func(r *request, _ *schema) { r.ConsistencyLevel = commonpb.ConsistencyLevel_Eventually })
		create("more shards", 65535, func(r *request, _ *schema) { r.ShardsNum = 2 })
		create("properties", 65535, func(r *request, _ *schema) { r.Properties = pairs("collection.ttl.seconds", "100") })
		create("a description", 65535, func(_ *request, s *schema) { s.Description = "other" })
		create("a description of a field", 65535, func(_ *request, s *schema) { s.Fields[1].Description = "other" })
		create("dynamic fields", 65535, func(_ *request, s *schema) { s.EnableDynamicField = true })
		create("another dimension", 65535, func(_ *request, s *schema) { s.Fields[1].TypeParams[0].Value = "4" })
		create("another name in the schema", 1100, func(_ *request, s *schema) { s.Name = "d" })
		st, err := q.raw.CreatePartition(q.ctx, &milvuspb.CreatePartitionRequest{CollectionName: "c", PartitionName: "p"})
		q.done("create partition", 0, st, err)
		create("after a partition", 65535, nil)
	}
}

func TestLimitsOfSchemas(t *testing.T) {
	type request = milvuspb.CreateCollectionRequest
	fields := func(list ...*schemapb.FieldSchema) []*schemapb.FieldSchema { return list }
	id, vec := func() *schemapb.FieldSchema { return primary(field("id", int64Type)) }, func() *schemapb.FieldSchema { return field("vec", vectorType, "dim", "2") }
	with := func(f *schemapb.FieldSchema) []*schemapb.FieldSchema { return fields(id(), vec(), f) }
	many := func(n int) []*schemapb.FieldSchema {
		list := fields(id(), vec())
		for i := len(list); i < n; i++ {
			list = append(list, field(fmt.Sprint("f", i), int64Type))
		}
		return list
	}
	shards := func(n int32) func(*request) { return func(r *request) { r.ShardsNum = n } }
	partitions := func(n int64) func(*request) { return func(r *request) { r.NumPartitions = n } }
	auto := func(f *schemapb.FieldSchema) *schemapb.FieldSchema {
		f.AutoID = true
		return f
	}
	eachRelease(t, func(q truth) {
		for _, test := range []struct {
			name     string
			fields   []*schemapb.FieldSchema
			change   func(*request)
			old, new int32
		}{
			{"64 fields", many(64), nil, 0, 0},
			{"65 fields", many(65), nil, 65535, 1100},
			{"16 shards", many(2), shards(16), 0, 0},
			{"17 shards", many(2), shards(17), 65535, 1100},
			{"a negative number of shards", many(2), shards(-1), 0, 0},
			{"no field", nil, nil, 65535, 1100},
			{"no vector", fields(id()), nil, 0, 1100},
			{"two vectors", with(field("v2", vectorType, "dim", "2")), nil, 65535, 0},
			{"five vectors", fields(id(), vec(), field("v2", vectorType, "dim", "2"), field("v3", vectorType, "dim", "2"),
				field("v4", vectorType, "dim", "2"), field("v5", vectorType, "dim", "2")), nil, 65535, 1100},
			{"no primary key", fields(field("id", int64Type), vec()), nil, 65535, 1100},
			{"two primary keys", with(primary(field("id2", int64Type))), nil, 65535, 1100},
			{"a key of another type", fields(primary(field("id", doubleType)), vec()), nil, 65535, 1100},
			{"AutoID of another field", with(auto(field("k", int64Type))), nil, 65535, 1100},
			{"a partition key", with(partitionKey(field("k", int64Type))), nil, 0, 0},
			{"a partition key that is a text", with(partitionKey(field("k", textType, "max_length", "9"))), nil, 0, 0},
			{"a partition key that is a double", with(partitionKey(field("k", doubleType))), nil, 65535, 1100},
			{"a partition key that is the primary key", fields(partitionKey(id()), vec()), nil, 65535, 1100},
			{"two partition keys", fields(id(), vec(), partitionKey(field("k", int64Type)), partitionKey(field("l", int64Type))), nil, 65535, 1100},
			{"4096 partitions", with(partitionKey(field("k", int64Type))), partitions(4096), 0, 0},
			{"4097 partitions", with(partitionKey(field("k", int64Type))), partitions(4097), 65535, 1100},
			{"a negative number of partitions", with(partitionKey(field("k", int64Type))), partitions(-1), 65535, 1100},
			{"a partition without a key", many(2), partitions(1), 65535, 1100},
			{"two fields of one name", with(field("id", int64Type)), nil, 65535, 1100},
			{"an empty name", with(field("", int64Type)), nil, 1701, 1701},
			{"a name with a digit in front", with(field("1a", int64Type)), nil, 1701, 1701},
			{"a name with a dot", with(field("a.b", int64Type)), nil, 1701, 1701},
			{"a name of 255 characters", with(field(strings.Repeat("x", 255), int64Type)), nil, 0, 0},
			{"a name of 256 characters", with(field(strings.Repeat("x", 256), int64Type)), nil, 1701, 1701},
			{"the name of a system field", with(field("RowID", int64Type)), nil, 1100, 1100},
			{"a keyword as a name", with(field("in", int64Type)), nil, 0, 0},
			{"no dimension", fields(id(), field("vec", vectorType)), nil, 65535, 1100},
			{"dimension 0", fields(id(), field("vec", vectorType, "dim", "0")), nil, 65535, 1100},
			{"dimension 1", fields(id(), field("vec", vectorType, "dim", "1")), nil, 0, 0},
			{"dimension 32768", fields(id(), field("vec", vectorType, "dim", "32768")), nil, 0, 0},
			{"dimension 32769", fields(id(), field("vec", vectorType, "dim", "32769")), nil, 65535, 1100},
			{"dimension 4.0", fields(id(), field("vec", vectorType, "dim", "4.0")), nil, 65535, 1100},
			{"no length", with(field("s", textType)), nil, 65535, 1100},
			{"length x", with(field("s", textType, "max_length", "x")), nil, 65535, 1100},
			{"length 0", with(field("s", textType, "max_length", "0")), nil, 1100, 1100},
			{"length 65535", with(field("s", textType, "max_length", "65535")), nil, 0, 0},
			{"length 65536", with(field("s", textType, "max_length", "65536")), nil, 1100, 1100},
			{"no type", with(field("x", schemapb.DataType_None)), nil, 65535, 1100},
		} {
			q.fresh()
			version, want := q.version, q.pick(test.old, test.new)
			st, err := q.create("c", func(r *request, _ *schemapb.CollectionSchema) {
				if test.change != nil {
					test.change(r)
				}
			}, test.fields...)
			q.done(version+" "+test.name, want, st, err)
		}
	})
}

func TestParametersOfIndexes(t *testing.T) {
	const vec, none = "vec", ""
	l2 := func(more ...string) []string { return append([]string{"metric_type", "L2"}, more...) }
	eachRelease(t, func(q truth) {
		for _, test := range []struct {
			field, name string
			params      []string
			old, new    int32
		}{
			{vec, none, nil, 0, 0},
			{vec, none, []string{"index_type", "FLAT"}, 65535, 1100},
			{vec, none, l2("index_type", "FLAT"), 0, 0},
			{vec, none, []string{"index_type", "FLAT", "metric_type", "l2"}, 65535, 0},
			{vec, none, []string{"index_type", "FLAT", "metric_type", "HAMMING"}, 65535, 1100},
			{vec, none, []string{"index_type", "FLAT", "metric_type", ""}, 65535, 1100},
			{vec, none, l2("index_type", "flat"), 65535, 1100},
			{vec, none, l2("index_type", ""), 65535, 1100},
			{vec, none, l2("index_type", "NOPE"), 65535, 1100},
			{vec, none, l2(), 0, 0},
			{vec, none, []string{"metric_type", "NOPE"}, 65535, 1100},
			{vec, none, l2("index_type", "AUTOINDEX"), 0, 0},
			{vec, none, l2("index_type", "AUTOINDEX", "nlist", "5"), 65535, 1100},
			{vec, none, []string{"index_type", "AUTOINDEX", "metric_type", "HAMMING"}, 0, 1100},
			{vec, none, l2("index_type", "FLAT", "params", "{}"), 0, 0},
			{vec, none, l2("index_type", "FLAT", "params", "{"), 65535, 1100},
			{vec, none, l2("index_type", "FLAT", "params", "[]"), 65535, 1100},
			{vec, none, l2("index_type", "FLAT", "foo", "bar"), 0, 0},
			{vec, none, l2("index_type", "FLAT", "dim", "8"), 65535, 1100},
			{vec, none, l2("index_type", "IVF_FLAT"), 65535, 1100},
			{vec, none, l2("index_type", "IVF_FLAT", "nlist", "0"), 65535, 1100},
			{vec, none, l2("index_type", "IVF_FLAT", "nlist", "1"), 0, 0},
			{vec, none, l2("index_type", "IVF_FLAT", "nlist", "65536"), 0, 0},
			{vec, none, l2("index_type", "IVF_FLAT", "nlist", "65537"), 65535, 1100},
			{vec, none, l2("index_type", "IVF_FLAT", "nlist", "x"), 65535, 1100},
			{vec, none, l2("index_type", "IVF_FLAT", "params", `{"nlist":"128"}`), 0, 0},
			{vec, none, l2("index_type", "IVF_SQ8", "params", `{"nlist":128}`), 0, 0},
			{vec, none, l2("index_type", "SCANN"), 65535, 1100},
			{vec, none, l2("index_type", "SCANN", "nlist", "128"), 0, 0},
			{vec, none, l2("index_type", "IVF_PQ", "nlist", "128"), 65535, 1100},
			{vec, none, l2("index_type", "IVF_PQ", "nlist", "128", "m", "2", "nbits", "65"), 0, 0},
			{vec, none, l2("index_type", "IVF_PQ", "nlist", "128", "m", "3"), 65535, 1100},
			{vec, none, l2("index_type", "IVF_PQ", "nlist", "128", "m", "0"), 65535, 1100},
			{vec, none, l2("index_type", "HNSW"), 65535, 1100},
			{vec, none, l2("index_type", "HNSW", "M", "16"), 65535, 1100},
			{vec, none, l2("index_type", "HNSW", "M", "16", "efConstruction", "100"), 0, 0},
			{vec, none, l2("index_type", "HNSW", "M", "0", "efConstruction", "100"), 65535, 1100},
			{vec, none, l2("index_type", "HNSW", "M", "2048", "efConstruction", "100"), 0, 0},
			{vec, none, l2("index_type", "HNSW", "M", "2049", "efConstruction", "100"), 65535, 1100},
			{vec, none, l2("index_type", "HNSW", "M", "16", "efConstruction", "0"), 65535, 1100},
			{vec, none, l2("index_type", "HNSW", "M", "16", "efConstruction", "2147483648"), 65535, 1100},
			{vec, none, []string{"index_type", "HNSW", "metric_type", "HAMMING", "M", "16", "efConstruction", "100"}, 0, 1100},
			{vec, none, l2("index_type", "DISKANN"), 0, 0},
			{vec, none, l2("index_type", "GPU_CAGRA"), 65535, 0},
			{vec, none, []string{"index_type", "BIN_FLAT", "metric_type", "HAMMING"}, 65535, 1100},
			{vec, none, []string{"index_type", "SPARSE_INVERTED_INDEX", "metric_type", "IP"}, 65535, 1100},
			{vec, none, []string{"index_type", "Trie"}, 65535, 1100},
			{vec, "a-b", l2("index_type", "FLAT"), 65535, 1100},
			{vec, "1a", l2("index_type", "FLAT"), 65535, 1100},
			{vec, "_a", l2("index_type", "FLAT"), 0, 0},
			{vec, strings.Repeat("x", 256), l2("index_type", "FLAT"), 65535, 1100},
			{"nope", none, nil, 65535, 1100},
			{"k", none, nil, 0, 0},
			{"k", none, []string{"index_type", "STL_SORT"}, 0, 0},
			{"k", none, []string{"index_type", "Trie"}, 1100, 1100},
			{"k", none, []string{"index_type", "FLAT"}, 1100, 1100},
			{"k", none, []string{"index_type", "INVERTED"}, 1100, 0},
			{"k", none, []string{"index_type", "AUTOINDEX"}, 1100, 0},
			{"k", none, []string{"metric_type", "L2"}, 0, 0},
			{"s", none, []string{"index_type", "Trie"}, 0, 0},
			{"s", none, []string{"index_type", "marisa-trie"}, 0, 0},
			{"s", none, []string{"index_type", "STL_SORT"}, 1100, 1100},
			{"b", none, nil, 1100, 0},
			{"j", none, nil, 1100, 1100},
		} {
			q.fresh()
			version, want := q.version, q.pick(test.old, test.new)
			st, err := q.create("c", nil, primary(field("id", int64Type)), field("k", int64Type), field("s", textType, "max_length", "9"),
				field("b", boolType), field("j", jsonType), field("vec", vectorType, "dim", "4"))
			q.done("create", 0, st, err)
			st, err = q.raw.CreateIndex(q.ctx, &milvuspb.CreateIndexRequest{
				CollectionName: "c", FieldName: test.field, IndexName: test.name, ExtraParams: pairs(test.params...),
			})
			q.done(fmt.Sprintf("%s %s %.20s %v", version, test.field, test.name, test.params), want, st, err)
		}
	})
}

func TestIndexesOf23AreFoundByNameAlone(t *testing.T) {
	q := ask(t, v23)
	q.ready("c")
	describe := func(field, name string, code int32, want int) {
		t.Helper()
		r, err := q.raw.DescribeIndex(q.ctx, &milvuspb.DescribeIndexRequest{CollectionName: "c", FieldName: field, IndexName: name})
		q.done("describe "+field+" "+name, code, r.GetStatus(), err)
		if n := len(r.GetIndexDescriptions()); n != want {
			t.Errorf("DescribeIndex of field %q and name %q = %d, want %d", field, name, n, want)
		}
	}
	drop := func(field, name string, code int32) {
		t.Helper()
		//lint:ignore SA1019 old clients send it
		st, err := q.raw.DropIndex(q.ctx, &milvuspb.DropIndexRequest{CollectionName: "c", FieldName: field, IndexName: name})
		q.done("drop "+field+" "+name, code, st, err)
	}
	describe("k", "", 0, 1)
	describe("", "nope", 700, 0)
	drop("k", "", 65535) // It is the index of vec, and the collection is loaded.
	st, err := q.raw.CreateIndex(q.ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "k", IndexName: "vec"})
	q.done("the name of another index", 65535, st, err)
	st, err = q.raw.CreateIndex(q.ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "k", IndexName: "other"})
	q.done("an index of a loaded collection", 0, st, err)
	st, err = q.raw.ReleaseCollection(q.ctx, &milvuspb.ReleaseCollectionRequest{CollectionName: "c"})
	q.done("release", 0, st, err)
	drop("", "", 65535) // There are two.
	drop("$meta", "x", 1701)
	drop("vec", "nope", 0)
	describe("", "", 0, 2)
	drop("vec", "other", 0)
	drop("nope", "", 0)
	describe("", "", 700, 0)
}
