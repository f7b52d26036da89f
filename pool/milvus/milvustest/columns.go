// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"bytes"
	"encoding/json"
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// column holds the values of one field, one for each row.
type column interface {
	schema() *schemapb.FieldSchema
	// check returns an error unless fd has n values that fit.
	check(fd *schemapb.FieldData, n int) error
	// append adds the values of fd, which check has accepted.
	append(fd *schemapb.FieldData)
	// remove takes a row out and puts the last one in its place.
	remove(row int)
	// pick copies the values of some rows, in that order.
	pick(rows []int32) *schemapb.FieldData
	// value returns the value of a row for a filter.
	value(row int) value
}

// newColumn returns an empty column for a field; nil if its type is not supported.
func newColumn(f *schemapb.FieldSchema) column {
	switch f.GetDataType() {
	case schemapb.DataType_Bool:
		return &scalars[bool]{
			field: f,
			read:  func(s *schemapb.ScalarField) []bool { return s.GetBoolData().GetData() },
			write: func(v []bool) *schemapb.ScalarField {
				return &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: v}}}
			},
			toValue: boolValue,
		}
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		return newInts(f)
	case schemapb.DataType_Int64:
		return &scalars[int64]{
			field: f,
			read:  func(s *schemapb.ScalarField) []int64 { return s.GetLongData().GetData() },
			write: func(v []int64) *schemapb.ScalarField {
				return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}}
			},
			toValue: intValue,
		}
	case schemapb.DataType_Float:
		return &scalars[float32]{
			field: f,
			read:  func(s *schemapb.ScalarField) []float32 { return s.GetFloatData().GetData() },
			write: func(v []float32) *schemapb.ScalarField {
				return &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: v}}}
			},
			toValue: func(v float32) value { return floatValue(float64(v)) },
			verify:  func(v float32) error { return finite(f, float64(v)) },
		}
	case schemapb.DataType_Double:
		return &scalars[float64]{
			field: f,
			read:  func(s *schemapb.ScalarField) []float64 { return s.GetDoubleData().GetData() },
			write: func(v []float64) *schemapb.ScalarField {
				return &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: v}}}
			},
			toValue: floatValue,
			verify:  func(v float64) error { return finite(f, v) },
		}
	case schemapb.DataType_VarChar:
		return newStrings(f)
	case schemapb.DataType_JSON:
		return newJSON(f)
	case schemapb.DataType_Array:
		return newArrays(f)
	default:
		if v := newVectors(f); v != nil {
			return v
		}
		return nil
	}
}

// newInts returns an empty column of integers of at most 32 bits.
func newInts(f *schemapb.FieldSchema) column {
	bits := map[schemapb.DataType]int{schemapb.DataType_Int8: 8, schemapb.DataType_Int16: 16, schemapb.DataType_Int32: 32}[f.GetDataType()]
	return &scalars[int32]{
		field: f,
		read:  func(s *schemapb.ScalarField) []int32 { return s.GetIntData().GetData() },
		write: func(v []int32) *schemapb.ScalarField {
			return &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: v}}}
		},
		toValue: func(v int32) value { return intValue(int64(v)) },
		verify: func(v int32) error {
			if low, high := int64(-1)<<(bits-1), int64(1)<<(bits-1)-1; int64(v) < low || int64(v) > high {
				return invalidf("the value of field %s is out of range: %d should be in [%d, %d]", f.GetName(), v, low, high)
			}
			return nil
		},
	}
}

// newStrings returns an empty column of strings of bounded length.
func newStrings(f *schemapb.FieldSchema) column {
	limit, _ := intParam(f, "max_length") // Checked with the schema.
	return &scalars[string]{
		field: f,
		read:  func(s *schemapb.ScalarField) []string { return s.GetStringData().GetData() },
		write: func(v []string) *schemapb.ScalarField {
			return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: v}}}
		},
		toValue: stringValue,
		verify: func(v string) error {
			if len(v) > limit {
				return invalidf("the length (%d) of a value of varchar field %s exceeds max length (%d)", len(v), f.GetName(), limit)
			}
			return nil
		},
	}
}

// newJSON returns an empty column of JSON documents.
func newJSON(f *schemapb.FieldSchema) column {
	return &scalars[[]byte]{
		field: f,
		read:  func(s *schemapb.ScalarField) [][]byte { return s.GetJsonData().GetData() },
		write: func(v [][]byte) *schemapb.ScalarField {
			return &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: v}}}
		},
		toValue: func(v []byte) value { return value{kind: jsonKind, raw: v} },
		verify: func(v []byte) error {
			if !json.Valid(v) || f.GetIsDynamic() && !bytes.HasPrefix(bytes.TrimSpace(v), []byte("{")) {
				return invalidf("the value of JSON field %s is not valid JSON", f.GetName())
			}
			return nil
		},
	}
}

func finite(f *schemapb.FieldSchema, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return invalidf("value '%v' of field %s is not a number or infinity", v, f.GetName())
	}
	return nil
}

// scalars is the column of a field that is not a vector.
type scalars[T any] struct {
	field   *schemapb.FieldSchema
	data    []T
	read    func(*schemapb.ScalarField) []T
	write   func([]T) *schemapb.ScalarField
	toValue func(T) value
	verify  func(T) error // nil if every value is valid
}

func (s *scalars[T]) schema() *schemapb.FieldSchema { return s.field }

func (s *scalars[T]) check(fd *schemapb.FieldData, n int) error {
	data := s.read(fd.GetScalars())
	if len(data) != n {
		return wrongRows(s.field, len(data), n)
	}
	if s.verify == nil {
		return nil
	}
	for _, v := range data {
		if err := s.verify(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *scalars[T]) append(fd *schemapb.FieldData) {
	s.data = append(s.data, s.read(fd.GetScalars())...)
}

func (s *scalars[T]) remove(row int) {
	last := len(s.data) - 1
	s.data[row] = s.data[last]
	clear(s.data[last:])
	s.data = s.data[:last]
}

func (s *scalars[T]) pick(rows []int32) *schemapb.FieldData {
	picked := make([]T, len(rows))
	for i, row := range rows {
		picked[i] = s.data[row]
	}
	return s.fieldData(picked)
}

func (s *scalars[T]) fieldData(data []T) *schemapb.FieldData {
	return &schemapb.FieldData{
		Type: s.field.GetDataType(), FieldName: s.field.GetName(), FieldId: s.field.GetFieldID(), IsDynamic: s.field.GetIsDynamic(),
		Field: &schemapb.FieldData_Scalars{Scalars: s.write(data)},
	}
}

func (s *scalars[T]) value(row int) value { return s.toValue(s.data[row]) }

func wrongRows(f *schemapb.FieldSchema, got, want int) error {
	return invalidf("the num_rows (%d) of field (%s) is not equal to passed num_rows (%d): invalid parameter[expected=%d][actual=%d]",
		got, f.GetName(), want, want, got)
}
