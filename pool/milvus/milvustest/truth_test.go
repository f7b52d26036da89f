// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// The expectations of the tests of this file for release 2.3 were looked up on Milvus
// 2.3.5.

const (
	v23 = "2.3.5"
	v24 = "2.4.2"
)

// truth asks a server on the bare protocol.
type truth struct {
	t       *testing.T
	version string
	raw     milvuspb.MilvusServiceClient
	ctx     context.Context
}

func ask(t *testing.T, version string) truth {
	return truth{t, version, stub(t, start(t, milvustest.Config{Version: version})), testContext(t)}
}

// eachRelease calls f with a server of each release.
func eachRelease(t *testing.T, f func(q truth)) {
	for _, version := range []string{v23, v24} {
		t.Run(version, func(t *testing.T) { f(ask(t, version)) })
	}
}

// pick returns what is expected of the release of the server.
func (q truth) pick(old, new int32) int32 {
	if q.version == v23 {
		return old
	}
	return new
}

// fresh drops the collection c of an earlier case.
func (q truth) fresh() {
	q.t.Helper()
	st, err := q.raw.DropCollection(q.ctx, &milvuspb.DropCollectionRequest{CollectionName: "c"})
	q.done("drop", 0, st, err)
}

// done fails the test unless the call was answered with this code.
func (q truth) done(what string, want int32, st *commonpb.Status, err error) {
	q.t.Helper()
	switch {
	case err != nil:
		q.t.Errorf("%s: the call fails: %v", what, err)
	case st.GetCode() != want:
		q.t.Errorf("%s: code %d (%s), want %d", what, st.GetCode(), st.GetReason(), want)
	}
}

func pairs(keysAndValues ...string) (list []*commonpb.KeyValuePair) {
	for kv := range slices.Chunk(keysAndValues, 2) {
		list = append(list, &commonpb.KeyValuePair{Key: kv[0], Value: kv[1]})
	}
	return list
}

func field(name string, kind schemapb.DataType, params ...string) *schemapb.FieldSchema {
	return &schemapb.FieldSchema{Name: name, DataType: kind, TypeParams: pairs(params...)}
}

func primary(f *schemapb.FieldSchema) *schemapb.FieldSchema {
	f.IsPrimaryKey = true
	return f
}

func partitionKey(f *schemapb.FieldSchema) *schemapb.FieldSchema {
	f.IsPartitionKey = true
	return f
}

const (
	int64Type  = schemapb.DataType_Int64
	textType   = schemapb.DataType_VarChar
	floatType  = schemapb.DataType_Float
	doubleType = schemapb.DataType_Double
	boolType   = schemapb.DataType_Bool
	jsonType   = schemapb.DataType_JSON
	vectorType = schemapb.DataType_FloatVector
)

func (q truth) create(name string, change func(*milvuspb.CreateCollectionRequest, *schemapb.CollectionSchema), fields ...*schemapb.FieldSchema) (*commonpb.Status, error) {
	schema := &schemapb.CollectionSchema{Name: name, Fields: fields}
	req := &milvuspb.CreateCollectionRequest{CollectionName: name, ShardsNum: 1}
	if change != nil {
		change(req, schema)
	}
	var err error
	req.Schema, err = proto.Marshal(protoadapt.MessageV2Of(schema))
	must(q.t, err)
	return q.raw.CreateCollection(q.ctx, req)
}

// ready makes and loads a collection with the fields id, k and vec.
func (q truth) ready(name string) {
	q.t.Helper()
	st, err := q.create(name, nil, primary(field("id", int64Type)), field("k", int64Type), field("vec", vectorType, "dim", "2"))
	q.done("create", 0, st, err)
	q.load(name)
}

func (q truth) load(name string) {
	q.t.Helper()
	st, err := q.raw.CreateIndex(q.ctx, &milvuspb.CreateIndexRequest{
		CollectionName: name, FieldName: "vec", ExtraParams: pairs("index_type", "FLAT", "metric_type", "L2"),
	})
	q.done("index", 0, st, err)
	st, err = q.raw.LoadCollection(q.ctx, &milvuspb.LoadCollectionRequest{CollectionName: name})
	q.done("load", 0, st, err)
}

func longs(name string, values ...int64) *schemapb.FieldData {
	return &schemapb.FieldData{Type: int64Type, FieldName: name, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
		Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: values}},
	}}}
}

func texts(name string, values ...string) *schemapb.FieldData {
	return &schemapb.FieldData{Type: textType, FieldName: name, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
		Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: values}},
	}}}
}

