// SPDX-License-Identifier: Apache-2.0

package milvustest

import "slices"

// bySegment keeps the k nearest hits of each segment, as Milvus does. That matters where
// keys have several rows: the hits of a segment may have fewer than k keys.
type bySegment struct {
	k      int
	bounds bounds
	rows   *collection
	best   map[*segment]*nearest
	out    []hit
}

func newBySegment(k int, b bounds, rows *collection) *bySegment {
	return &bySegment{k: k, bounds: b, rows: rows, best: make(map[*segment]*nearest)}
}

func (s *bySegment) farthest() float32 { return plusInf }

func (s *bySegment) reset() {
	for _, n := range s.best {
		n.reset()
	}
}

func (s *bySegment) offer(distance float32, row int32) {
	seg := s.rows.segmentOf[row]
	n := s.best[seg]
	if n == nil {
		n = newNearest(s.k, s.bounds, s.rows)
		n.byAge = true
		s.best[seg] = n
	}
	n.offer(distance, row)
}

func (s *bySegment) sorted() []hit {
	s.out = s.out[:0]
	for _, n := range s.best {
		s.out = append(s.out, n.heap...)
	}
	slices.SortFunc(s.out, s.rows.compareHits)
	return s.out
}
