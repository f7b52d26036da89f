// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// vectorsIn makes a collection v of rows 1, 2, ... with these vectors, loaded by metric.
func vectorsIn(t testing.TB, c client.Client, field *entity.Field, metric, indexType string, column entity.Column) {
	t.Helper()
	ctx := testContext(t)
	must(t, c.CreateCollection(ctx, entity.NewSchema().WithName("v").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).WithField(field), 1))
	ids := make([]int64, column.Len())
	for i := range ids {
		ids[i] = int64(i + 1)
	}
	_, err := c.Insert(ctx, "v", "", entity.NewColumnInt64("id", ids), column)
	must(t, err)
	must(t, c.CreateIndex(ctx, "v", "vec", entity.NewGenericIndex("vec", entity.IndexType(indexType), map[string]string{"metric_type": metric}), false))
	must(t, c.LoadCollection(ctx, "v", true))
}

func vectorSearch(t testing.TB, metric, params string, kind commonpb.PlaceholderType, query []byte) *milvuspb.SearchRequest {
	t.Helper()
	return &milvuspb.SearchRequest{
		DslType: commonpb.DslType_BoolExprV1, CollectionName: "v", Nq: 1, PlaceholderGroup: placeholders(t, kind, query), OutputFields: []string{"vec"},
		SearchParams: pairs("anns_field", "vec", "topk", "10", "metric_type", metric, "params", params),
	}
}

// TestBinaryVectorsAsMilvus has what the real 2.3.5 answered.
func TestBinaryVectorsAsMilvus(t *testing.T) {
	rows := [][]byte{{0, 0}, {1, 0}, {3, 0}, {255, 0}, {255, 255}}
	for _, test := range []struct {
		metric, params string
		query          []byte
		code           int32
		ids            []int64
		scores         []float32
	}{
		{"HAMMING", "{}", []byte{3, 0}, 0, []int64{3, 2, 1, 4, 5}, []float32{0, 1, 2, 6, 14}},
		{"HAMMING", `{"radius": 2, "range_filter": 0.5}`, []byte{3, 0}, 0, []int64{2}, []float32{1}},
		{"JACCARD", "{}", []byte{255, 1}, 0, []int64{4, 5, 3, 2, 1}, []float32{0.11111111, 0.4375, 0.7777778, 0.8888889, 1}},
		{"JACCARD", "{}", []byte{0, 0}, 0, []int64{1, 2, 3, 4, 5}, []float32{1, 1, 1, 1, 1}},
		{"SUBSTRUCTURE", "{}", []byte{3, 0}, 0, []int64{3, 4, 5}, []float32{0, 0, 0}},
		{"SUBSTRUCTURE", `{"radius": 2}`, []byte{3, 0}, 65535, nil, nil},
		{"SUPERSTRUCTURE", "{}", []byte{3, 0}, 0, []int64{1, 2, 3}, []float32{0, 0, 0}},
		{"HAMMING", "{}", []byte{3}, 65535, nil, nil},
	} {
		srv := start(t, as23)
		vectorsIn(t, connect(t, srv), entity.NewField().WithName("vec").WithDataType(entity.FieldTypeBinaryVector).WithDim(16),
			test.metric, "BIN_FLAT", entity.NewColumnBinaryVector("vec", 16, rows))
		req := vectorSearch(t, test.metric, test.params, commonpb.PlaceholderType_BinaryVector, test.query)
		results := checkSearch(t, stub(t, srv), req, answer{test.code, test.ids})
		if got := results.GetScores(); !slices.Equal(got, test.scores) {
			t.Errorf("%s of %v: scores %v, want %v", test.metric, test.query, got, test.scores)
		}
		var bits []byte
		for _, id := range test.ids {
			bits = append(bits, rows[id-1]...)
		}
		if test.code == 0 && !slices.Equal(results.GetFieldsData()[0].GetVectors().GetBinaryVector(), bits) {
			t.Errorf("%s: vectors %v, want %v", test.metric, results.GetFieldsData()[0], bits)
		}
	}
}

