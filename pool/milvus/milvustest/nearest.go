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

// bounds are the limits of a range search: a distance is in them if it is at least low
// and less than high. The zero value has no limits.
type bounds struct {
	low, high float32
	set       bool
}

func (b bounds) have(distance float32) bool { return !b.set || b.low <= distance && distance < b.high }

// collector keeps the hits of a query that it is asked to keep.
type collector interface {
	taker
	reset()
	// sorted returns the hits, the nearest first. They are valid until the next reset.
	sorted() []hit
}

// nearest keeps the k nearest of the hits that it is offered. If two hits have
// the same distance, the hit with the smaller primary key counts as nearer.
type nearest struct {
	k      int
	bounds bounds
	rows   *collection
	heap   []hit // the farthest first
	byAge  bool  // The older of two rows with the same distance counts as nearer.
}

func newNearest(k int, b bounds, rows *collection) *nearest {
	return &nearest{k: k, bounds: b, rows: rows, heap: make([]hit, 0, k)}
}

func (n *nearest) farthest() float32 {
	switch {
	case len(n.heap) < n.k:
		return plusInf
	case n.k == 0:
		return minusInf
	default:
		return n.heap[0].distance
	}
}

func (n *nearest) reset() { n.heap = n.heap[:0] }

// compareHits orders hits as a search gives them.
func (c *collection) compareHits(a, b hit) int {
	if a.distance != b.distance {
		return cmp.Compare(a.distance, b.distance)
	}
	if order := c.keyAt(int(a.row)).compare(c.keyAt(int(b.row))); order != 0 {
		return order
	}
	return cmp.Compare(c.born[b.row], c.born[a.row])
}

func (n *nearest) compare(a, b hit) int {
	if n.byAge && a.distance == b.distance {
		return cmp.Compare(n.rows.born[a.row], n.rows.born[b.row])
	}
	return n.rows.compareHits(a, b)
}

// plusInf is the distance of rows that Milvus does not find: their vectors, or that of the
// query, have numbers that are too large.
var plusInf = float32(math.Inf(1))

func (n *nearest) offer(distance float32, row int32) {
	// A distance that is not a number is not less than any.
	if !(distance < plusInf) || !n.bounds.have(distance) {
		return
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

func (n *nearest) sorted() []hit {
	slices.SortFunc(n.heap, n.compare)
	return n.heap
}
