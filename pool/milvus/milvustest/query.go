// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

const (
	countField = "count(*)"
	maxWindow  = 16384 // The maximum of offset and limit together.
)

// identifierPattern is the form of a name in a filter.
var identifierPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// outputs are the output fields of a request.
type outputs struct {
	columns []column // each once
	names   []string // as in the request, each once; a dynamic key has its own name
	keys    []string // of the dynamic field that are asked for; nil for all
}

func (o *outputs) add(name string, col column) {
	if !slices.Contains(o.columns, col) {
		o.columns = append(o.columns, col)
	}
	if !slices.Contains(o.names, name) {
		o.names = append(o.names, name)
	}
}

// pick returns the fields of rows. Since 2.4 the dynamic field has the keys alone that are
// asked for.
func (o *outputs) pick(rows []int32) []*schemapb.FieldData {
	var fields []*schemapb.FieldData
	for _, col := range o.columns {
		fd := col.pick(rows)
		if documents := fd.GetScalars().GetJsonData().GetData(); fd.GetIsDynamic() && o.keys != nil {
			for i, raw := range documents {
				documents[i] = keep(raw, o.keys)
			}
		}
		fields = append(fields, fd)
	}
	return fields
}

// keep returns a JSON object with these of its keys.
func keep(raw []byte, keys []string) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return raw
	}
	maps.DeleteFunc(object, func(key string, _ json.RawMessage) bool { return !slices.Contains(keys, key) })
	kept, err := json.Marshal(object)
	if err != nil {
		return raw
	}
	return kept
}

// outputs finds the output fields of a request.
func (c *collection) outputs(names []string) (outputs, error) {
	var o outputs
	var keys []string
	for _, name := range names {
		name = strings.TrimSpace(name)
		switch col := c.column(name); {
		case name == "*":
			for _, col := range c.columns {
				o.add(col.schema().GetName(), col)
			}
		case col != nil:
			o.add(name, col)
		case !c.schema.GetEnableDynamicField():
			return o, failf(CodeUnexpected, "field %s not exist", name)
		case !identifierPattern.MatchString(name) || slices.Contains(reservedWords, strings.ToLower(name)):
			return o, failf(CodeUnexpected, "parse output field name failed: %s", name)
		default:
			// The client itself picks the key from the dynamic field.
			o.add(name, c.column(dynamicField))
			keys = append(keys, name)
		}
	}
	if !c.as.before(since24) && !slices.Contains(o.names, dynamicField) {
		o.keys = keys
	}
	return o, nil
}

// reservedWords are words of the filter language, which no dynamic key can be named by.
var reservedWords = []string{"and", "or", "not", "in", "like", "exists", "true", "false"}

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

// queryParams are the parameters of a query that this server reads, or that change
// nothing in the answer.
var queryParams = []string{"limit", "offset", "ignore_growing", "iterator", "reduce_stop_for_best", "collection_id"}

// queryWindow reads and checks the parameters of a query. Without a limit Milvus ignores
// the offset.
func (c *collection) queryWindow(p *searchParams) (offset, limit int, limited bool, err error) {
	for key, text := range p.given {
		if !c.as.before(since24) && !slices.Contains(queryParams, key) && text != "" {
			return 0, 0, false, c.as.badStatement("this test server does not have the query parameter %s: invalid parameter[%s=%s]", key, key, text)
		}
	}
	if text, ok := p.given["reduce_stop_for_best"]; ok {
		if _, err := strconv.ParseBool(text); err != nil {
			return 0, 0, false, invalidf("value for reduce_stop_for_best is invalid: invalid parameter[expected=true or false][actual=%s]", text)
		}
	}
	if p.flushed, err = p.ignoresGrowing(); err != nil {
		return 0, 0, false, err
	}
	if limit, limited, err = p.integer("limit"); err != nil || !limited {
		return 0, 0, false, err
	}
	if offset, _, err = p.integer("offset"); err != nil {
		return 0, 0, false, err
	}
	switch {
	case offset < 0:
		err = c.as.badStatement("invalid max query result window, offset [%d] is invalid, should be gte than 0", offset)
	case limit <= 0:
		err = c.as.badStatement("invalid max query result window, limit [%d] is invalid, should be greater than 0", limit)
	case limit > maxWindow || offset > maxWindow-limit:
		err = c.as.badStatement("invalid max query result window, (offset+limit) should be in range [1, %d], but got %d", maxWindow, offset+limit)
	}
	return offset, limit, true, err
}

// isCount reports whether a query asks for the number of rows.
func isCount(outputs []string) bool {
	return len(outputs) == 1 && strings.EqualFold(strings.TrimSpace(outputs[0]), countField)
}

// query answers a query. The order of the checks is that of the proxy of Milvus.
func (c *collection) query(req *milvuspb.QueryRequest, reply *milvuspb.QueryResults) error {
	p := searchParams{as: c.as, given: firstPairs(req.GetQueryParams())}
	offset, limit, limited, err := c.queryWindow(&p)
	if err != nil {
		return err
	}
	plan, err := c.plan(forQuery, req.GetExpr())
	if err != nil {
		return err
	}
	counting := isCount(req.GetOutputFields())
	var wanted outputs
	if !counting {
		if wanted, err = c.outputs(req.GetOutputFields()); err != nil {
			return err
		}
		pk := c.columns[c.primaryKey]
		wanted.add(pk.schema().GetName(), pk)
	}
	switch {
	case counting && limited:
		return c.as.badStatement("count entities with pagination is not allowed")
	case !counting && !limited && plan.root == nil:
		return c.as.badStatement("empty expression should be used with limit")
	}
	named, err := c.namedToRead(req.GetPartitionNames())
	if err != nil {
		return err
	}
	readable, err := c.readable(named)
	if err != nil {
		return err
	}
	filter, err := plan.compile()
	if err != nil {
		return err
	}

	rows := c.matching(c.within(readable, c.inFlushed(p.flushed, filter)))
	if counting {
		if c.as.before(since24) {
			reply.CollectionName = ""
		} else {
			reply.OutputFields = []string{countField}
		}
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
	reply.FieldsData = wanted.pick(rows)
	reply.OutputFields = wanted.names
	return nil
}
