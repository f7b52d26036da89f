// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"math/bits"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// bitVectors is the column of a field of binary vectors.
type bitVectors struct {
	field *schemapb.FieldSchema
	dim   int    // in bits, a multiple of 8
	data  []byte // dim bits for each row
}

func (v *bitVectors) size() int { return v.dim / 8 }

func (v *bitVectors) schema() *schemapb.FieldSchema { return v.field }

func (v *bitVectors) placeholder() commonpb.PlaceholderType {
	return commonpb.PlaceholderType_BinaryVector
}

func (v *bitVectors) check(fd *schemapb.FieldData, n int) error {
	if dim := fd.GetVectors().GetDim(); dim != int64(v.dim) {
		return invalidf("the dim (%d) of field data(%s) is not equal to schema dim (%d): invalid parameter[expected=%d][actual=%d]",
			dim, v.field.GetName(), v.dim, v.dim, dim)
	}
	data := fd.GetVectors().GetBinaryVector()
	if len(data)%v.size() != 0 {
		return invalidf("the length(%d) of binary data should divide the dim(%d): invalid parameter", 8*len(data), v.dim)
	}
	if len(data)/v.size() != n {
		return wrongRows(v.field, len(data)/v.size(), n)
	}
	return nil
}

func (v *bitVectors) append(fd *schemapb.FieldData) {
	v.data = append(v.data, fd.GetVectors().GetBinaryVector()...)
}

func (v *bitVectors) at(row int) []byte { return v.data[row*v.size() : (row+1)*v.size()] }

func (v *bitVectors) remove(row int) {
	last := len(v.data)/v.size() - 1
	copy(v.at(row), v.at(last))
	v.data = v.data[:last*v.size()]
}

func (v *bitVectors) pick(rows []int32) *schemapb.FieldData {
	picked := make([]byte, 0, len(rows)*v.size())
	for _, row := range rows {
		picked = append(picked, v.at(int(row))...)
	}
	return vectorData(v.field, &schemapb.VectorField{
		Dim: int64(v.dim), Data: &schemapb.VectorField_BinaryVector{BinaryVector: picked},
	})
}

func (v *bitVectors) value(int) value { return value{} }

func (v *bitVectors) scanner(raw []byte, metric string) (scanner, error) {
	if len(raw) != v.size() {
		return nil, wrongSize(v.size(), len(raw))
	}
	distance := map[string]func(a, b []byte) float32{
		metricHamming: hamming, metricJaccard: jaccard, metricSubstructure: substructure,
		metricSuperstructure: func(a, b []byte) float32 { return substructure(b, a) },
	}[metric]
	if distance == nil {
		return nil, invalidf("binary vectors do not have the metric %s: invalid parameter", metric)
	}
	return func(filter predicate, best taker) {
		for row := range len(v.data) / v.size() {
			if filter == nil || filter(row) {
				best.offer(distance(raw, v.at(row)), int32(row))
			}
		}
	}, nil
}

func hamming(a, b []byte) float32 {
	n := 0
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return float32(n)
}

// jaccard returns one for two vectors of zeros, as Milvus does.
func jaccard(a, b []byte) float32 {
	both, either := 0, 0
	for i := range a {
		both += bits.OnesCount8(a[i] & b[i])
		either += bits.OnesCount8(a[i] | b[i])
	}
	if either == 0 {
		return 1
	}
	return float32(either-both) / float32(either)
}

// substructure returns zero if b has all the bits of a. Other vectors are no hits.
func substructure(a, b []byte) float32 {
	for i := range a {
		if a[i]&^b[i] != 0 {
			return plusInf
		}
	}
	return 0
}
