// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// filterSchema is a schema with a field of each type that filters know.
func filterSchema(name string, dynamic bool) *schemapb.CollectionSchema {
	field := func(name string, t schemapb.DataType, params ...string) *schemapb.FieldSchema {
		f := &schemapb.FieldSchema{Name: name, DataType: t, IsPrimaryKey: name == "id"}
		for i := 0; i < len(params); i += 2 {
			f.TypeParams = append(f.TypeParams, &commonpb.KeyValuePair{Key: params[i], Value: params[i+1]})
		}
		return f
	}
	array := func(name string, element schemapb.DataType, params ...string) *schemapb.FieldSchema {
		f := field(name, schemapb.DataType_Array, append(params, "max_capacity", "10")...)
		f.ElementType = element
		return f
	}
	return &schemapb.CollectionSchema{
		Name: name, EnableDynamicField: dynamic,
		Fields: []*schemapb.FieldSchema{
			field("id", schemapb.DataType_Int64),
			field("i8", schemapb.DataType_Int8),
			field("i32", schemapb.DataType_Int32),
			field("k", schemapb.DataType_Int64),
			field("f", schemapb.DataType_Float),
			field("d", schemapb.DataType_Double),
			field("b", schemapb.DataType_Bool),
			field("s", schemapb.DataType_VarChar, "max_length", "100"),
			field("t", schemapb.DataType_VarChar, "max_length", "100"),
			field("j", schemapb.DataType_JSON),
			array("ai", schemapb.DataType_Int64),
			array("as", schemapb.DataType_VarChar, "max_length", "100"),
			array("af", schemapb.DataType_Float),
			array("ab", schemapb.DataType_Bool),
			field("vec", schemapb.DataType_FloatVector, "dim", "2"),
		},
	}
}

// filterRows are ten rows of filterSchema with the keys 1 to 10.
func filterRows(dynamic bool) []*schemapb.FieldData {
	scalars := func(name string, t schemapb.DataType, s *schemapb.ScalarField) *schemapb.FieldData {
		return &schemapb.FieldData{FieldName: name, Type: t, Field: &schemapb.FieldData_Scalars{Scalars: s}}
	}
	ints := func(v ...int32) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: v}}}
	}
	longs := func(v ...int64) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}}
	}
	floats := func(v ...float32) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: v}}}
	}
	doubles := func(v ...float64) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: v}}}
	}
	bools := func(v ...bool) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: v}}}
	}
	strs := func(v ...string) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: v}}}
	}
	documents := func(v ...string) *schemapb.ScalarField {
		a := &schemapb.JSONArray{}
		for _, s := range v {
			a.Data = append(a.Data, []byte(s))
		}
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: a}}
	}
	array := func(element schemapb.DataType, v ...*schemapb.ScalarField) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: v, ElementType: element}}}
	}
	rows := []*schemapb.FieldData{
		scalars("id", schemapb.DataType_Int64, longs(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
		scalars("i8", schemapb.DataType_Int8, ints(1, 2, 3, -4, 5, 6, 127, -128, 9, 0)),
		scalars("i32", schemapb.DataType_Int32, ints(1, 3, 3, 4, -5, 6, 2147483647, -2147483648, 9, 0)),
		scalars("k", schemapb.DataType_Int64, longs(1, 2, 3, -4, 5, 6, 0, 9007199254740993, 9223372036854775807, -9223372036854775807)),
		scalars("f", schemapb.DataType_Float, floats(0.1, 0.5, 1, -1.5, 2.5, 16777216, 0, 1e10, 3, -0.25)),
		scalars("d", schemapb.DataType_Double, doubles(0.1, 0.5, 1, -1.5, 2.5, 16777217, 0, 1e300, 3, -0.25)),
		scalars("b", schemapb.DataType_Bool, bools(true, false, true, false, true, false, true, false, true, false)),
		scalars("s", schemapb.DataType_VarChar, strs("ann", "bob's", "cleo", `dan "d"`, "", "日本", "a%b", "a_b", "axb", `A\B`)),
		scalars("t", schemapb.DataType_VarChar, strs("ann", "bob", "dan", "a", "", "x", "a%b", "b", "a", "B")),
		scalars("j", schemapb.DataType_JSON, documents(
			`{"n": 1, "s": "x", "b": true, "a": [1, 2, 3], "o": {"p": {"q": 7}}}`,
			`{"n": 2.5, "s": "five", "b": false, "a": [1, "x", 2.5, true, null, [1, 2]]}`,
			`{"n": "five", "a": [], "o": {"p": 1}}`,
			`{"n": null, "s": null, "a": null}`,
			`{}`,
			`{"n": 3.0, "a": [3.0, 4.5], "s": ""}`,
			`{"n": [1, 2], "a": [[1, 2], [3]], "o": [{"p": 5}]}`,
			`{"n": 9007199254740993, "a": ["x", "y"], "s": "a%b"}`,
			`{"n": -1, "b": "true", "a": {"0": "zero"}, "m/x": 1, "t~y": 2, "q]r": 3}`,
			`{"n": 18446744073709551615, "a": [1, 1, 2], "s": "日本"}`,
		)),
		scalars("ai", schemapb.DataType_Array, array(schemapb.DataType_Int64,
			longs(1, 2, 3), longs(1), longs(), longs(2, 1), longs(5, 5, 5), longs(1, 2), longs(-1), longs(3, 2, 1), longs(10, 20, 30, 40), longs(0))),
		scalars("as", schemapb.DataType_Array, array(schemapb.DataType_VarChar,
			strs("x", "y"), strs("x"), strs(), strs(""), strs("日本", "a%b"), strs("x", "y"), strs("y", "x"), strs("abc"), strs("abd"), strs("z"))),
		scalars("af", schemapb.DataType_Array, array(schemapb.DataType_Float,
			floats(0.1, 0.5), floats(1), floats(), floats(2.5), floats(0.5, 0.5), floats(1, 2), floats(-1), floats(3), floats(4), floats(5))),
		scalars("ab", schemapb.DataType_Array, array(schemapb.DataType_Bool,
			bools(true), bools(false), bools(), bools(true, false), bools(false, true), bools(true, true), bools(false, false), bools(true), bools(false), bools(true))),
		{FieldName: "vec", Type: schemapb.DataType_FloatVector, Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
			Dim: 2, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: make([]float32, 20)}},
		}}},
	}
	if dynamic {
		extra := scalars("", schemapb.DataType_JSON, documents(
			`{"dn": 1, "ds": "x", "arr": [1, 2]}`, `{"dn": "x"}`, `{"dn": null}`, `{}`, `{"dn": [1, 2]}`, `{"dn": {"in": 5}, "in": 1}`,
			`{"dn": 2.5}`, `{"dn": true}`, `{"dn": -3, "ds": "five"}`, `{"other": 1}`))
		extra.IsDynamic = true
		rows = append(rows, extra)
	}
	return rows
}
