// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"encoding/binary"
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// sparseVectors is the column of a field of sparse vectors. A vector is a sequence of
// pairs of an index and a number, of 4 bytes each, sorted by the index.
type sparseVectors struct {
	field *schemapb.FieldSchema
	data  [][]byte
}

func (v *sparseVectors) schema() *schemapb.FieldSchema { return v.field }

func (v *sparseVectors) placeholder() commonpb.PlaceholderType {
	return commonpb.PlaceholderType_SparseFloatVector
}

func (v *sparseVectors) check(fd *schemapb.FieldData, n int) error {
	rows := fd.GetVectors().GetSparseFloatVector().GetContents()
	if len(rows) != n {
		return wrongRows(v.field, len(rows), n)
	}
	for _, row := range rows {
		if err := checkSparse(row); err != nil {
			return err
		}
	}
	return nil
}

// pairAt returns the pair i of a sparse vector.
func pairAt(row []byte, i int) (index uint32, x float32) {
	return binary.LittleEndian.Uint32(row[8*i:]), math.Float32frombits(binary.LittleEndian.Uint32(row[8*i+4:]))
}

func checkSparse(row []byte) error {
	if len(row)%8 != 0 {
		return invalidf("invalid data length in sparse float vector: %d", len(row))
	}
	var before uint32
	for i := range len(row) / 8 {
		index, x := pairAt(row, i)
		switch f := float64(x); {
		case index == math.MaxUint32:
			return invalidf("invalid index in sparse float vector: must be less than 2^32-1")
		case i > 0 && index <= before:
			return invalidf("unsorted or same indices in sparse float vector: Invalid sparse row: id should be strict ascending")
		case math.IsNaN(f) || math.IsInf(f, 0):
			return invalidf("value '%v' is not a number or infinity", x)
		case x < 0:
			return invalidf("negative value in sparse float vector")
		}
		before = index
	}
	return nil
}

func (v *sparseVectors) append(fd *schemapb.FieldData) {
	v.data = append(v.data, fd.GetVectors().GetSparseFloatVector().GetContents()...)
}

func (v *sparseVectors) remove(row int) {
	last := len(v.data) - 1
	v.data[row] = v.data[last]
	v.data[last] = nil
	v.data = v.data[:last]
}

func (v *sparseVectors) pick(rows []int32) *schemapb.FieldData {
	picked := &schemapb.SparseFloatArray{}
	for _, row := range rows {
		vector := v.data[row]
		if n := len(vector) / 8; n > 0 {
			index, _ := pairAt(vector, n-1)
			picked.Dim = max(picked.Dim, int64(index)+1)
		}
		picked.Contents = append(picked.Contents, vector)
	}
	return vectorData(v.field, &schemapb.VectorField{
		Dim: picked.Dim, Data: &schemapb.VectorField_SparseFloatVector{SparseFloatVector: picked},
	})
}

func (v *sparseVectors) value(int) value { return value{} }

// scanner offers only rows that have an index in common with the query, as Milvus does.
func (v *sparseVectors) scanner(raw []byte, _ string) (scanner, error) {
	if err := checkSparse(raw); err != nil {
		return nil, err
	}
	return func(filter predicate, best taker) {
		for row, vector := range v.data {
			if filter != nil && !filter(row) {
				continue
			}
			if score := sparseDot(raw, vector); score > 0 {
				best.offer(-score, int32(row))
			}
		}
	}, nil
}

func sparseDot(a, b []byte) (sum float32) {
	for i, j := 0, 0; i < len(a)/8 && j < len(b)/8; {
		indexA, x := pairAt(a, i)
		indexB, y := pairAt(b, j)
		switch {
		case indexA < indexB:
			i++
		case indexA > indexB:
			j++
		default:
			sum += x * y
			i, j = i+1, j+1
		}
	}
	return sum
}
