// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// groupColumn returns the field by whose values a search groups its hits; nil if the
// search does not group. Milvus 2.3 ignores the parameter.
func (c *collection) groupColumn(p *searchParams) (column, error) {
	name := p.text("group_by_field")
	if name == "" || c.as.before(since24) {
		return nil, nil
	}
	col := c.column(name)
	if col == nil || col.schema().GetIsDynamic() {
		return nil, c.as.failf(CodeFieldNotFound, "groupBy field not found in schema: field not found[field=%s]", name)
	}
	switch kind := col.schema().GetDataType(); kind {
	case schemapb.DataType_Bool, schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32,
		schemapb.DataType_Int64, schemapb.DataType_VarChar:
	default:
		return nil, failf(CodeUnexpected, "unsupported data type %s for group by operator", kind)
	}
	if p.isTrue("iterator") {
		return nil, invalidf("Not allowed to do groupBy when doing iteration: invalid parameter")
	}
	return col, nil
}

// groups keeps the nearest hit for each value of a field.
type groups struct {
	k    int // groups to keep
	by   column
	rows *collection
	best map[group]hit
	out  []hit
}

// group is the value of a group. A value cannot be the key of a map.
type group struct {
	n int64
	s string
}

func newGroups(k int, by column, rows *collection) *groups {
	return &groups{k: k, by: by, rows: rows, best: make(map[group]hit)}
}

func (g *groups) farthest() float32 { return plusInf }

func (g *groups) reset() { clear(g.best) }

func (g *groups) offer(distance float32, row int32) {
	if !(distance < plusInf) {
		return
	}
	v := g.by.value(int(row))
	key, h := group{v.n, v.s}, hit{distance, row}
	if old, ok := g.best[key]; !ok || g.rows.compareHits(h, old) < 0 {
		g.best[key] = h
	}
}

func (g *groups) sorted() []hit {
	g.out = g.out[:0]
	for _, h := range g.best {
		g.out = append(g.out, h)
	}
	slices.SortFunc(g.out, g.rows.compareHits)
	return g.out[:min(g.k, len(g.out))]
}
