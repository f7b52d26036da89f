// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

func TestJSONOfRows(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 65536) + `"}`
	eachRelease(t, func(q truth) {
		for _, test := range []struct {
			text                  string
			old, oldDynamic, new_ int32
		}{
			{`{}`, 0, 0, 0}, {` {"a": 1} `, 0, 0, 0}, {`{"a":1,"a":2}`, 0, 0, 0}, {`null`, 0, 0, 0},
			{`[1,2]`, 1001, 65535, 0}, {`1`, 1001, 65535, 0}, {`"x"`, 1001, 65535, 0}, {`true`, 1001, 65535, 0},
			{`{`, 1001, 65535, 1100}, {``, 1001, 65535, 1100}, {`{"a":1}x`, 1001, 65535, 1100}, {`{"a":NaN}`, 1001, 65535, 1100},
			{`{"a":1e400}`, 1001, 65535, 0}, {`{"$meta":1}`, 0, 65535, 0}, {`{"id":1}`, 0, 0, 0}, {long, 1100, 1100, 1100},
		} {
			q.fresh()
			version, want := q.version, q.pick(test.old, test.new_)
			st, err := q.create("c", func(_ *milvuspb.CreateCollectionRequest, s *schemapb.CollectionSchema) { s.EnableDynamicField = true },
				primary(field("id", int64Type)), field("j", jsonType), field("vec", vectorType, "dim", "2"))
			q.done("create", 0, st, err)
			insert := func(what string, want int32, data ...*schemapb.FieldData) {
				t.Helper()
				r, err := q.raw.Insert(q.ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 1, FieldsData: data})
				q.done(fmt.Sprintf("%s %s %.20s", version, what, test.text), want, r.GetStatus(), err)
			}
			insert("field", want, longs("id", 1), documents("j", test.text), vectorsOf(2, 1, 2))
			if version == v23 {
				dynamic := documents("", test.text)
				dynamic.IsDynamic = true
				insert("dynamic", test.oldDynamic, longs("id", 2), documents("j", "{}"), vectorsOf(2, 1, 2), dynamic)
			}
		}
	})
}

func TestMistakesInRows(t *testing.T) {
	ints := func(name string, kind schemapb.DataType, values ...int32) *schemapb.FieldData {
		return &schemapb.FieldData{Type: kind, FieldName: name, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
			Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: values}},
		}}}
	}
	doubles := func(values ...float64) *schemapb.FieldData {
		return &schemapb.FieldData{Type: doubleType, FieldName: "d", Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
			Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: values}},
		}}}
	}
	rows := func() []*schemapb.FieldData {
		return []*schemapb.FieldData{
			longs("id", 1, 2), ints("i8", schemapb.DataType_Int8, 1, 2), ints("i32", schemapb.DataType_Int32, 1, 2),
			doubles(1, 2), texts("s", "a", "b"), documents("j", "{}", "{}"), vectorsOf(2, 1, 2, 3, 4),
		}
	}
	const id, i8, i32, d, s, j, vec = 0, 1, 2, 3, 4, 5, 6
	type data = []*schemapb.FieldData
	set := func(i int, fd *schemapb.FieldData) func(data) data {
		return func(list data) data {
			list[i] = fd
			return list
		}
	}
	without := func(i int) func(data) data {
		return func(list data) data { return append(list[:i:i], list[i+1:]...) }
	}
	empty := func(i int) func(data) data {
		return func(list data) data {
			list[i].Field = nil
			return list
		}
	}
	twice := func(i int) func(data) data { return func(list data) data { return append(list, list[i]) } }
	same := func(list data) data { return list }
	eachRelease(t, func(q truth) {
		for _, test := range []struct {
			name     string
			n        uint32
			change   func(data) data
			old, new int32
		}{
			{"good", 2, same, 0, 0},
			{"no rows", 0, same, 1100, 1100},
			{"too few rows", 3, same, 1100, 1100},
			{"without id", 2, without(id), 1100, 1100}, {"without i8", 2, without(i8), 1100, 1100},
			{"without i32", 2, without(i32), 65535, 1100}, {"without d", 2, without(d), 65535, 1100},
			{"without s", 2, without(s), 1100, 1100}, {"without j", 2, without(j), 1100, 1100}, {"without vec", 2, without(vec), 1100, 1100},
			{"id without data", 2, empty(id), 65535, 1100}, {"i32 without data", 2, empty(i32), 65535, 1100},
			{"s without data", 2, empty(s), 1100, 1100}, {"vec without data", 2, empty(vec), 1100, 1100},
			{"id twice", 2, twice(id), 1100, 1100}, {"vec twice", 2, twice(vec), 1100, 1100},
			{"a field that is not there", 2, func(list data) data { return append(list, longs("nope", 1, 2)) }, 1100, 1700},
			{"a field without a name", 2, func(list data) data { list[d].FieldName = ""; return list }, 1100, 1700},
			{"a short column", 2, set(s, texts("s", "a")), 1100, 1100},
			{"a long column", 2, set(i32, ints("i32", schemapb.DataType_Int32, 1, 2, 3)), 1100, 1100},
			{"a short vector column", 2, set(vec, vectorsOf(2, 1, 2)), 1100, 1100},
			{"an odd vector column", 2, set(vec, vectorsOf(2, 1, 2, 3)), 65535, 1100},
			{"another dimension", 2, set(vec, vectorsOf(4, 1, 2, 3, 4, 5, 6, 7, 8)), 1100, 1100},
			{"a vector with NaN", 2, set(vec, vectorsOf(2, 1, 2, 3, float32(math.NaN()))), 65535, 1100},
			{"a vector with Inf", 2, set(vec, vectorsOf(2, 1, 2, 3, float32(math.Inf(1)))), 65535, 1100},
			{"a number that is NaN", 2, set(d, doubles(1, math.NaN())), 0, 1100},
			{"an int8 out of range", 2, set(i8, ints("i8", schemapb.DataType_Int8, 1, 128)), 1100, 1100},
			{"a text of the full length in bytes", 2, set(s, texts("s", "12345", "日ab")), 0, 0},
			{"a text that is too long in bytes", 2, set(s, texts("s", "a", "日本")), 1100, 1100},
			{"a type that only the label has", 2, func(list data) data { list[i32].Type = doubleType; return list }, 0, 1100},
			{"data of another type", 2, set(s, longs("s", 1, 2)), 1100, 1100},
		} {
			q.fresh()
			version, want := q.version, q.pick(test.old, test.new)
			st, err := q.create("c", nil, primary(field("id", int64Type)), field("i8", schemapb.DataType_Int8), field("i32", schemapb.DataType_Int32),
				field("d", doubleType), field("s", textType, "max_length", "5"), field("j", jsonType), field("vec", vectorType, "dim", "2"))
			q.done("create", 0, st, err)
			r, err := q.raw.Insert(q.ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: test.n, FieldsData: test.change(rows())})
			q.done(version+" insert "+test.name, want, r.GetStatus(), err)
			if failed := len(r.GetErrIndex()); want != 0 && failed != int(test.n) {
				t.Errorf("%s: %d rows failed, want all %d", test.name, failed, test.n)
			}
			u, err := q.raw.Upsert(q.ctx, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: test.n, FieldsData: test.change(rows())})
			q.done(version+" upsert "+test.name, want, u.GetStatus(), err)
		}
	})
}

