// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// completeEmpty makes the reply to a search without hits one that the SDK can read.
// Milvus 2.3 leaves the output fields out of it, or their values, and the SDK takes that
// for an error in each result. Later servers send fields without values.
func (h *hook) completeEmpty(ctx context.Context, cc *grpc.ClientConn, database string, req, reply any) error {
	results, ok := reply.(*milvuspb.SearchResults)
	if !ok {
		return nil
	}
	var collection string
	var outputs []string
	vectors := vectorsOf(req)
	switch r := req.(type) {
	case *milvuspb.SearchRequest:
		collection, outputs = r.GetCollectionName(), r.GetOutputFields()
	case *milvuspb.HybridSearchRequest:
		collection, outputs = r.GetCollectionName(), r.GetOutputFields()
	}
	if slices.ContainsFunc(results.GetResults().GetTopks(), func(n int64) bool { return n > 0 }) {
		return nil
	}
	if results.Results == nil {
		results.Results = new(schemapb.SearchResultData)
	}
	data := results.Results
	if data.GetNumQueries() == 0 {
		data.NumQueries, data.Topks = vectors, make([]int64, vectors)
	}
	if data.GroupByFieldValue != nil && !readable(data.GroupByFieldValue) {
		data.GroupByFieldValue = nil
	}
	bad := slices.ContainsFunc(data.GetFieldsData(), unreadable)
	switch {
	case !bad && (len(outputs) == 0 || len(data.GetFieldsData()) > 0):
		return nil
	case len(outputs) == 0:
		data.FieldsData = nil
		return nil
	}
	schema, err := h.schemaOf(ctx, cc, database, collection)
	if err != nil {
		return err
	}
	data.FieldsData = emptyFields(schema, outputs)
	return nil
}

// vectorsOf returns how many vectors a request searches for: so many results it has.
func vectorsOf(req any) int64 {
	switch r := req.(type) {
	case *milvuspb.SearchRequest:
		return r.GetNq()
	case *milvuspb.HybridSearchRequest:
		if parts := r.GetRequests(); len(parts) > 0 {
			return parts[0].GetNq()
		}
	}
	return 0
}

func readable(f *schemapb.FieldData) bool {
	_, err := entity.FieldDataColumn(f, 0, 0)
	return err == nil
}

func unreadable(f *schemapb.FieldData) bool { return !readable(f) }

// schemaOf returns the schema of a collection: the one that the family knows, or the
// server's.
func (h *hook) schemaOf(ctx context.Context, cc *grpc.ClientConn, database, collection string) (*schemapb.CollectionSchema, error) {
	if schema := h.family.known(keyOf(database, collection)); schema != nil {
		return schema, nil
	}
	// The request passes this hook too, and the family learns its answer.
	reply, err := milvuspb.NewMilvusServiceClient(cc).DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: collection})
	return reply.GetSchema(), err
}

// emptyFields returns the output fields of a result without rows. A name that the schema
// does not have is a key of the dynamic field.
func emptyFields(schema *schemapb.CollectionSchema, outputs []string) (fields []*schemapb.FieldData) {
	all := slices.Contains(outputs, "*")
	static := map[string]bool{"*": true}
	for _, field := range schema.GetFields() {
		static[field.GetName()] = true
		if all && !field.GetIsDynamic() || slices.Contains(outputs, field.GetName()) {
			fields = append(fields, emptyField(field))
		}
	}
	dynamic := func(name string) bool { return !static[name] }
	if schema.GetEnableDynamicField() && (all || slices.ContainsFunc(outputs, dynamic)) {
		const name = "$meta"
		fields = append(fields, emptyField(&schemapb.FieldSchema{Name: name, DataType: schemapb.DataType_JSON, IsDynamic: true}))
	}
	return fields
}

// emptyField returns a field without values.
func emptyField(field *schemapb.FieldSchema) *schemapb.FieldData {
	data := &schemapb.FieldData{
		Type: field.GetDataType(), FieldName: field.GetName(), FieldId: field.GetFieldID(), IsDynamic: field.GetIsDynamic(),
	}
	scalar := func(s *schemapb.ScalarField) { data.Field = &schemapb.FieldData_Scalars{Scalars: s} }
	vector := func(v *schemapb.VectorField) {
		v.Dim = max(1, milvusbase.Number(field.GetTypeParams(), "dim"))
		data.Field = &schemapb.FieldData_Vectors{Vectors: v}
	}
	switch field.GetDataType() {
	case schemapb.DataType_Bool:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{}}})
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{}}})
	case schemapb.DataType_Int64:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{}}})
	case schemapb.DataType_Float:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{}}})
	case schemapb.DataType_Double:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{}}})
	case schemapb.DataType_VarChar, schemapb.DataType_String:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{}}})
	case schemapb.DataType_JSON:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{}}})
	case schemapb.DataType_Array:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{ElementType: field.GetElementType()}}})
	case schemapb.DataType_FloatVector:
		vector(&schemapb.VectorField{Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{}}})
	case schemapb.DataType_BinaryVector:
		vector(&schemapb.VectorField{Data: &schemapb.VectorField_BinaryVector{BinaryVector: []byte{}}})
	case schemapb.DataType_Float16Vector:
		vector(&schemapb.VectorField{Data: &schemapb.VectorField_Float16Vector{}})
	case schemapb.DataType_BFloat16Vector:
		vector(&schemapb.VectorField{Data: &schemapb.VectorField_Bfloat16Vector{}})
	case schemapb.DataType_SparseFloatVector:
		vector(&schemapb.VectorField{Data: &schemapb.VectorField_SparseFloatVector{SparseFloatVector: &schemapb.SparseFloatArray{}}})
	}
	return data
}
