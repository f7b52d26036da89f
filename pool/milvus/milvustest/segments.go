// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"maps"
	"math"
	"slices"
)

// segment is a set of rows that Milvus keeps together: the rows of one shard of a
// partition between two flushes.
//
// A segment of Milvus 2.3 reads at most as many rows as it has keys, in their order,
// and Milvus drops the second row of a key afterwards. So a query loses its last rows
// where keys were inserted twice.
type segment struct {
	shard int
	keys  int              // keys ever inserted, each once
	gone  map[key]struct{} // the keys of those that have no row in the segment now

	flushed bool
}

// segmentFor returns the segment that a new row of a partition belongs to.
func (c *collection) segmentFor(p *partition, k key) *segment {
	shard := 0
	if c.shards > 1 {
		shard = int(k.hash(c.keysAreTexts) % uint32(c.shards))
	}
	if p.growing == nil {
		p.growing = make([]*segment, c.shards)
	}
	if p.growing[shard] == nil {
		p.growing[shard] = &segment{shard: shard, gone: make(map[key]struct{})}
	}
	return p.growing[shard]
}

// hasKey reports whether a row of the segment has this key.
func (c *collection) hasKey(seg *segment, k key) bool {
	c.buf = c.keys.rows(c.buf[:0], k)
	return slices.ContainsFunc(c.buf, func(row int32) bool { return c.segmentOf[row] == seg })
}

// addRow records a row that was appended to the columns.
func (c *collection) addRow(p *partition, row int32) {
	k := c.keyAt(int(row))
	seg := c.segmentFor(p, k)
	inSegment := false
	if c.keys.has(k) {
		inSegment = c.hasKey(seg, k)
		c.keys.add(k, row)
	} else {
		c.keys.first[k] = row
	}
	if _, was := seg.gone[k]; was {
		delete(seg.gone, k)
	} else if !inSegment {
		seg.keys++
	}
	p.written++
	c.written++
	c.partitionOf = append(c.partitionOf, p)
	c.segmentOf = append(c.segmentOf, seg)
	c.born = append(c.born, c.written)
}

// remove removes rows, which must be in ascending order. Rows behind them move.
func (c *collection) remove(rows []int32) {
	for _, row := range slices.Backward(rows) {
		k, seg := c.keyAt(int(row)), c.segmentOf[row]
		c.keys.remove(k, row)
		if c.as.before(since24) && !c.hasKey(seg, k) {
			seg.gone[k] = struct{}{}
		}
		last := int32(c.rows() - 1)
		if row != last {
			c.keys.move(c.keyAt(int(last)), last, row)
		}
		for _, col := range c.columns {
			col.remove(int(row))
		}
		c.partitionOf = removeAt(c.partitionOf, row)
		c.segmentOf = removeAt(c.segmentOf, row)
		c.born = removeAt(c.born, row)
	}
}

// removeAt takes an element out and puts the last one in its place.
func removeAt[T any](list []T, i int32) []T {
	last := len(list) - 1
	list[i] = list[last]
	return slices.Delete(list, last, last+1)
}

// flush ends the segments of the collection, and counts their rows from now on.
func (c *collection) flush() {
	for _, p := range c.partitions {
		for _, seg := range p.growing {
			if seg != nil {
				seg.flushed = true
			}
		}
		p.flushed, p.growing = p.written, nil
	}
}

// flushedRows returns the number of rows that were inserted before a flush, those
// that were deleted since included.
func (c *collection) flushedRows() int {
	rows := 0
	for _, p := range c.partitions {
		rows += p.flushed
	}
	return rows
}

// ordered sorts rows by their key, the rows of a key by their age.
func (c *collection) ordered(rows []int32) []int32 {
	slices.SortFunc(rows, func(a, b int32) int {
		if order := c.keyAt(int(a)).compare(c.keyAt(int(b))); order != 0 {
			return order
		}
		return int(c.born[a] - c.born[b])
	})
	return rows
}

// read returns those of the rows that Milvus reads, in their order: of each shard as
// many as limit says, or without a limit of each segment as many as it can.
func (c *collection) read(rows []int32, limit int) []int32 {
	rows = c.ordered(rows)
	if c.as.before(since24) && !c.keysAreTexts {
		// The proxy of 2.3 merges by the smallest key, and takes the largest for no key.
		rows = slices.DeleteFunc(rows, func(row int32) bool { return c.keyAt(int(row)).number == math.MaxInt64 })
	}
	if c.keys.extra == 0 || !c.as.before(since24) {
		return rows
	}
	ofShard, ofSegment := make(map[int]int), make(map[*segment]int)
	return slices.DeleteFunc(rows, func(row int32) bool {
		seg := c.segmentOf[row]
		if limit > 0 {
			ofShard[seg.shard]++
			return ofShard[seg.shard] > limit
		}
		ofSegment[seg]++
		return ofSegment[seg] > seg.keys
	})
}

// visible returns the rows that a query shows: of each key the oldest row. limit is the
// limit of the query with its offset; zero means that it has none.
func (c *collection) visible(rows []int32, limit int) []int32 {
	rows = c.read(rows, limit)
	if c.keys.extra == 0 {
		return rows
	}
	return slices.CompactFunc(rows, func(a, b int32) bool { return c.keyAt(int(a)) == c.keyAt(int(b)) })
}

// nearestOfEachKey returns the hits that a search shows, of hits with the nearest first:
// of each key the nearest, and no more than most.
func (c *collection) nearestOfEachKey(hits []hit, most int) []hit {
	if c.keys.extra == 0 {
		return hits[:min(most, len(hits))]
	}
	seen := make(map[key]struct{})
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		k := c.keyAt(int(h.row))
		_, known := seen[k]
		seen[k] = struct{}{}
		return known
	})
	return hits[:min(most, len(hits))]
}

// withKeysOf returns all rows in one of the partitions that have the key of one of the
// rows, in ascending order.
func (c *collection) withKeysOf(rows []int32, in []*partition) []int32 {
	keys := make(map[key]struct{}, len(rows))
	for _, row := range rows {
		keys[c.keyAt(int(row))] = struct{}{}
	}
	var all []int32
	for k := range maps.Keys(keys) {
		all = c.keys.rows(all, k)
	}
	all = slices.DeleteFunc(all, func(row int32) bool { return !slices.Contains(in, c.partitionOf[row]) })
	slices.Sort(all)
	return all
}