func TestHalfVectors(t *testing.T) {
	halves := func(numbers ...uint16) (raw []byte) {
		for _, n := range numbers {
			raw = binary.LittleEndian.AppendUint16(raw, n)
		}
		return raw
	}
	for _, test := range []struct {
		kind   entity.FieldType
		placed commonpb.PlaceholderType
		rows   [][]byte
		column func([][]byte) entity.Column
	}{
		{ // 1 and 2, -0.5 and the smallest number, the largest number.
			entity.FieldTypeFloat16Vector, commonpb.PlaceholderType_Float16Vector,
			[][]byte{halves(0x3c00, 0x4000), halves(0xb800, 0x0001), halves(0x7bff, 0x8000)},
			func(rows [][]byte) entity.Column { return entity.NewColumnFloat16Vector("vec", 2, rows) },
		},
		{
			entity.FieldTypeBFloat16Vector, commonpb.PlaceholderType_BFloat16Vector,
			[][]byte{halves(0x3f80, 0x4000), halves(0xbf00, 0x0001), halves(0x4780, 0x8000)},
			func(rows [][]byte) entity.Column { return entity.NewColumnBFloat16Vector("vec", 2, rows) },
		},
	} {
		srv := start(t, as24)
		vectorsIn(t, connect(t, srv), entity.NewField().WithName("vec").WithDataType(test.kind).WithDim(2), "L2", "FLAT", test.column(test.rows))
		results := checkSearch(t, stub(t, srv), vectorSearch(t, "L2", "{}", test.placed, test.rows[0]), answer{0, []int64{1, 2, 3}})
		if got := results.GetScores()[:2]; !slices.Equal(got, []float32{0, 6.25}) && math.Abs(float64(got[1]-6.25)) > 1e-6 {
			t.Errorf("%v: scores %v, want 0 and 6.25", test.placed, got)
		}
		vectors := results.GetFieldsData()[0].GetVectors()
		if got := append(vectors.GetFloat16Vector(), vectors.GetBfloat16Vector()...); !slices.Equal(got, slices.Concat(test.rows...)) {
			t.Errorf("%v: vectors %v, want %v", test.placed, got, test.rows)
		}
		checkSearch(t, stub(t, srv), vectorSearch(t, "L2", "{}", commonpb.PlaceholderType_FloatVector, make([]byte, 4)), answer{code: 1100})
		checkSearch(t, stub(t, srv), vectorSearch(t, "L2", "{}", test.placed, make([]byte, 6)), answer{code: 1100})
	}
}

func TestSparseVectors(t *testing.T) {
	sparse := func(positions []uint32, values []float32) entity.SparseEmbedding {
		v, err := entity.NewSliceSparseEmbedding(positions, values)
		must(t, err)
		return v
	}
	srv := start(t, as24)
	c := connect(t, srv)
	field := entity.NewField().WithName("vec").WithDataType(entity.FieldTypeSparseVector)
	vectorsIn(t, c, field, "IP", "SPARSE_INVERTED_INDEX", entity.NewColumnSparseVectors("vec", []entity.SparseEmbedding{
		sparse([]uint32{1, 1000}, []float32{1, 2}), sparse([]uint32{7}, []float32{5}), sparse([]uint32{1, 7}, []float32{4, 1}),
	}))
	query := sparse([]uint32{1, 7}, []float32{1, 0.5}).Serialize()
	kind := commonpb.PlaceholderType_SparseFloatVector
	results := checkSearch(t, stub(t, srv), vectorSearch(t, "IP", "{}", kind, query), answer{0, []int64{3, 2, 1}})
	if got := results.GetScores(); !slices.Equal(got, []float32{4.5, 2.5, 1}) {
		t.Errorf("scores %v, want 4.5, 2.5 and 1", got)
	}
	if got := results.GetFieldsData()[0].GetVectors(); got.GetDim() != 1001 || len(got.GetSparseFloatVector().GetContents()) != 3 {
		t.Errorf("vectors = %v, want three below 1001", got)
	}
	// A row that has no index in common with the query is no hit.
	checkSearch(t, stub(t, srv), vectorSearch(t, "IP", "{}", kind, sparse([]uint32{1000}, []float32{1}).Serialize()), answer{0, []int64{1}})
	checkSearch(t, stub(t, srv), vectorSearch(t, "IP", `{"radius": 2, "range_filter": 3}`, kind, query), answer{0, []int64{2}})
	for _, bad := range [][]byte{{1, 2, 3}, slices.Concat(query[8:], query[:8]), sparse([]uint32{1}, []float32{-1}).Serialize(),
		sparse([]uint32{1}, []float32{float32(math.NaN())}).Serialize()} {
		checkSearch(t, stub(t, srv), vectorSearch(t, "IP", "{}", kind, bad), answer{code: 1100})
		column := entity.NewColumnInt64("id", []int64{9}).FieldData()
		reply, err := stub(t, srv).Insert(testContext(t), &milvuspb.InsertRequest{CollectionName: "v", NumRows: 1, FieldsData: []*schemapb.FieldData{column, {
			Type: schemapb.DataType_SparseFloatVector, FieldName: "vec",
			Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{Data: &schemapb.VectorField_SparseFloatVector{
				SparseFloatVector: &schemapb.SparseFloatArray{Contents: [][]byte{bad}},
			}}},
		}}})
		if code(t, reply.GetStatus(), err) == 0 {
			t.Errorf("an insert of the sparse vector %v succeeds", bad)
		}
	}
	if err := c.CreateIndex(testContext(t), "v", "vec", entity.NewGenericIndex("vec", "SPARSE_INVERTED_INDEX", map[string]string{"metric_type": "L2"}), true); err == nil {
		t.Error("an index of sparse vectors with L2 succeeds")
	}
}

