// SPDX-License-Identifier: Apache-2.0

package milvustest

import "math"

// sketches has a rough copy of each vector of a column. A search computes from the copies
// the least distance that a row can have, which takes a third of the time of the distance.
// The search computes the distance of a row only if the row can be among the nearest.
type sketches struct {
	words int // of the levels of a row
	// levels has the numbers of the copies, rounded to one of 128 levels of their row.
	// A word has eight of them, a byte each.
	levels []uint64
	rows   []sketch
}

// sketch is what else is known of a vector and its copy.
type sketch struct {
	low, step float64 // A number of the copy is low + step*level.
	levels    float64 // the sum of the levels
	square    float64 // of the length of the copy
	length    float64 // at least the length of the vector and of the copy
	// slack is at least the distance between the vector and its copy. It includes the
	// error of every computation with the vector or the copy. It is infinite if the
	// copy is of no use.
	slack float64
}

const (
	topLevel   = 127
	wordLevels = 8

	// longest is a length of vectors up to which no sum of squares or products is too
	// large for a float32.
	longest = 1e18
	// rounding is at least what rounding in each dimension adds to a distance of
	// vectors in float32, or of copies in float64, as a part of their lengths.
	rounding = 0x1p-22
	// smallest is at least what the squares and products that are too small for a
	// float32 add.
	smallest = 1e-18
)

// newSketches returns the sketches of no rows.
func newSketches(dim int) sketches { return sketches{words: (dim + wordLevels - 1) / wordLevels} }

// of returns the levels of a row.
func (s *sketches) of(row int) []uint64 { return s.levels[row*s.words : (row+1)*s.words] }

func (s *sketches) add(vector []float32) {
	row := len(s.rows)
	s.levels = append(s.levels, make([]uint64, s.words)...)
	s.rows = append(s.rows, newSketch(vector, s.of(row)))
}

// remove takes a row out and puts the last one in its place.
func (s *sketches) remove(row int) {
	last := len(s.rows) - 1
	copy(s.of(row), s.of(last))
	s.levels = s.levels[:last*s.words]
	s.rows = removeAt(s.rows, int32(row))
}

// newSketch writes the levels of a vector into words, which are zero.
func newSketch(vector []float32, words []uint64) sketch {
	low, high, square := vector[0], vector[0], 0.0
	for _, x := range vector {
		if x < low {
			low = x
		}
		if x > high {
			high = x
		}
		square += float64(x) * float64(x)
	}
	length := math.Sqrt(square)
	if !(length < longest) { // or there is a NaN
		return sketch{slack: math.Inf(1)}
	}
	s := sketch{low: float64(low), step: (float64(high) - float64(low)) / topLevel}
	perStep := 0.0
	if s.step > 0 {
		perStep = 1 / s.step
	}
	var levels int64
	var copySquare, lost float64 // Sums in variables take half the time of sums in s.
	for i, x := range vector {
		number := float64(x)
		level := int64((number-s.low)*perStep + 0.5)
		words[i/wordLevels] |= uint64(level) << (i % wordLevels * 8)
		copied := s.low + s.step*float64(level)
		levels += level
		copySquare += copied * copied
		lost += (number - copied) * (number - copied)
	}
	s.levels, s.square = float64(levels), copySquare
	s.slack = math.Sqrt(lost) + length*rounding*float64(len(vector)) + smallest
	s.length = length + s.slack
	return s
}