func documents(name string, values ...string) *schemapb.FieldData {
	var raw [][]byte
	for _, v := range values {
		raw = append(raw, []byte(v))
	}
	return &schemapb.FieldData{Type: jsonType, FieldName: name, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
		Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: raw}},
	}}}
}

func vectorsOf(dim int64, values ...float32) *schemapb.FieldData {
	return &schemapb.FieldData{Type: vectorType, FieldName: "vec", Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
		Dim: dim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: values}},
	}}}
}

// rowsOf are rows with these keys, and k counted up from first. Their vectors are (id, k).
func rowsOf(first int64, keys []int64) []*schemapb.FieldData {
	var ks []int64
	var vs []float32
	for i, id := range keys {
		k := first + int64(i)
		ks = append(ks, k)
		vs = append(vs, float32(id), float32(k))
	}
	return []*schemapb.FieldData{longs("id", keys...), longs("k", ks...), vectorsOf(2, vs...)}
}

func (q truth) insert(partition string, first int64, keys ...int64) *milvuspb.MutationResult {
	q.t.Helper()
	r, err := q.raw.Insert(q.ctx, &milvuspb.InsertRequest{
		CollectionName: "c", PartitionName: partition, NumRows: uint32(len(keys)), FieldsData: rowsOf(first, keys),
	})
	q.done("insert", 0, r.GetStatus(), err)
	return r
}

func (q truth) upsert(partition string, first int64, keys ...int64) *milvuspb.MutationResult {
	q.t.Helper()
	r, err := q.raw.Upsert(q.ctx, &milvuspb.UpsertRequest{
		CollectionName: "c", PartitionName: partition, NumRows: uint32(len(keys)), FieldsData: rowsOf(first, keys),
	})
	q.done("upsert", 0, r.GetStatus(), err)
	return r
}

// sees fails the test unless a query shows these rows, as "id:k".
func (q truth) sees(what, want, expr string, params ...string) {
	q.t.Helper()
	r, err := q.raw.Query(q.ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: expr, OutputFields: []string{"k"}, QueryParams: pairs(params...)})
	q.done(what, 0, r.GetStatus(), err)
	column := func(name string) []int64 {
		for _, fd := range r.GetFieldsData() {
			if fd.GetFieldName() == name {
				return fd.GetScalars().GetLongData().GetData()
			}
		}
		return nil
	}
	var got []string
	ks := column("k")
	for i, id := range column("id") {
		got = append(got, fmt.Sprint(id, ":", ks[i]))
	}
	if text := strings.Join(got, " "); text != want {
		q.t.Errorf("%s: the query shows %q, want %q", what, text, want)
	}
}

func (q truth) counts(what string, want int64, expr string) {
	q.t.Helper()
	r, err := q.raw.Query(q.ctx, &milvuspb.QueryRequest{CollectionName: "c", Expr: expr, OutputFields: []string{"count(*)"}})
	q.done(what, 0, r.GetStatus(), err)
	if got := r.GetFieldsData()[0].GetScalars().GetLongData().GetData()[0]; got != want {
		q.t.Errorf("%s: count(*) = %d, want %d", what, got, want)
	}
}

// finds fails the test unless a search shows these rows, as "id:score".
func (q truth) finds(what, want string, topK, offset int, x, y float32) {
	q.t.Helper()
	req := searchRequest(q.t, []float32{x, y})
	req.CollectionName = "c"
	req.SearchParams = pairs("anns_field", "vec", "metric_type", "L2", "params", "{}", "topk", fmt.Sprint(topK), "offset", fmt.Sprint(offset))
	r, err := q.raw.Search(q.ctx, req)
	q.done(what, 0, r.GetStatus(), err)
	var got []string
	for i, id := range r.GetResults().GetIds().GetIntId().GetData() {
		got = append(got, fmt.Sprint(id, ":", r.GetResults().GetScores()[i]))
	}
	if text := strings.Join(got, " "); text != want {
		q.t.Errorf("%s: the search finds %q, want %q", what, text, want)
	}
}

func (q truth) delete(what string, want int64, partition, expr string) {
	q.t.Helper()
	r, err := q.raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c", PartitionName: partition, Expr: expr})
	q.done(what, 0, r.GetStatus(), err)
	if r.GetDeleteCnt() != want || r.GetAcknowledged() {
		q.t.Errorf("%s: delete = %v, want %d, not acknowledged", what, r, want)
	}
}

