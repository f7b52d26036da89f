// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

const maxCapacity = 4096

// elementColumn returns an empty column for the elements of an array field; nil if
// the field cannot have such elements.
func elementColumn(f *schemapb.FieldSchema) column {
	switch f.GetElementType() {
	case schemapb.DataType_Bool, schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32,
		schemapb.DataType_Int64, schemapb.DataType_Float, schemapb.DataType_Double, schemapb.DataType_VarChar:
		return newColumn(&schemapb.FieldSchema{
			Name: f.GetName(), FieldID: f.GetFieldID(), DataType: f.GetElementType(), TypeParams: f.GetTypeParams(),
		})
	default:
		return nil
	}
}

// checkArray checks the type of an array field.
func checkArray(as release, f *schemapb.FieldSchema) error {
	if elementColumn(f) == nil {
		return as.badStatement("element type %s is not supported", f.GetElementType())
	}
	text, ok := pairsMap(f.GetTypeParams())["max_capacity"]
	if !ok {
		return as.badStatement("type param(max_capacity) should be specified for array field %s", f.GetName())
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return as.badStatement("the value of max_capacity must be an integer")
	}
	if n < 1 || n > maxCapacity {
		return as.badStatement("the maximum capacity specified for a Array should be in (0, %d]", maxCapacity)
	}
	if f.GetElementType() == schemapb.DataType_VarChar {
		return checkMaxLength(as, f)
	}
	return nil
}

// arrays is the column of an array field.
type arrays struct {
	field    *schemapb.FieldSchema
	capacity int
	element  column // It checks the elements and has none itself.
	data     []*schemapb.ScalarField
}

func newArrays(f *schemapb.FieldSchema) column {
	element := elementColumn(f)
	if element == nil {
		return nil
	}
	capacity, _ := intParam(f, "max_capacity") // Checked with the schema.
	return &arrays{field: f, capacity: capacity, element: element}
}

func (a *arrays) schema() *schemapb.FieldSchema { return a.field }

func (a *arrays) check(fd *schemapb.FieldData, n int) error {
	rows := fd.GetScalars().GetArrayData().GetData()
	if len(rows) != n {
		return wrongRows(a.field, len(rows), n)
	}
	for _, row := range rows {
		elements := arrayValues(row)
		if row.GetData() != nil && !holds(row, a.field.GetElementType()) {
			return invalidf("insert data does not match: the elements of array field %s should be %s", a.field.GetName(), a.field.GetElementType())
		}
		if len(elements) > a.capacity {
			return invalidf("the length (%d) of array field %s exceeds max capacity (%d): array length exceeds max capacity", len(elements), a.field.GetName(), a.capacity)
		}
		if err := a.element.check(&schemapb.FieldData{Field: &schemapb.FieldData_Scalars{Scalars: row}}, len(elements)); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether an array has elements of this type.
func holds(row *schemapb.ScalarField, kind schemapb.DataType) bool {
	switch row.GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		return kind == schemapb.DataType_Bool
	case *schemapb.ScalarField_IntData:
		return kind == schemapb.DataType_Int8 || kind == schemapb.DataType_Int16 || kind == schemapb.DataType_Int32
	case *schemapb.ScalarField_LongData:
		return kind == schemapb.DataType_Int64
	case *schemapb.ScalarField_FloatData:
		return kind == schemapb.DataType_Float
	case *schemapb.ScalarField_DoubleData:
		return kind == schemapb.DataType_Double
	case *schemapb.ScalarField_StringData:
		return kind == schemapb.DataType_VarChar
	default:
		return false
	}
}

// arrayValues returns the elements of an array for a filter.
func arrayValues(row *schemapb.ScalarField) []value {
	switch data := row.GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		return valuesOf(data.BoolData.GetData(), boolValue)
	case *schemapb.ScalarField_IntData:
		return valuesOf(data.IntData.GetData(), func(v int32) value { return intValue(int64(v)) })
	case *schemapb.ScalarField_LongData:
		return valuesOf(data.LongData.GetData(), intValue)
	case *schemapb.ScalarField_FloatData:
		return valuesOf(data.FloatData.GetData(), func(v float32) value { return floatValue(float64(v)) })
	case *schemapb.ScalarField_DoubleData:
		return valuesOf(data.DoubleData.GetData(), floatValue)
	case *schemapb.ScalarField_StringData:
		return valuesOf(data.StringData.GetData(), stringValue)
	default:
		return nil
	}
}

func valuesOf[T any](data []T, toValue func(T) value) []value {
	values := make([]value, len(data))
	for i, v := range data {
		values[i] = toValue(v)
	}
	return values
}

func (a *arrays) append(fd *schemapb.FieldData) {
	a.data = append(a.data, fd.GetScalars().GetArrayData().GetData()...)
}

func (a *arrays) remove(row int) {
	last := len(a.data) - 1
	a.data[row] = a.data[last]
	a.data[last] = nil
	a.data = a.data[:last]
}

func (a *arrays) pick(rows []int32) *schemapb.FieldData {
	picked := &schemapb.ArrayArray{ElementType: a.field.GetElementType()}
	for _, row := range rows {
		picked.Data = append(picked.Data, a.data[row])
	}
	return &schemapb.FieldData{
		Type: schemapb.DataType_Array, FieldName: a.field.GetName(), FieldId: a.field.GetFieldID(),
		Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: picked}}},
	}
}

func (a *arrays) value(row int) value { return arrayValue(arrayValues(a.data[row])) }
