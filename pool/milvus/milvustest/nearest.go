// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"math"
	"slices"
)

type hit struct {
	distance float32
	row      int32
}

// nearest keeps the k nearest of the hits that it is offered. If two hits have
// the same distance, the hit with the smaller primary key counts as nearer.
type nearest struct {
	k    int
	rows *collection
	heap []hit // the farthest first
}

func newNearest(k int, rows *collection) *nearest {
	return &nearest{k: k, rows: rows, heap: make([]hit, 0, k)}
}

func (n *nearest) reset() { n.heap = n.heap[:0] }

func (n *nearest) compare(a, b hit) int {
	if a.distance != b.distance {
		return cmp.Compare(a.distance, b.distance)
	}
	if order := n.rows.keyAt(int(a.row)).compare(n.rows.keyAt(int(b.row))); order != 0 {
		return order
	}
	return cmp.Compare(n.rows.born[b.row], n.rows.born[a.row])
}

func (n *nearest) offer(distance float32, row int32) {
	if distance != distance {
		distance = float32(math.Inf(1)) // Numbers so large that the distance is NaN are far away.
	}
	h := hit{distance, row}
	if len(n.heap) < n.k {
		n.heap = append(n.heap, h)
		n.up(len(n.heap) - 1)
		return
	}
	if n.k == 0 || distance > n.heap[0].distance || n.compare(h, n.heap[0]) > 0 {
		return
	}
	n.heap[0] = h
	n.down()
}

func (n *nearest) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if n.compare(n.heap[i], n.heap[parent]) <= 0 {
			return
		}
		n.heap[i], n.heap[parent] = n.heap[parent], n.heap[i]
		i = parent
	}
}

func (n *nearest) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(n.heap) {
			return
		}
		if child+1 < len(n.heap) && n.compare(n.heap[child+1], n.heap[child]) > 0 {
			child++
		}
		if n.compare(n.heap[child], n.heap[i]) <= 0 {
			return
		}
		n.heap[i], n.heap[child] = n.heap[child], n.heap[i]
		i = child
	}
}

// sorted returns the hits, the nearest first. They are valid until the next reset.
func (n *nearest) sorted() []hit {
	slices.SortFunc(n.heap, n.compare)
	return n.heap
}

// squaredL2 and dot have four sums, so that an addition need not wait for the
// addition before it.

func squaredL2(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		d0, d1, d2, d3 := a[0]-b[0], a[1]-b[1], a[2]-b[2], a[3]-b[3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		a, b = a[4:], b[4:]
	}
	for i := range a {
		d := a[i] - b[i]
		s0 += d * d
	}
	return (s0 + s1) + (s2 + s3)
}

func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func norm(v []float32) float32 { return float32(math.Sqrt(float64(dot(v, v)))) }

// cosine returns zero for a vector of zeros, which has no direction.
func cosine(product, norms float32) float32 {
	if norms == 0 {
		return 0
	}
	return product / norms
}