func TestDuplicatesOfAKeyStay(t *testing.T) {
	q := ask(t, v23)
	q.ready("c")
	if r := q.insert("", 10, 1, 2, 3); r.GetInsertCnt() != 3 || r.GetAcknowledged() || !slices.Equal(r.GetSuccIndex(), []uint32{0, 1, 2}) {
		t.Errorf("Insert = %v, want 3 rows that are not acknowledged", r)
	}
	q.insert("", 110, 1)
	// A segment reads three rows for its three keys: both of 1, and 2.
	q.sees("all", "1:10 2:11", "id > -100")
	q.counts("all", 4, "")
	q.sees("one key", "1:10", "id == 1")
	q.sees("the older", "1:10", "k == 10")
	q.sees("the newer", "1:110", "k == 110")
	q.counts("one key", 2, "id == 1")
	q.sees("limit", "1:10", "", "limit", "2")
	q.sees("limit and offset", "2:11", "", "limit", "2", "offset", "1")
	q.finds("near the newer", "1:0 3:9608 2:9802", 3, 0, 1, 110)
	q.finds("near the older", "1:0 2:2 3:8", 4, 0, 1, 10)
	q.finds("an offset", "3:9608", 1, 1, 1, 110)

	q.insert("", 200, 7, 7)
	q.sees("two rows of a key at once", "1:10 2:11 3:12", "id > -100")
	q.counts("two rows of a key at once", 6, "")
	q.finds("two of two have one key", "7:0", 2, 0, 7, 200)
	if r := q.upsert("", 300, 8, 8); r.GetUpsertCnt() != 2 || r.GetDeleteCnt() != 2 || r.GetInsertCnt() != 2 {
		t.Errorf("Upsert = %v, want it to count its rows", r)
	}
	q.sees("an upsert of two rows of a key keeps both", "8:300", "id == 8")
	q.counts("an upsert of two rows of a key keeps both", 2, "id == 8")
	q.upsert("", 400, 1)
	q.sees("an upsert removes both", "1:400", "id == 1")
	q.counts("an upsert removes both", 1, "id == 1")
	q.insert("", 500, 1)
	q.delete("both of a key", 1, "", "id in [1]")
	q.counts("both of a key", 0, "id == 1")
	q.insert("", 600, 2, 2)
	q.delete("by a filter", 2, "", "k >= 600")
	q.counts("a delete by a filter removes the other rows of the key", 0, "id == 2")
}

func TestASegmentReadsAsManyRowsAsItHasKeys(t *testing.T) {
	q := ask(t, v23)
	q.ready("c")
	q.insert("", 10, 1, 2, 3, 1, 2)
	st, err := q.raw.Flush(q.ctx, &milvuspb.FlushRequest{CollectionNames: []string{"c"}})
	q.done("flush", 0, st.GetStatus(), err)
	q.sees("one segment", "1:10 2:11", "id > 0")
	q.sees("a limit is a limit of rows", "1:10 2:11", "", "limit", "3")
	q.insert("", 100, 4, 4, 5)
	q.sees("two segments", "1:10 2:11 4:100", "id > 0")
	q.sees("a limit is one of the segments together", "1:10 2:11 3:12", "", "limit", "5")
	q.delete("what is read", 5, "", "k > 0")
	q.sees("what was not read", "3:12 5:102", "id > 0")
	q.insert("", 200, 3, 3)
	q.delete("all of 3", 1, "", "id == 3")
	q.insert("", 300, 3, 3, 3, 6)
	q.counts("a key that was deleted counts once", 5, "id > 0")
	q.sees("a key that was deleted counts once", "3:300 5:102", "id > 0")

	q = ask(t, v24)
	q.ready("c")
	q.insert("", 10, 1, 2, 3, 1, 2)
	q.sees("2.4 shows every key", "1:10 2:11 3:12", "id > 0")
	q.sees("2.4 shows every key", "1:10 2:11 3:12", "", "limit", "3")
	q.counts("2.4 keeps the rows", 5, "")
	q.delete("2.4 deletes every row", 5, "", "k > 0")
	q.counts("2.4 deletes every row", 0, "")
}

