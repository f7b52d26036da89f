// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// row is a row of an insert, or of an answer.
type row = map[string]any

// parseRows reads JSON objects, with or without a list around them. Numbers stay text.
func parseRows(text string) []row {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var rows []row
	for d.More() {
		var r row
		if err := d.Decode(&r); err != nil {
			panic(fmt.Sprintf("differential: rows %q: %v", text, err))
		}
		rows = append(rows, r)
	}
	return rows
}

// columnsOf returns the rows as columns of the schema. A field that no row has is left
// out; a row that lacks a field makes a column shorter. What the schema does not name
// goes into the dynamic field.
func columnsOf(schema *schemapb.CollectionSchema, rows []row) []*schemapb.FieldData {
	var all []*schemapb.FieldData
	named := map[string]bool{}
	for _, f := range schema.GetFields() {
		named[f.GetName()] = true
		var values []any
		for _, r := range rows {
			if v, ok := r[f.GetName()]; ok {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			all = append(all, fieldData(f, values))
		}
	}
	var dynamic [][]byte
	some := false
	for _, r := range rows {
		rest := row{}
		for key, value := range r {
			if !named[key] {
				rest[key] = value
				some = true
			}
		}
		text, err := json.Marshal(rest)
		if err != nil {
			panic(err) // it was JSON
		}
		dynamic = append(dynamic, text)
	}
	if some {
		all = append(all, &schemapb.FieldData{
			Type: schemapb.DataType_JSON, IsDynamic: true,
			Field: scalars(&schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: dynamic}}}),
		})
	}
	return all
}

func scalars(f *schemapb.ScalarField) *schemapb.FieldData_Scalars {
	return &schemapb.FieldData_Scalars{Scalars: f}
}

func fieldData(f *schemapb.FieldSchema, values []any) *schemapb.FieldData {
	fd := &schemapb.FieldData{Type: f.GetDataType(), FieldName: f.GetName()}
	if schemapb.DataType_BinaryVector <= f.GetDataType() {
		fd.Field = &schemapb.FieldData_Vectors{Vectors: vectorField(f, values)}
		return fd
	}
	fd.Field = scalars(scalarField(f.GetDataType(), f.GetElementType(), values))
	return fd
}

func scalarField(t, element schemapb.DataType, values []any) *schemapb.ScalarField {
	switch t {
	case schemapb.DataType_Bool:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: each(values, func(v any) bool { return v == true })}}}
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: each(values, func(v any) int32 { return int32(integer(v)) })}}}
	case schemapb.DataType_Int64:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: each(values, integer)}}}
	case schemapb.DataType_Float:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: each(values, func(v any) float32 { return float32(float(v)) })}}}
	case schemapb.DataType_Double:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: each(values, float)}}}
	case schemapb.DataType_JSON:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: each(values, jsonBytes)}}}
	case schemapb.DataType_Array:
		lists := each(values, func(v any) *schemapb.ScalarField {
			list, _ := v.([]any)
			return scalarField(element, 0, list)
		})
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: lists, ElementType: element}}}
	default:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: each(values, text)}}}
	}
}

func vectorField(f *schemapb.FieldSchema, values []any) *schemapb.VectorField {
	v := &schemapb.VectorField{Dim: int64(typeParam(f, "dim"))}
	switch f.GetDataType() {
	case schemapb.DataType_BinaryVector:
		var all []byte
		for _, value := range values {
			all = append(all, byteVector(value)...)
		}
		v.Data = &schemapb.VectorField_BinaryVector{BinaryVector: all}
	case schemapb.DataType_Float16Vector, schemapb.DataType_BFloat16Vector:
		var all []byte
		for _, value := range values {
			all = append(all, halves(f.GetDataType(), floats(value))...)
		}
		if f.GetDataType() == schemapb.DataType_Float16Vector {
			v.Data = &schemapb.VectorField_Float16Vector{Float16Vector: all}
		} else {
			v.Data = &schemapb.VectorField_Bfloat16Vector{Bfloat16Vector: all}
		}
	case schemapb.DataType_SparseFloatVector:
		v.Data = &schemapb.VectorField_SparseFloatVector{SparseFloatVector: &schemapb.SparseFloatArray{Contents: each(values, func(value any) []byte { return sparse(value).Serialize() })}}
	default:
		var all []float32
		for _, value := range values {
			all = append(all, floats(value)...)
		}
		if v.Dim == 0 && len(values) > 0 {
			v.Dim = int64(len(all) / len(values))
		}
		v.Data = &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: all}}
	}
	return v
}

