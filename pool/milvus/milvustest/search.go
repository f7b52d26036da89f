// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// search is a parsed and checked request to search.
type search struct {
	field         *vectors
	metric        string
	queries       []float32 // field.dim for each
	filter        predicate
	offset, limit int
	decimals      int // of rounded scores; negative means no rounding
	outputs       []column
}

func (h *service) Search(ctx context.Context, req *milvuspb.SearchRequest) (*milvuspb.SearchResults, error) {
	reply := &milvuspb.SearchResults{CollectionName: req.GetCollectionName()}
	if err := h.awaitTick(ctx, req); err != nil {
		return nil, err
	}
	reply.Status = h.reading(func() error {
		c, err := h.store.unchecked(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		s, err := c.newSearch(req)
		if err != nil {
			return err
		}
		reply.Results = s.run(ctx, c)
		return nil
	})
	return reply, nil
}

func (c *collection) newSearch(req *milvuspb.SearchRequest) (*search, error) {
	plan, err := c.plan(forSearch, req.GetDsl())
	if err != nil {
		return nil, err
	}
	readable, err := c.readable(req.GetPartitionNames())
	if err != nil {
		return nil, err
	}
	filter, err := plan.compile()
	if err != nil {
		return nil, err
	}
	s := &search{filter: c.within(readable, filter)}
	if s.outputs, err = c.outputs(req.GetOutputFields()); err != nil {
		return nil, err
	}
	params := pairsMap(req.GetSearchParams())
	if s.field, err = c.vectorField(params["anns_field"]); err != nil {
		return nil, err
	}
	x := c.indexOf(s.field.field.GetName())
	if x == nil {
		return nil, failf(CodeIndexNotFound, "index not found[collection=%s]", c.name())
	}
	s.metric = strings.ToUpper(cmp.Or(params["metric_type"], x.metric))
	if s.metric != x.metric {
		return nil, invalidf("metric type not match: invalid parameter[expected=%s][actual=%s]", x.metric, s.metric)
	}
	if s.offset, s.limit, err = window(params, "topk"); err != nil {
		return nil, err
	}
	if s.decimals, err = intOption(params, "round_decimal", -1); err != nil {
		return nil, err
	}
	if err := refuseUnsupported(params); err != nil {
		return nil, err
	}
	s.queries, err = readQueries(req, s.field.dim)
	return s, err
}

// refuseUnsupported returns an error for a parameter that this server does not
// support. To ignore it would give a wrong answer.
func refuseUnsupported(params map[string]string) error {
	if params["group_by_field"] != "" {
		return invalidf("this test server does not group: invalid parameter[group_by_field=%s]", params["group_by_field"])
	}
	if params["params"] == "" {
		return nil
	}
	var extra map[string]any
	if err := json.Unmarshal([]byte(params["params"]), &extra); err != nil {
		return invalidf("search params are not valid JSON: %v", err)
	}
	for _, key := range []string{"radius", "range_filter"} {
		if _, ok := extra[key]; ok {
			return invalidf("this test server does not search ranges: invalid parameter[%s]", key)
		}
	}
	return nil
}

// vectorField returns the field to search in. The name may be empty if there is
// only one.
func (c *collection) vectorField(name string) (*vectors, error) {
	if name != "" {
		switch col := c.column(name).(type) {
		case *vectors:
			return col, nil
		case nil:
			return nil, invalidf("failed to get field schema by name: fieldName(%s) not found: invalid parameter", name)
		default:
			return nil, invalidf("field (%s) to search is not of vector data type: invalid parameter", name)
		}
	}
	var only *vectors
	for _, col := range c.columns {
		if v, ok := col.(*vectors); ok {
			if only != nil {
				return nil, invalidf("multiple anns_fields exist, please specify a anns_field in search_params: invalid parameter")
			}
			only = v
		}
	}
	return only, nil
}

// readQueries returns the vectors of a request one after another.
func readQueries(req *milvuspb.SearchRequest, dim int) ([]float32, error) {
	group := &commonpb.PlaceholderGroup{}
	if err := proto.Unmarshal(req.GetPlaceholderGroup(), protoadapt.MessageV2Of(group)); err != nil {
		return nil, invalidf("cannot read the placeholder group: %v", err)
	}
	if len(group.GetPlaceholders()) != 1 {
		return nil, invalidf("there must be one placeholder, there are %d: invalid parameter", len(group.GetPlaceholders()))
	}
	placeholder := group.GetPlaceholders()[0]
	if placeholder.GetType() != commonpb.PlaceholderType_FloatVector {
		return nil, invalidf("vector type must be the same, field has type FloatVector, the query has %s: invalid parameter", placeholder.GetType())
	}
	if n := len(placeholder.GetValues()); n == 0 || n > maxWindow || int64(n) != req.GetNq() {
		return nil, invalidf("nq [%d] is invalid for %d vectors, it should be in range [1, %d]: invalid parameter", req.GetNq(), n, maxWindow)
	}
	queries := make([]float32, 0, len(placeholder.GetValues())*dim)
	for _, raw := range placeholder.GetValues() {
		if len(raw) != 4*dim {
			return nil, invalidf("vector dimension mismatch, expected vector size(byte) %d, actual %d: invalid parameter", 4*dim, len(raw))
		}
		for ; len(raw) > 0; raw = raw[4:] {
			x := math.Float32frombits(binary.LittleEndian.Uint32(raw))
			if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, invalidf("value '%v' is not a number or infinity: invalid parameter", x)
			}
			queries = append(queries, x)
		}
	}
	return queries, nil
}

