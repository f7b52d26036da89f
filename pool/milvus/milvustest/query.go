// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

const (
	countField = "count(*)"
	maxWindow  = 16384 // The maximum of offset and limit together.
)

// outputs returns the columns of the output fields of a request, each once.
func (c *collection) outputs(names []string) ([]column, error) {
	var wanted []column
	add := func(col column) {
		if !slices.Contains(wanted, col) {
			wanted = append(wanted, col)
		}
	}
	for _, name := range names {
		switch col := c.column(name); {
		case name == "*":
			for _, col := range c.columns {
				add(col)
			}
		case col != nil:
			add(col)
		case c.schema.GetEnableDynamicField():
			// The client itself picks the key from the dynamic field.
			add(c.column(dynamicField))
		default:
			return nil, failf(CodeUnexpected, "field %s not exist", name)
		}
	}
	return wanted, nil
}

func outputNames(columns []column) []string {
	var names []string
	for _, col := range columns {
		names = append(names, col.schema().GetName())
	}
	return names
}

// intOption returns a number from the parameters of a request, or fallback if it
// is missing.
func intOption(params map[string]string, key string, fallback int) (int, error) {
	text := params[key]
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalidf("%s [%s] is invalid: invalid parameter", key, text)
	}
	return n, nil
}

// window reads and checks the offset and the limit of a request.
func window(params map[string]string, limitKey string) (offset, limit int, err error) {
	if limit, err = intOption(params, limitKey, 0); err != nil {
		return 0, 0, err
	}
	if offset, err = intOption(params, "offset", 0); err != nil {
		return 0, 0, err
	}
	switch {
	case limit < 1 || limit > maxWindow:
		return 0, 0, invalidf("%s [%d] is invalid, it should be in range [1, %d]: invalid parameter", limitKey, limit, maxWindow)
	case offset < 0 || offset > maxWindow-limit:
		return 0, 0, invalidf("offset [%d] is invalid, offset+%s should be in range [1, %d]: invalid parameter", offset, limitKey, maxWindow)
	}
	return offset, limit, nil
}

func (h *service) Query(ctx context.Context, req *milvuspb.QueryRequest) (*milvuspb.QueryResults, error) {
	reply := &milvuspb.QueryResults{CollectionName: req.GetCollectionName()}
	if err := h.awaitTick(ctx, req); err != nil {
		return nil, err
	}
	reply.Status = h.reading(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		return c.query(req, reply)
	})
	return reply, nil
}

// query answers a query. Milvus checks the statement before it looks whether the
// collection is loaded.
func (c *collection) query(req *milvuspb.QueryRequest, reply *milvuspb.QueryResults) error {
	plan, err := c.plan(forQuery, req.GetExpr())
	if err != nil {
		return err
	}
	params := pairsMap(req.GetQueryParams())
	limited := params["limit"] != ""
	counting := slices.Contains(req.GetOutputFields(), countField)
	switch {
	case counting && len(req.GetOutputFields()) > 1:
		return c.as.badStatement("count(*) cannot be combined with other output fields: invalid parameter")
	case counting && limited:
		return c.as.badStatement("count entities with pagination is not allowed: invalid parameter")
	case !counting && !limited && plan.root == nil:
		return c.as.badStatement("empty expression should be used with limit: invalid parameter")
	}
	var columns []column
	if !counting {
		if columns, err = c.outputs(append([]string{c.columns[c.primaryKey].schema().GetName()}, req.GetOutputFields()...)); err != nil {
			return err
		}
	}
	var offset, limit int
	if limited { // Without a limit Milvus ignores the offset.
		if offset, limit, err = window(params, "limit"); err != nil {
			return c.as.badStatement("%v", err)
		}
	}
	readable, err := c.readable(req.GetPartitionNames())
	if err != nil {
		return err
	}
	filter, err := plan.compile()
	if err != nil {
		return err
	}

	rows := c.matching(c.within(readable, filter))
	if counting {
		reply.OutputFields = []string{countField}
		reply.FieldsData = []*schemapb.FieldData{{
			Type: schemapb.DataType_Int64, FieldName: countField,
			Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
				Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: []int64{int64(len(rows))}}},
			}},
		}}
		return nil
	}
	rows = c.visible(rows, offset+limit)
	if limited {
		rows = rows[min(offset, len(rows)):]
		rows = rows[:min(limit, len(rows))]
	}
	for _, col := range columns {
		reply.FieldsData = append(reply.FieldsData, col.pick(rows))
	}
	reply.OutputFields = outputNames(columns)
	return nil
}