func TestNamesAndStates(t *testing.T) {
	type call = func(q truth) (*commonpb.Status, error)
	has := func(name string) call {
		return func(q truth) (*commonpb.Status, error) {
			r, err := q.raw.HasCollection(q.ctx, &milvuspb.HasCollectionRequest{CollectionName: name})
			return r.GetStatus(), err
		}
	}
	drop := func(name string) call {
		return func(q truth) (*commonpb.Status, error) {
			return q.raw.DropCollection(q.ctx, &milvuspb.DropCollectionRequest{CollectionName: name})
		}
	}
	rename := func(from, to, db string) call {
		return func(q truth) (*commonpb.Status, error) {
			return q.raw.RenameCollection(q.ctx, &milvuspb.RenameCollectionRequest{OldName: from, NewName: to, NewDBName: db})
		}
	}
	state := func(name string, partitions ...string) call {
		return func(q truth) (*commonpb.Status, error) {
			r, err := q.raw.GetLoadState(q.ctx, &milvuspb.GetLoadStateRequest{CollectionName: name, PartitionNames: partitions})
			return r.GetStatus(), err
		}
	}
	progress := func(partitions ...string) call {
		return func(q truth) (*commonpb.Status, error) {
			r, err := q.raw.GetLoadingProgress(q.ctx, &milvuspb.GetLoadingProgressRequest{CollectionName: "c", PartitionNames: partitions})
			return r.GetStatus(), err
		}
	}
	load := func(change func(*milvuspb.LoadCollectionRequest)) call {
		return func(q truth) (*commonpb.Status, error) {
			req := &milvuspb.LoadCollectionRequest{CollectionName: "c"}
			change(req)
			return q.raw.LoadCollection(q.ctx, req)
		}
	}
	partition := func(name string) call {
		return func(q truth) (*commonpb.Status, error) {
			return q.raw.CreatePartition(q.ctx, &milvuspb.CreatePartitionRequest{CollectionName: "c", PartitionName: name})
		}
	}
	dropPartition := func(name string) call {
		return func(q truth) (*commonpb.Status, error) {
			return q.raw.DropPartition(q.ctx, &milvuspb.DropPartitionRequest{CollectionName: "c", PartitionName: name})
		}
	}
	hasPartition := func(name string) call {
		return func(q truth) (*commonpb.Status, error) {
			r, err := q.raw.HasPartition(q.ctx, &milvuspb.HasPartitionRequest{CollectionName: "c", PartitionName: name})
			return r.GetStatus(), err
		}
	}
	database := func(name string) call {
		return func(q truth) (*commonpb.Status, error) {
			return q.raw.DropDatabase(q.ctx, &milvuspb.DropDatabaseRequest{DbName: name})
		}
	}
	query := func(expr string, partitions ...string) call {
		return func(q truth) (*commonpb.Status, error) {
			r, err := q.raw.Query(q.ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: expr, PartitionNames: partitions, OutputFields: []string{"k"}})
			return r.GetStatus(), err
		}
	}
	elsewhere := func(inner call) call {
		return func(q truth) (*commonpb.Status, error) {
			q.ctx = q.nowhere()
			return inner(q)
		}
	}
	eachRelease(t, func(q truth) {
		for _, test := range []struct {
			name     string
			call     call
			old, new int32
		}{
			{"has a bad name", has("a-b"), 1100, 1100}, {"has an empty name", has(""), 1100, 1100}, {"has nothing", has("nope"), 0, 0},
			{"has in no database", elsewhere(has("c")), 0, 800}, {"drop in no database", elsewhere(drop("c")), 0, 800},
			{"query in no database", elsewhere(query("id > 0")), 100, 800},
			{"drop a bad name", drop("a-b"), 1100, 1100}, {"drop nothing", drop("nope"), 0, 0},
			{"rename a bad name", rename("a-b", "d", ""), 100, 100}, {"rename to a bad name", rename("c", "a-b", ""), 1100, 1100},
			{"rename into no database", rename("c", "d", "nope"), 65535, 800}, {"rename to itself", rename("c", "c", ""), 65535, 65535},
			{"state of nothing", state("nope"), 0, 0}, {"state of a bad name", state("a b"), 1100, 1100}, {"state of no partition", state("c", "nope"), 200, 200},
			{"progress of what is not loaded", progress(), 101, 101}, {"progress of a partition that is not", progress("_default"), 201, 201},
			{"load twice", load(func(r *milvuspb.LoadCollectionRequest) { r.ReplicaNumber = 2 }), 65535, 65535},
			{"load again what is not loaded", load(func(r *milvuspb.LoadCollectionRequest) { r.Refresh = true }), 101, 101},
			{"partition 1p", partition("1p"), 0, 0}, {"partition p-1", partition("p-1"), 65535, 1100}, {"partition without a name", partition(""), 65535, 1100},
			{"partition of 256 characters", partition(strings.Repeat("x", 256)), 65535, 1100}, {"partition that is there", partition("_default"), 0, 0},
			{"drop the default partition", dropPartition("_default"), 65535, 1100}, {"drop no partition", dropPartition("nope"), 0, 0},
			{"drop a partition of a bad name", dropPartition("a b"), 65535, 1100},
			{"has a partition of a bad name", hasPartition("a b"), 65535, 1100}, {"has no partition", hasPartition("nope"), 0, 0},
			{"drop no database", database("nope"), 0, 0}, {"drop a database of a bad name", database("1a"), 802, 802},
			{"query what is not loaded", query("id > 0"), 101, 101},
			{"query an unknown partition of what is not loaded", query("id > 0", "nope"), 65535, 200},
			{"query a partition of a bad name", query("id > 0", "p.*"), 65535, 1100},
			{"query without filter and limit what is not loaded", query(""), 65535, 1100},
		} {
			q.fresh()
			version, want := q.version, q.pick(test.old, test.new)
			st, err := q.create("c", nil, primary(field("id", int64Type)), field("k", int64Type), field("vec", vectorType, "dim", "2"))
			q.done("create", 0, st, err)
			st, err = q.raw.CreateIndex(q.ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "vec"})
			q.done("index", 0, st, err)
			st, err = test.call(q)
			q.done(version+" "+test.name, want, st, err)
		}
	})

	for version, want := range map[string]int32{v23: 65535, v24: 201} {
		q := ask(t, version)
		q.ready("c")
		st, err := partition("p")(q)
		q.done("create partition", 0, st, err)
		st, err = q.raw.ReleasePartitions(q.ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: "c", PartitionNames: []string{"p"}})
		q.done("release", 0, st, err)
		st, err = query("id > 0", "p")(q)
		q.done(version+" query a partition that is not loaded", want, st, err)
		st, err = query("id > 0", "_default", "_default")(q)
		q.done(version+" query a partition named twice", 0, st, err)
		r, err := q.raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c", PartitionName: "p", Expr: "k > 0"})
		q.done(version+" delete in a partition that is not loaded", 201, r.GetStatus(), err)
	}
}