// TestSchemasOfArraysAndVectorsAsMilvus has the codes of the real 2.3.5.
func TestSchemasOfArraysAndVectorsAsMilvus(t *testing.T) {
	array := func(kind schemapb.DataType, params ...string) *schemapb.FieldSchema {
		return &schemapb.FieldSchema{Name: "f", DataType: schemapb.DataType_Array, ElementType: kind, TypeParams: pairs(params...)}
	}
	vector := func(kind schemapb.DataType, params ...string) *schemapb.FieldSchema {
		return &schemapb.FieldSchema{Name: "f", DataType: kind, TypeParams: pairs(params...)}
	}
	for _, test := range []struct {
		field          *schemapb.FieldSchema
		code23, code24 int32
	}{
		{array(schemapb.DataType_Int64, "max_capacity", "4096"), 0, 0},
		{array(schemapb.DataType_VarChar, "max_capacity", "3", "max_length", "5"), 0, 0},
		{array(schemapb.DataType_Int64), 65535, 1100},
		{array(schemapb.DataType_Int64, "max_capacity", "0"), 65535, 1100},
		{array(schemapb.DataType_Int64, "max_capacity", "4097"), 65535, 1100},
		{array(schemapb.DataType_Int64, "max_capacity", "x"), 65535, 1100},
		{array(schemapb.DataType_VarChar, "max_capacity", "3"), 65535, 1100},
		{array(schemapb.DataType_VarChar, "max_capacity", "3", "max_length", "0"), 1100, 1100},
		{array(schemapb.DataType_JSON, "max_capacity", "3"), 65535, 1100},
		{array(schemapb.DataType_Array, "max_capacity", "3"), 65535, 1100},
		{array(schemapb.DataType_None, "max_capacity", "3"), 65535, 1100},
		{vector(schemapb.DataType_BinaryVector, "dim", "7"), 65535, 1100},
		{vector(schemapb.DataType_BinaryVector, "dim", "262144"), 65535, 0},
		{vector(schemapb.DataType_BinaryVector, "dim", "262152"), 65535, 1100},
		{vector(schemapb.DataType_FloatVector), 65535, 1100},
		{vector(schemapb.DataType_Float16Vector, "dim", "0"), 65535, 1100},
		{vector(schemapb.DataType_FloatVector, "dim", "x"), 65535, 1100},
		{vector(schemapb.DataType_FloatVector, "dim", "32769"), 65535, 1100},
		{vector(schemapb.DataType_SparseFloatVector, "dim", "8"), 0, 1100}, {vector(schemapb.DataType(24)), 0, 1100},
	} {
		for _, cfg := range []milvustest.Config{as23, as24} {
			fields := []*schemapb.FieldSchema{{Name: "id", DataType: schemapb.DataType_Int64, IsPrimaryKey: true}, test.field}
			if test.field.GetDataType() == schemapb.DataType_Array {
				fields = append(fields, &schemapb.FieldSchema{Name: "vec", DataType: schemapb.DataType_FloatVector, TypeParams: pairs("dim", "2")})
			}
			st, err := stub(t, start(t, cfg)).CreateCollection(testContext(t), &milvuspb.CreateCollectionRequest{
				CollectionName: "c", Schema: marshaled(t, &schemapb.CollectionSchema{Name: "c", Fields: fields}),
			})
			want := test.code23
			if cfg.Version == as24.Version {
				want = test.code24
			}
			if code(t, st, err) != want {
				t.Errorf("%v as %s = %v, want code %d", test.field, cfg.Version, st, want)
			}
		}
	}
}

