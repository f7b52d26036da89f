// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

const (
	metricL2      = "L2"
	metricIP      = "IP"
	metricCosine  = "COSINE"
	metricHamming = "HAMMING"
	metricJaccard = "JACCARD"

	// A row is a hit if it has all the bits of the query, or the query those of the row.
	metricSubstructure   = "SUBSTRUCTURE"
	metricSuperstructure = "SUPERSTRUCTURE"
)

// index is an index of a field. It has no structure of its own: search is exact.
// store.mu guards it.
type index struct {
	id     int64
	name   string
	field  string
	metric string // empty for the index of a scalar field
	params map[string]string
}

// pairs returns the parameters of the index, sorted.
func (x *index) pairs() []*commonpb.KeyValuePair {
	params := make([]*commonpb.KeyValuePair, 0, len(x.params))
	for k, v := range x.params {
		params = append(params, &commonpb.KeyValuePair{Key: k, Value: v})
	}
	sortPairs(params)
	return params
}

func (c *collection) indexOf(field string) *index {
	i := slices.IndexFunc(c.indexes, func(x *index) bool { return x.field == field })
	if i < 0 {
		return nil
	}
	return c.indexes[i]
}

// indexesMatching returns the indexes with this name, or of this field if no
// name is given, or all.
func (c *collection) indexesMatching(name, field string) []*index {
	var found []*index
	for _, x := range c.indexes {
		if name != "" && x.name == name || name == "" && (field == "" || x.field == field) {
			found = append(found, x)
		}
	}
	return found
}

func newIndex(c *collection, req *milvuspb.CreateIndexRequest) (*index, error) {
	name := cmp.Or(req.GetIndexName(), req.GetFieldName())
	col := c.column(req.GetFieldName())
	switch {
	case col == nil:
		return nil, c.as.badStatement("cannot create index on non-exist field: %s", req.GetFieldName())
	case name != dynamicField && strings.TrimSpace(name) != "" && !validName(name):
		return nil, c.as.badStatement("Invalid index name: %s. Index name can only contain numbers, letters, and underscores.", name)
	}
	x := &index{name: name, field: req.GetFieldName(), params: pairsMap(req.GetExtraParams())}
	f := col.schema()
	if !isVectorType(f.GetDataType()) {
		return x, checkScalarIndex(c.as, f, x.params)
	}
	if !c.as.before(since24) && x.params["metric_type"] != "" {
		x.params["metric_type"] = strings.ToUpper(x.params["metric_type"])
	}
	if err := checkVectorIndex(c.as, f, x.params); err != nil {
		return nil, err
	}
	all, err := nestedParams(x.params)
	x.metric = all["metric_type"]
	return x, err
}

func (h *service) CreateIndex(ctx context.Context, req *milvuspb.CreateIndexRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		x, err := newIndex(c, req)
		if err != nil {
			return err
		}
		if old := c.indexOf(x.field); old != nil {
			if old.name == x.name && maps.Equal(old.params, x.params) {
				return nil
			}
			return failf(CodeUnexpected, "CreateIndex failed: at most one distinct index is allowed per field")
		}
		if len(c.indexesMatching(x.name, "")) > 0 {
			return failf(CodeUnexpected, "CreateIndex failed: at most one distinct index is allowed per field")
		}
		x.id = h.store.nextID()
		c.indexes = append(c.indexes, x)
		return nil
	}), nil
}

func (h *service) DropIndex(ctx context.Context, req *milvuspb.DropIndexRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		if name := req.GetFieldName(); name != "" && !validName(name) {
			return failf(CodeFieldInvalidName, "Invalid field name: %s: field name invalid[field=%s]", name, name)
		}
		doomed := c.indexesMatching(req.GetIndexName(), req.GetFieldName())
		if c.as.before(since24) { // 2.3 does not read the name of the field.
			doomed = c.indexesMatching(req.GetIndexName(), "")
			if req.GetIndexName() == "" && len(doomed) > 1 && !c.loaded {
				return failf(CodeUnexpected, "index duplicates[indexName=]")
			}
		}
		for _, x := range doomed {
			if c.loaded && (x.metric != "" || c.as.before(since24)) {
				return failf(CodeUnexpected, "index cannot be dropped, collection is loaded, please release it first")
			}
		}
		c.indexes = slices.DeleteFunc(c.indexes, func(x *index) bool { return slices.Contains(doomed, x) })
		return nil
	}), nil
}

func (h *service) DescribeIndex(ctx context.Context, req *milvuspb.DescribeIndexRequest) (*milvuspb.DescribeIndexResponse, error) {
	reply := &milvuspb.DescribeIndexResponse{}
	reply.Status = h.reading(func() error {
		c, found, err := h.findIndexes(ctx, req)
		if err != nil {
			return err
		}
		for _, x := range found {
			reply.IndexDescriptions = append(reply.IndexDescriptions, &milvuspb.IndexDescription{
				IndexName: x.name, IndexID: x.id, FieldName: x.field, Params: x.pairs(),
				State: commonpb.IndexState_Finished, TotalRows: int64(c.flushedRows()), IndexedRows: int64(c.flushedRows()),
			})
		}
		return nil
	})
	return reply, nil
}

// GetIndexState is deprecated in the protocol, but the Go client has it.
func (h *service) GetIndexState(ctx context.Context, req *milvuspb.GetIndexStateRequest) (*milvuspb.GetIndexStateResponse, error) {
	reply := &milvuspb.GetIndexStateResponse{}
	reply.Status = h.reading(func() error {
		if _, _, err := h.findIndexes(ctx, req); err != nil {
			return err
		}
		reply.State = commonpb.IndexState_Finished
		return nil
	})
	return reply, nil
}

func (h *service) findIndexes(ctx context.Context, req interface {
	GetDbName() string
	GetCollectionName() string
	GetFieldName() string
	GetIndexName() string
}) (*collection, []*index, error) {
	c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
	if err != nil {
		return nil, nil, err
	}
	field := req.GetFieldName()
	if c.as.before(since24) {
		field = "" // 2.3 does not read it.
	}
	found := c.indexesMatching(req.GetIndexName(), field)
	if len(found) == 0 {
		return nil, nil, failf(CodeIndexNotFound, "index not found[collection=%s]", c.name())
	}
	return c, found, nil
}
