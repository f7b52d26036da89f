// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// vectorColumn is the column of a vector field.
type vectorColumn interface {
	column
	// placeholder is the type of the vectors of a search.
	placeholder() commonpb.PlaceholderType
	// scanner reads the vector of a search.
	scanner(raw []byte, metric string) (scanner, error)
}

// scanner offers every row that matches the filter to best, with its distance. A
// smaller distance means nearer. A nil filter matches every row.
type scanner func(filter predicate, best taker)

// taker takes the rows of a search that it wants to keep.
type taker interface {
	offer(distance float32, row int32)
	// farthest is the distance beyond which no offer is taken any more.
	farthest() float32
}

// isVectorType reports whether a type is one of vectors.
func isVectorType(kind schemapb.DataType) bool { return strings.HasSuffix(kind.String(), "Vector") }

// isSimilarity reports whether a greater score of this metric means nearer.
func isSimilarity(metric string) bool { return metric == metricIP || metric == metricCosine }

// newVectors returns an empty column for a field of vectors; nil if the field has
// another type.
func newVectors(f *schemapb.FieldSchema) vectorColumn {
	dim, _ := intParam(f, "dim") // Checked with the schema.
	switch f.GetDataType() {
	case schemapb.DataType_FloatVector:
		return &vectors{field: f, dim: dim, sketches: newSketches(dim)}
	case schemapb.DataType_Float16Vector:
		return &vectors{field: f, dim: dim, half: &float16, sketches: newSketches(dim)}
	case schemapb.DataType_BFloat16Vector:
		return &vectors{field: f, dim: dim, half: &bfloat16, sketches: newSketches(dim)}
	case schemapb.DataType_BinaryVector:
		return &bitVectors{field: f, dim: dim}
	case schemapb.DataType_SparseFloatVector:
		return &sparseVectors{field: f}
	default:
		return nil
	}
}

// vectors is the column of a field of float vectors.
type vectors struct {
	field *schemapb.FieldSchema
	dim   int
	half  *halfFormat // nil for numbers of 32 bits
	data  []float32   // dim for each row
	norms []float32   // of each row, for COSINE

	sketches sketches
}

func (v *vectors) schema() *schemapb.FieldSchema { return v.field }

func (v *vectors) placeholder() commonpb.PlaceholderType {
	if v.half != nil {
		return v.half.placeholder
	}
	return commonpb.PlaceholderType_FloatVector
}

// numbers returns the numbers of the vectors in a request.
func (v *vectors) numbers(fd *schemapb.FieldData) []float32 {
	if v.half != nil {
		return v.half.decode(v.half.read(fd.GetVectors()))
	}
	return fd.GetVectors().GetFloatVector().GetData()
}

func (v *vectors) check(fd *schemapb.FieldData, n int) error {
	if dim := fd.GetVectors().GetDim(); dim != int64(v.dim) {
		return invalidf("the dim (%d) of field data(%s) is not equal to schema dim (%d): invalid parameter[expected=%d][actual=%d]",
			dim, v.field.GetName(), v.dim, v.dim, dim)
	}
	data := v.numbers(fd)
	if len(data)%v.dim != 0 {
		return invalidf("the length(%d) of float data should divide the dim(%d): invalid parameter", len(data), v.dim)
	}
	if len(data)/v.dim != n {
		return wrongRows(v.field, len(data)/v.dim, n)
	}
	for _, x := range data {
		if err := finite(v.field, float64(x)); err != nil {
			return err
		}
	}
	return nil
}

func (v *vectors) append(fd *schemapb.FieldData) {
	data := v.numbers(fd)
	v.data = append(v.data, data...)
	for i := 0; i < len(data); i += v.dim {
		v.norms = append(v.norms, norm(data[i:i+v.dim]))
		v.sketches.add(data[i : i+v.dim])
	}
}

func (v *vectors) at(row int) []float32 { return v.data[row*v.dim : (row+1)*v.dim : (row+1)*v.dim] }

func (v *vectors) remove(row int) {
	last := len(v.norms) - 1
	copy(v.at(row), v.at(last))
	v.norms[row] = v.norms[last]
	v.data = v.data[:last*v.dim]
	v.norms = v.norms[:last]
	v.sketches.remove(row)
}

func (v *vectors) pick(rows []int32) *schemapb.FieldData {
	picked := make([]float32, 0, len(rows)*v.dim)
	for _, row := range rows {
		picked = append(picked, v.at(int(row))...)
	}
	field := &schemapb.VectorField{Dim: int64(v.dim)}
	if v.half != nil {
		v.half.write(field, v.half.encode(picked))
	} else {
		field.Data = &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: picked}}
	}
	return vectorData(v.field, field)
}

func vectorData(f *schemapb.FieldSchema, vectors *schemapb.VectorField) *schemapb.FieldData {
	return &schemapb.FieldData{
		Type: f.GetDataType(), FieldName: f.GetName(), FieldId: f.GetFieldID(),
		Field: &schemapb.FieldData_Vectors{Vectors: vectors},
	}
}

func (v *vectors) value(int) value { return value{} }

func (v *vectors) scanner(raw []byte, metric string) (scanner, error) {
	size := 4
	if v.half != nil {
		size = 2
	}
	if len(raw) != size*v.dim {
		return nil, wrongSize(size*v.dim, len(raw))
	}
	var query []float32
	if v.half != nil {
		query = v.half.decode(raw)
	} else {
		query = make([]float32, v.dim)
		for i := range query {
			query[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	}
	return func(filter predicate, best taker) { v.scan(query, metric, filter, best) }, nil
}

func wrongSize(want, got int) error {
	return invalidf("vector dimension mismatch, expected vector size(byte) %d, actual %d: invalid parameter", want, got)
}

func (v *vectors) scan(query []float32, metric string, filter predicate, best taker) {
	k := v.seek(query, metric)
	farthest := best.farthest()
	for row := range v.norms {
		if filter != nil && !filter(row) || farthest < plusInf && k.least(row) > farthest {
			continue
		}
		if distance := k.distance(row); distance <= farthest {
			best.offer(distance, int32(row))
			farthest = best.farthest()
		}
	}
}
