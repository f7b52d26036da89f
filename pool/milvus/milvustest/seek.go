// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"math"
	"math/bits"
)

// seeker compares the vector of a search with the rows of a column.
type seeker struct {
	of         *vectors
	byL2, byIP bool // else by COSINE
	query      []float32
	norm       float32

	sketch             // of the query
	sum       float64  // of the numbers of the copy of the query
	even, odd []uint64 // the levels of the query in lanes, the last lane first
}

// lanes has the bits of the first, third, fifth and seventh byte: a word is four lanes of
// 16 bits with a level in each.
const lanes = 0x00ff_00ff_00ff_00ff

func (v *vectors) seek(query []float32, metric string) *seeker {
	words := make([]uint64, v.sketches.words)
	k := &seeker{
		of: v, byL2: metric == metricL2, byIP: metric == metricIP, query: query, norm: norm(query),
		sketch: newSketch(query, words),
	}
	k.sum = k.low*float64(v.dim) + k.step*k.levels
	for _, w := range words {
		k.even = append(k.even, bits.ReverseBytes64(w&lanes)>>8)
		k.odd = append(k.odd, bits.ReverseBytes64(w>>8&lanes)>>8)
	}
	return k
}

// distance returns the distance of a row. A smaller distance means nearer.
func (k *seeker) distance(row int) float32 {
	vector := k.of.at(row)
	switch {
	case k.byL2:
		return squaredL2(k.query, vector)
	case k.byIP:
		return -dot(k.query, vector)
	default:
		return -cosine(dot(k.query, vector), k.norm*k.of.norms[row])
	}
}

// least is at most the distance of a row, or is not a number.
func (k *seeker) least(row int) float32 {
	r := &k.of.sketches.rows[row]
	product := k.product(row, r)
	if k.byL2 {
		square := k.square + r.square - 2*product
		if square <= 0 {
			return 0
		}
		least := math.Sqrt(square) - k.slack - r.slack
		if least <= 0 {
			return 0
		}
		return float32(least * least)
	}
	mostDot := float32(product + k.slack*r.length + k.length*r.slack)
	if k.byIP {
		return -mostDot
	}
	return -cosine(mostDot, k.norm*k.of.norms[row])
}

// product returns the dot product of the copies of the query and of a row.
func (k *seeker) product(row int, r *sketch) float64 {
	words := k.of.sketches.of(row)
	evenLevels, oddLevels := k.even[:len(words)], k.odd[:len(words)]
	// The product of two words of lanes has in its highest lane the sum of four
	// products: of the first lane of one word and the last of the other, and so on. No
	// lane overflows, because 4*127*127 is less than 1<<16.
	var even, odd uint64
	for i, w := range words {
		even += (w & lanes) * evenLevels[i] >> 48
		odd += (w >> 8 & lanes) * oddLevels[i] >> 48
	}
	return r.low*k.sum + r.step*(k.low*r.levels+k.step*float64(int64(even+odd)))
}
