// SPDX-License-Identifier: Apache-2.0

package milvustest

import "slices"

// showsVectors reports whether a vector field is among the output fields.
func (o *outputs) showsVectors() bool {
	return slices.ContainsFunc(o.columns, func(col column) bool { return isVectorType(col.schema().GetDataType()) })
}

// shown returns the rows whose fields a search shows, one for each row that it found.
// Milvus does not keep the vectors of the hits: if a vector is asked for, it queries the
// fields by the keys of the hits. So the oldest row of a key is shown, not the nearest.
func (s *search) shown(c *collection, found []int32) ([]int32, error) {
	if c.keys.extra == 0 || !s.outputs.showsVectors() {
		return found, nil
	}
	oldest := make(map[key]int32, len(found))
	for _, row := range c.visible(c.withKeysOf(found, s.partitions), 0) {
		oldest[c.keyAt(int(row))] = row
	}
	rows := make([]int32, len(found))
	for i, row := range found {
		k := c.keyAt(int(row))
		shown, ok := oldest[k]
		if !ok { // A segment of 2.3 does not read all rows of keys that it has twice.
			return nil, failf(CodeUnexpected, "incomplete query result, missing id %v, len(searchIDs) = %d, len(queryIDs) = %d, collection=%d",
				k, len(found), len(oldest), c.id)
		}
		rows[i] = shown
	}
	return rows, nil
}
