// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// Intercept is what every call passes through.
var Intercept = (*Server).intercept

// Rows is a collection with rows, for filters.
type Rows struct{ c *collection }

// NewRows returns a collection with these rows on a server of the version.
func NewRows(version string, schema *schemapb.CollectionSchema, data []*schemapb.FieldData) (*Rows, error) {
	as, err := parseRelease(version)
	if err != nil {
		return nil, err
	}
	c := newStore(as).newCollection(&milvuspb.CreateCollectionRequest{}, schema, -1, 1)
	for _, fd := range data {
		name := fd.GetFieldName()
		if fd.GetIsDynamic() {
			name = dynamicField
		}
		c.columns[c.byName[name]].append(fd)
	}
	c.partitionOf = make([]*partition, len(c.columns[c.primaryKey].(*scalars[int64]).data))
	return &Rows{c}, nil
}

// Match returns the keys of the rows that match a filter of a query.
func (r *Rows) Match(filter string) ([]int64, error) {
	match, err := r.c.filter(filter)
	if err != nil {
		return nil, err
	}
	keys := r.c.columns[r.c.primaryKey].(*scalars[int64]).data
	var matching []int64
	for row, key := range keys {
		if match == nil || match(row) {
			matching = append(matching, key)
		}
	}
	return matching, nil
}

// Keys returns the primary keys that a filter of a delete names and nothing else.
func (r *Rows) Keys(filter string) (keys []int64, ok bool) {
	plan, err := r.c.plan(forDelete, filter)
	if err != nil {
		return nil, false
	}
	values, ok := plan.keys()
	for _, v := range values {
		keys = append(keys, v.n)
	}
	return keys, ok
}

// Passes says which of the calls at these times a fault above the rate lets pass.
func Passes(rate float64, at ...time.Duration) []bool {
	var start time.Time
	choice := newChoice(Fault{Above: rate}, start)
	passes := make([]bool, len(at))
	for i, d := range at {
		passes[i] = !choice.strikes(start.Add(d))
	}
	return passes
}

// Least returns the distances of the vectors from the query, and the distances that
// sketches say the vectors have at least. The first removed of the vectors are added and
// removed again.
func Least(metric string, query []float32, removed int, rows ...[]float32) (least, distances []float32) {
	v := &vectors{dim: len(query), sketches: newSketches(len(query))}
	for _, row := range rows {
		v.append(vectorData(nil, &schemapb.VectorField{Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: row}}}))
	}
	for i := range removed {
		v.remove(removed - 1 - i)
	}
	k := v.seek(query, metric)
	for row := range v.norms {
		least, distances = append(least, k.least(row)), append(distances, k.distance(row))
	}
	return least, distances
}