func TestAnUpsertIntoAnotherPartition(t *testing.T) {
	for version, left := range map[string]int64{v23: 2, v24: 1} {
		q := ask(t, version)
		q.ready("c")
		for _, name := range []string{"p1", "p2"} {
			st, err := q.raw.CreatePartition(q.ctx, &milvuspb.CreatePartitionRequest{CollectionName: "c", PartitionName: name})
			q.done("create partition", 0, st, err)
		}
		q.insert("", 10, 1, 2)
		q.upsert("p1", 20, 1)
		q.counts(version, left, "id == 1")
		q.finds(version, "1:0 2:82", 2, 0, 1, 20)
		q.delete("in a partition where the key is not", 1, "p2", "id in [2]")
		q.counts("in a partition where the key is not", 1, "id == 2")
		q.delete("everywhere", 1, "", "id == 1")
		q.counts("everywhere", 0, "id == 1")
	}
}

func TestDeletesCountTheKeysTheyName(t *testing.T) {
	q := ask(t, v23)
	q.ready("c")
	q.insert("", 10, 1, 2, 3, 4, 5)
	r, err := q.raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c"})
	q.done("no filter", 1100, r.GetStatus(), err)
	for _, test := range []struct {
		expr string
		want int64
	}{
		{"id in [77, 78]", 2}, {"id == 77", 1}, {"4 == id", 1}, {"id in [1, 1]", 2}, {"id in [1]", 1}, {"(id in [1])", 1},
		{"id in []", 0}, {"k == 9999", 0}, {"k == 11", 1}, {"id not in [3, 5]", 0}, {"id in [3] and k > 0", 1}, {"id > 100", 0},
		{"  ", 1}, // Milvus 2.3 takes spaces for a filter that matches every row.
		{"", 0},   // It refuses an empty filter only if there is a row to delete.
	} {
		q.delete(test.expr, test.want, "", test.expr)
	}
	r, err = q.raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: "id =="})
	q.done("a bad filter", 65535, r.GetStatus(), err)
	r, err = q.raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: "id == 1", PartitionName: "nope"})
	q.done("an unknown partition", 200, r.GetStatus(), err)

	for _, version := range []string{v23, v24} {
		q := ask(t, version)
		q.ready("c")
		q.insert("", 10, 1, 2, 3)
		st, err := q.raw.ReleaseCollection(q.ctx, &milvuspb.ReleaseCollectionRequest{CollectionName: "c"})
		q.done("release", 0, st, err)
		q.delete("by key", 1, "", "id in [1]")
		q.delete("by key", 1, "", "id == 2")
		for _, expr := range []string{"k == 10", "id > 1", "id not in [1]"} {
			r, err := q.raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: expr})
			q.done(expr+" in a collection that is not loaded", 101, r.GetStatus(), err)
		}
		q.load("c")
		q.sees("left", "3:12", "id > 0")
	}
	r, err = ask(t, v24).raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c", Expr: "id == 1"})
	q.done("an unknown collection", 100, r.GetStatus(), err)
}

func TestRowCountIsThatOfTheFlushedRows(t *testing.T) {
	for _, version := range []string{v23, v24} {
		q := ask(t, version)
		q.ready("c")
		counts := func(what, want string) {
			t.Helper()
			r, err := q.raw.GetCollectionStatistics(q.ctx, &milvuspb.GetCollectionStatisticsRequest{CollectionName: "c"})
			q.done(what, 0, r.GetStatus(), err)
			p, err := q.raw.GetPartitionStatistics(q.ctx, &milvuspb.GetPartitionStatisticsRequest{CollectionName: "c", PartitionName: "_default"})
			q.done(what, 0, p.GetStatus(), err)
			if got, of := r.GetStats()[0].GetValue(), p.GetStats()[0].GetValue(); got != want || of != want {
				t.Errorf("%s: row_count = %s, of the partition %s, want %s", what, got, of, want)
			}
		}
		flush := func() {
			r, err := q.raw.Flush(q.ctx, &milvuspb.FlushRequest{CollectionNames: []string{"c"}})
			q.done("flush", 0, r.GetStatus(), err)
		}
		q.insert("", 10, 1, 2, 3, 4, 5)
		counts("before a flush", "0")
		flush()
		counts("after a flush", "5")
		q.delete("two", 2, "", "id in [1, 2]")
		q.upsert("", 20, 3, 60)
		counts("before another flush", "5")
		flush()
		counts("every row that ever was", "7")
	}
}