func TestArrays(t *testing.T) {
	srv := start(t, as24)
	c, ctx := connect(t, srv), testContext(t)
	array := func(name string, kind entity.FieldType) *entity.Field {
		return entity.NewField().WithName(name).WithDataType(entity.FieldTypeArray).WithElementType(kind).WithMaxCapacity(3).WithMaxLength(5)
	}
	schema := entity.NewSchema().WithName("a").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("vec").WithDataType(entity.FieldTypeFloatVector).WithDim(2)).
		WithField(array("bools", entity.FieldTypeBool)).WithField(array("int8s", entity.FieldTypeInt8)).
		WithField(array("int16s", entity.FieldTypeInt16)).WithField(array("int32s", entity.FieldTypeInt32)).
		WithField(array("int64s", entity.FieldTypeInt64)).WithField(array("floats", entity.FieldTypeFloat)).
		WithField(array("doubles", entity.FieldTypeDouble)).WithField(array("texts", entity.FieldTypeVarChar))
	must(t, c.CreateCollection(ctx, schema, 1))
	columns := func(id int64) []entity.Column {
		return []entity.Column{
			entity.NewColumnInt64("id", []int64{id}), entity.NewColumnFloatVector("vec", 2, [][]float32{{1, 2}}),
			entity.NewColumnBoolArray("bools", [][]bool{{true, false}}), entity.NewColumnInt8Array("int8s", [][]int8{{-1, 2}}),
			entity.NewColumnInt16Array("int16s", [][]int16{{1}}), entity.NewColumnInt32Array("int32s", [][]int32{{1, 2, 3}}),
			entity.NewColumnInt64Array("int64s", [][]int64{{}}), entity.NewColumnFloatArray("floats", [][]float32{{0.5}}),
			entity.NewColumnDoubleArray("doubles", [][]float64{{0.25}}), entity.NewColumnVarCharArray("texts", [][][]byte{{[]byte("x"), []byte("12345")}}),
		}
	}
	_, err := c.Insert(ctx, "a", "", columns(1)...)
	must(t, err)
	load(t, c, "a", entity.L2)
	found, err := c.Query(ctx, "a", nil, "id == 1", []string{"bools", "int8s", "int16s", "int32s", "int64s", "floats", "doubles", "texts"})
	must(t, err)
	if got := found.GetColumn("int8s").(*entity.ColumnInt8Array).Data(); !slices.Equal(got[0], []int8{-1, 2}) {
		t.Errorf("int8s = %v", got)
	}
	if got := found.GetColumn("texts").(*entity.ColumnVarCharArray).Data(); string(got[0][1]) != "12345" {
		t.Errorf("texts = %v", got)
	}
	if got := found.GetColumn("int64s").(*entity.ColumnInt64Array).Data(); len(got[0]) != 0 {
		t.Errorf("int64s = %v, want none", got)
	}
	for name, bad := range map[string]entity.Column{
		"too many":     entity.NewColumnInt32Array("int32s", [][]int32{{1, 2, 3, 4}}),
		"too long":     entity.NewColumnVarCharArray("texts", [][][]byte{{[]byte("123456")}}),
		"another type": entity.NewColumnDoubleArray("floats", [][]float64{{1}}),
	} {
		batch := columns(2)
		i := slices.IndexFunc(batch, func(col entity.Column) bool { return col.Name() == bad.Name() })
		batch[i] = bad
		req := &milvuspb.InsertRequest{CollectionName: "a", NumRows: 1}
		for _, col := range batch {
			req.FieldsData = append(req.FieldsData, col.FieldData())
		}
		reply, err := stub(t, srv).Insert(ctx, req)
		if code(t, reply.GetStatus(), err) != 1100 {
			t.Errorf("%s: Insert = %v, want code 1100", name, reply.GetStatus())
		}
	}
	must(t, c.Delete(ctx, "a", "", "id == 1"))
}
