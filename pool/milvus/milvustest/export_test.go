// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// Intercept is what every call passes through.
var Intercept = (*Server).intercept

// Filter applies a filter to n empty rows with these fields, and returns how
// many it lets through.
func Filter(text string, n int, fields ...*schemapb.FieldSchema) (int, error) {
	schema := &schemapb.CollectionSchema{Name: "c", Fields: fields, EnableDynamicField: true}
	s := newStore()
	c := s.newCollection(&milvuspb.CreateCollectionRequest{}, schema)
	for _, col := range c.columns {
		switch col := col.(type) {
		case *scalars[bool]:
			col.data = make([]bool, n)
		case *scalars[int64]:
			col.data = make([]int64, n)
		case *scalars[float32]:
			col.data = make([]float32, n)
		case *scalars[string]:
			col.data = make([]string, n)
		case *scalars[[]byte]:
			col.data = make([][]byte, n)
		}
	}
	c.partitionOf = make([]*partition, n)
	p, err := c.filter(text)
	if err != nil {
		return 0, err
	}
	return len(c.matching(p)), nil
}
