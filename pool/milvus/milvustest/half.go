// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"encoding/binary"
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// halfFormat is a format of numbers of 16 bits. A column keeps them as numbers of 32
// bits, which loses nothing.
type halfFormat struct {
	placeholder commonpb.PlaceholderType
	widen       func(uint16) float32
	narrow      func(float32) uint16
	read        func(*schemapb.VectorField) []byte
	write       func(*schemapb.VectorField, []byte)
}

var float16 = halfFormat{
	placeholder: commonpb.PlaceholderType_Float16Vector,
	widen:       widenFloat16,
	narrow:      narrowFloat16,
	read:        (*schemapb.VectorField).GetFloat16Vector,
	write: func(f *schemapb.VectorField, b []byte) {
		f.Data = &schemapb.VectorField_Float16Vector{Float16Vector: b}
	},
}

var bfloat16 = halfFormat{
	placeholder: commonpb.PlaceholderType_BFloat16Vector,
	widen:       func(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) },
	narrow:      func(x float32) uint16 { return uint16(math.Float32bits(x) >> 16) },
	read:        (*schemapb.VectorField).GetBfloat16Vector,
	write: func(f *schemapb.VectorField, b []byte) {
		f.Data = &schemapb.VectorField_Bfloat16Vector{Bfloat16Vector: b}
	},
}

// decode ignores half a number at the end.
func (h *halfFormat) decode(raw []byte) []float32 {
	numbers := make([]float32, len(raw)/2)
	for i := range numbers {
		numbers[i] = h.widen(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return numbers
}

func (h *halfFormat) encode(numbers []float32) []byte {
	raw := make([]byte, 0, 2*len(numbers))
	for _, x := range numbers {
		raw = binary.LittleEndian.AppendUint16(raw, h.narrow(x))
	}
	return raw
}

func widenFloat16(h uint16) float32 {
	sign, exponent, fraction := uint32(h)>>15<<31, uint32(h)>>10&31, uint32(h)&1023
	switch exponent {
	case 0: // zero, or a number below the smallest normal one
		x := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent-15+127)<<23 | fraction<<13)
	}
}

// narrowFloat16 is the inverse of widenFloat16. The number must have come from it.
func narrowFloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 31 << 15)
	switch exponent := int(bits>>23&255) - 127 + 15; {
	case exponent >= 31:
		return sign | 31<<10 | uint16(bits>>13&1023)
	case exponent <= 0:
		return sign | uint16(math.Abs(float64(x))*(1<<24))
	default:
		return sign | uint16(exponent)<<10 | uint16(bits>>13&1023)
	}
}