func each[T any](values []any, f func(any) T) []T {
	all := make([]T, 0, len(values))
	for _, v := range values {
		all = append(all, f(v))
	}
	return all
}

func integer(v any) int64 {
	n, _ := strconv.ParseInt(fmt.Sprint(v), 10, 64) // zero for what is no number
	return n
}

// float reads a number, also "NaN", "Inf" and "-Inf".
func float(v any) float64 {
	x, _ := strconv.ParseFloat(fmt.Sprint(v), 64) // zero for what is no number
	return x
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// jsonBytes returns a value as JSON. A string that begins with "raw:" is taken as the
// bytes behind it, which need not be JSON.
func jsonBytes(v any) []byte {
	if s, ok := v.(string); ok && strings.HasPrefix(s, "raw:") {
		return []byte(strings.TrimPrefix(s, "raw:"))
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON
	}
	return b
}

func floats(v any) []float32 {
	list, _ := v.([]any)
	return each(list, func(x any) float32 { return float32(float(x)) })
}

// byteVector reads a list of bytes.
func byteVector(v any) []byte {
	list, _ := v.([]any)
	return each(list, func(x any) byte { return byte(integer(x)) })
}

// sparse reads an object: the value at each position.
func sparse(v any) entity.SparseEmbedding {
	object, _ := v.(map[string]any)
	var positions []uint32
	var values []float32
	for _, at := range slices.SortedFunc(maps.Keys(object), func(a, b string) int { return cmp.Compare(integer(a), integer(b)) }) {
		positions, values = append(positions, uint32(integer(at))), append(values, float32(float(object[at])))
	}
	embedding, err := entity.NewSliceSparseEmbedding(positions, values)
	if err != nil {
		panic(err) // there is a value for each position
	}
	return embedding
}

// halves encodes small numbers as float16 or bfloat16.
func halves(t schemapb.DataType, xs []float32) []byte {
	var all []byte
	for _, x := range xs {
		bits := math.Float32bits(x)
		half := uint16(bits >> 16)
		if t == schemapb.DataType_Float16Vector && x != 0 {
			half = uint16(bits>>16&0x8000) | uint16((bits>>23&0xff)-127+15)<<10 | uint16(bits>>13&0x3ff)
		}
		all = binary.LittleEndian.AppendUint16(all, half)
	}
	return all
}

// render returns the normal form of a value of a column.
func render(v any) string {
	switch v := v.(type) {
	case []byte:
		return canonical(v)
	case string:
		return strconv.Quote(v)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case entity.FloatVector:
		return fmt.Sprint([]float32(v))
	case [][]byte:
		return fmt.Sprintf("%q", v)
	default:
		return fmt.Sprint(v)
	}
}

// canonical returns JSON with its keys in order and without spaces, or what is no JSON as
// it is.
func canonical(b []byte) string {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return fmt.Sprintf("no JSON %q", b)
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON
	}
	return string(out)
}

// rendered returns the n rows of columns. The keys that a server made are replaced.
func (s *session) rendered(columns []entity.Column, n int) []string {
	rows := make([]string, n)
	for i := range rows {
		cells := map[string]string{}
		for _, c := range columns {
			v, err := c.Get(i)
			cell := "none"
			if err == nil {
				cell = render(v)
				// The dynamic part is JSON text already.
				if _, dynamic := c.(*entity.ColumnDynamic); dynamic {
					cell = canonical([]byte(fmt.Sprint(v)))
				}
			}
			if name, ok := s.auto[strings.Trim(cell, `"`)]; ok {
				cell = name
			}
			cells[c.Name()] = cell
		}
		parts := make([]string, 0, len(cells))
		for _, name := range slices.Sorted(maps.Keys(cells)) {
			parts = append(parts, name+"="+cells[name])
		}
		rows[i] = strings.Join(parts, " ")
	}
	return rows
}
