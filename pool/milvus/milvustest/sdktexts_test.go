// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// The tests of the SDK expect these answers of Milvus 2.4.
func TestIndexesAsTheTestsOfTheSDKExpectThemOf24(t *testing.T) {
	q := ask(t, v24)
	st, err := q.create("c", nil, primary(field("id", int64Type)), field("s", textType, "max_length", "9"), field("j", jsonType), field("vec", vectorType, "dim", "2"),
		field("sparse", schemapb.DataType_SparseFloatVector), field("bits", schemapb.DataType_BinaryVector, "dim", "8"))
	q.done("create", 0, st, err)
	for _, test := range []struct {
		field  string
		params []string
		want   string // part of the reason, "" for success
	}{
		{"vec", []string{"index_type", "AUTOINDEX", "metric_type", "IP", "params", "{}"}, ""},
		{"vec", []string{"index_type", "FLAT", "metric_type", "L2"}, "CreateIndex failed: at most one distinct index is allowed per field"},
		{"s", []string{"index_type", "BITMAP"}, ""},
		{"bits", []string{"index_type", "BIN_FLAT", "metric_type", "L2"}, "binary vector index does not support metric type: L2"},
		{"sparse", []string{"index_type", "SPARSE_WAND", "metric_type", "L2"}, "only IP is the supported metric type for sparse index"},
		{"sparse", []string{"index_type", "SPARSE_WAND", "metric_type", "IP", "drop_ratio_build", "1.3"}, "must be in range [0, 1)"},
		{"sparse", []string{"index_type", "SPARSE_WAND", "metric_type", "IP", "drop_ratio_build", "0.2"}, ""},
		{"id", []string{"index_type", "Trie"}, "TRIE are only supported on varchar field"},
		{"id", []string{"index_type", "SCANN"}, "data type should be FloatVector, Float16Vector or BFloat16Vector"},
	} {
		st, err := q.raw.CreateIndex(q.ctx, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: test.field, ExtraParams: pairs(test.params...)})
		must(t, err)
		if ok := st.GetCode() == 0; ok != (test.want == "") || !strings.Contains(st.GetReason(), test.want) {
			t.Errorf("index %s of %s = %d %q, want %q", test.params, test.field, st.GetCode(), st.GetReason(), test.want)
		}
	}
}

func TestASearchSince24LooksAtAsManyRowsAsItFinds(t *testing.T) {
	for _, test := range []struct {
		index, params string
		ok            bool
	}{
		{"HNSW", `{"ef": 2}`, false}, {"HNSW", `{"ef": 3}`, true}, {"SCANN", `{"nprobe": 1, "reorder_k": 2}`, false}, {"FLAT", `{"ef": 2}`, true}, {"HNSW", `{}`, true},
	} {
		eachRelease(t, func(q truth) {
			st, err := q.create("c", nil, primary(field("id", int64Type)), field("k", int64Type), field("vec", vectorType, "dim", "2"))
			q.done("create", 0, st, err)
			st, err = q.raw.CreateIndex(q.ctx, &milvuspb.CreateIndexRequest{
				CollectionName: "c", FieldName: "vec", ExtraParams: pairs("index_type", test.index, "metric_type", "L2", "M", "8", "efConstruction", "9", "nlist", "4"),
			})
			q.done("index", 0, st, err)
			st, err = q.raw.LoadCollection(q.ctx, &milvuspb.LoadCollectionRequest{CollectionName: "c"})
			q.done("load", 0, st, err)
			req := searchRequest(t, []float32{1, 1})
			req.CollectionName = "c"
			req.SearchParams = append(req.SearchParams, &commonpb.KeyValuePair{Key: "params", Value: test.params})
			r, err := q.raw.Search(q.ctx, req)
			must(t, err)
			if ok := r.GetStatus().GetCode() == 0; ok != (test.ok || q.version == v23) {
				t.Errorf("%s with %s as %s = %v", test.index, test.params, q.version, r.GetStatus())
			}
		})
	}
}

// The SDK sends the texts of rows as those of a string field.
func TestTextsOfAStringFieldFitAVarCharField(t *testing.T) {
	q := ask(t, v24)
	st, err := q.create("c", nil, primary(field("id", int64Type)), field("s", textType, "max_length", "9"), field("vec", vectorType, "dim", "2"))
	q.done("create", 0, st, err)
	s := texts("s", "a")
	s.Type = schemapb.DataType_String
	r, err := q.raw.Insert(q.ctx, &milvuspb.InsertRequest{CollectionName: "c", NumRows: 1, FieldsData: []*schemapb.FieldData{longs("id", 1), s, vectorsOf(2, 1, 1)}})
	q.done("insert", 0, r.GetStatus(), err)
}