func (s *search) run(ctx context.Context, c *collection) *schemapb.SearchResultData {
	results := &schemapb.SearchResultData{
		NumQueries: int64(len(s.queries) / s.field.dim), TopK: int64(s.limit), OutputFields: outputNames(s.outputs),
	}
	best := newNearest(min(s.offset+s.limit+c.keys.extra, c.rows()), c)
	var rows []int32
	for q := range int(results.NumQueries) {
		best.reset()
		// A caller that has left gets no answer, so the other queries need not
		// be computed.
		if ctx.Err() == nil {
			s.scan(s.queries[q*s.field.dim:(q+1)*s.field.dim], best)
		}
		hits := c.nearestOfEachKey(best.sorted(), s.offset+s.limit)
		hits = hits[min(s.offset, len(hits)):]
		for _, h := range hits {
			rows = append(rows, h.row)
			results.Scores = append(results.Scores, s.score(h.distance))
		}
		results.Topks = append(results.Topks, int64(len(hits)))
	}
	results.Ids = c.ids(rows)
	for _, col := range s.outputs {
		results.FieldsData = append(results.FieldsData, col.pick(rows))
	}
	return results
}

// scan offers every row that matches the filter to best.
func (s *search) scan(query []float32, best *nearest) {
	field, dim, data := s.field, s.field.dim, s.field.data
	queryNorm := norm(query)
	for row := range field.norms {
		if s.filter != nil && !s.filter(row) {
			continue
		}
		vector := data[row*dim : row*dim+dim]
		var distance float32
		switch s.metric {
		case metricL2:
			distance = squaredL2(query, vector)
		case metricIP:
			distance = -dot(query, vector)
		case metricCosine:
			distance = -cosine(dot(query, vector), queryNorm*field.norms[row])
		}
		best.offer(distance, int32(row))
	}
}

// score returns the score that a client gets for a distance. A smaller distance
// always means nearer.
func (s *search) score(distance float32) float32 {
	score := distance
	if s.metric != metricL2 {
		score = 0 - distance // -distance would make a zero negative.
	}
	if s.decimals < 0 {
		return score
	}
	scale := math.Pow10(s.decimals)
	return float32(math.Round(float64(score)*scale) / scale)
}