func TestPartitionKeySpreadsTheRows(t *testing.T) {
	q := ask(t, v23)
	st, err := q.create("c", func(r *milvuspb.CreateCollectionRequest, _ *schemapb.CollectionSchema) { r.NumPartitions = 4 },
		primary(field("id", int64Type)), partitionKey(field("k", int64Type)), field("vec", vectorType, "dim", "2"))
	q.done("create", 0, st, err)
	q.load("c")
	var keys []int64
	var words []string
	for i := range 20 {
		keys, words = append(keys, int64(i)), append(words, fmt.Sprint("key", i))
	}
	q.insert("", 0, keys...)
	q.sees("a key", "3:3", "k == 3")
	q.upsert("", 17, 4)
	q.counts("an upsert moves its row", 1, "id == 4")

	st, err = q.create("t", func(r *milvuspb.CreateCollectionRequest, _ *schemapb.CollectionSchema) { r.NumPartitions = 4 },
		primary(field("id", int64Type)), partitionKey(field("k", textType, "max_length", "9")), field("vec", vectorType, "dim", "2"))
	q.done("create", 0, st, err)
	r, err := q.raw.Insert(q.ctx, &milvuspb.InsertRequest{CollectionName: "t", NumRows: 20, FieldsData: []*schemapb.FieldData{
		longs("id", keys...), texts("k", words...), vectorsOf(2, make([]float32, 40)...),
	}})
	q.done("insert", 0, r.GetStatus(), err)
	f, err := q.raw.Flush(q.ctx, &milvuspb.FlushRequest{CollectionNames: []string{"c", "t"}})
	q.done("flush", 0, f.GetStatus(), err)
	for name, want := range map[string][]string{"c": {"7", "3", "3", "8"}, "t": {"5", "5", "5", "5"}} {
		for i, rows := range want {
			p, err := q.raw.GetPartitionStatistics(q.ctx, &milvuspb.GetPartitionStatisticsRequest{CollectionName: name, PartitionName: fmt.Sprint("_default_", i)})
			q.done("statistics", 0, p.GetStatus(), err)
			if got := p.GetStats()[0].GetValue(); got != rows {
				t.Errorf("partition %d of %s has %s rows, want %s", i, name, got, rows)
			}
		}
	}

	one := []string{"_default_0"}
	for what, code := range map[string]func() (*commonpb.Status, error){
		"insert": func() (*commonpb.Status, error) {
			r, err := q.raw.Insert(q.ctx, &milvuspb.InsertRequest{CollectionName: "c", PartitionName: one[0], NumRows: 1, FieldsData: rowsOf(1, []int64{1})})
			return r.GetStatus(), err
		},
		"delete": func() (*commonpb.Status, error) {
			r, err := q.raw.Delete(q.ctx, &milvuspb.DeleteRequest{CollectionName: "c", PartitionName: one[0], Expr: "id == 1"})
			return r.GetStatus(), err
		},
		"query": func() (*commonpb.Status, error) {
			r, err := q.raw.Query(q.ctx, &milvuspb.QueryRequest{CollectionName: "c", PartitionNames: one, Expr: "id == 1"})
			return r.GetStatus(), err
		},
		"create": func() (*commonpb.Status, error) {
			return q.raw.CreatePartition(q.ctx, &milvuspb.CreatePartitionRequest{CollectionName: "c", PartitionName: "p"})
		},
		"drop": func() (*commonpb.Status, error) {
			return q.raw.DropPartition(q.ctx, &milvuspb.DropPartitionRequest{CollectionName: "c", PartitionName: one[0]})
		},
		"load": func() (*commonpb.Status, error) {
			return q.raw.LoadPartitions(q.ctx, &milvuspb.LoadPartitionsRequest{CollectionName: "c", PartitionNames: one})
		},
		"release": func() (*commonpb.Status, error) {
			return q.raw.ReleasePartitions(q.ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: "c", PartitionNames: one})
		},
	} {
		st, err := code()
		q.done(what+" of one partition", 65535, st, err)
	}

	for version, want := range map[string]int{v23: 64, v24: 16} {
		q := ask(t, version)
		st, err := q.create("c", nil, primary(field("id", int64Type)), partitionKey(field("k", int64Type)), field("vec", vectorType, "dim", "2"))
		q.done("create", 0, st, err)
		r, err := q.raw.ShowPartitions(q.ctx, &milvuspb.ShowPartitionsRequest{CollectionName: "c"})
		if err != nil || len(r.GetPartitionNames()) != want {
			t.Errorf("%s: there are %d partitions, %v, want %d", version, len(r.GetPartitionNames()), err, want)
		}
	}
}

// nowhere is a context for a database that is not there.
func (q truth) nowhere() context.Context {
	return metadata.AppendToOutgoingContext(q.ctx, "dbname", "nowhere")
}
