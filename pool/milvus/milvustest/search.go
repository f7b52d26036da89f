// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

var minusInf = float32(math.Inf(-1))

// search is a parsed and checked request to search.
type search struct {
	metric   string
	queries  []scanner
	filter   predicate
	offset   int
	limit    int
	bounds   bounds
	decimals int // of rounded scores; negative means no rounding
	outputs  outputs
	groupBy  column // nil if hits are not grouped
	cut      bool   // there were hits before the offset

	partitions []*partition // to search in
	flushed    bool         // only rows that were flushed
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
		reply.Results, err = s.results(c, s.run(ctx, c))
		return err
	})
	return reply, nil
}

// newSearch parses and checks a request. The order of the checks is that of Milvus:
// its proxy looks at the request, then whether the collection is loaded, and the
// nodes that search look at metric and vectors.
func (c *collection) newSearch(req *milvuspb.SearchRequest) (*search, error) {
	if len(req.GetSubReqs()) > 0 || req.GetSearchByPrimaryKeys() {
		return nil, c.as.badStatement("this test server does not have sub-requests and searches by primary key: use HybridSearch and vectors")
	}
	if c.as.before(since24) && req.GetDslType() != commonpb.DslType_BoolExprV1 {
		return nil, c.as.badStatement("the search has DslType %s: the only one is BoolExprV1", req.GetDslType())
	}
	s := &search{}
	var err error
	if s.outputs, err = c.outputs(req.GetOutputFields()); err != nil {
		return nil, err
	}
	p, err := parseSearchParams(c.as, req.GetSearchParams())
	if err != nil {
		return nil, err
	}
	s.offset, s.limit, s.decimals = p.offset, p.limit, p.decimals
	field, err := c.vectorField(p.text("anns_field"))
	if err != nil {
		return nil, err
	}
	if s.groupBy, err = c.groupColumn(&p); err != nil {
		return nil, err
	}
	plan, err := c.plan(forSearch, req.GetDsl())
	if err != nil {
		return nil, err
	}
	named, err := c.namedToRead(req.GetPartitionNames())
	if err != nil {
		return nil, err
	}
	vectors, err := c.readQueries(req)
	if err != nil {
		return nil, err
	}
	readable, err := c.readable(named)
	if err != nil {
		return nil, err
	}
	filter, err := plan.compile()
	if err != nil {
		return nil, err
	}
	s.flushed = p.flushed
	s.partitions, s.filter = readable, c.within(readable, c.inFlushed(p.flushed, filter))
	return s, s.bind(c, field, &p, vectors)
}

// bind reads the vectors for the metric of the index.
func (s *search) bind(c *collection, field vectorColumn, p *searchParams, vectors *commonpb.PlaceholderValue) error {
	x := c.indexOf(field.schema().GetName())
	if x == nil {
		return failf(CodeIndexNotFound, "index not found[collection=%s]", c.name())
	}
	s.metric = p.metric
	if !c.as.before(since24) {
		s.metric = strings.ToUpper(s.metric)
	}
	if s.metric == "" {
		s.metric = x.metric
	}
	if s.metric != x.metric {
		return c.as.badStatement("metric type not match: invalid parameter[expected=%s][actual=%s]", x.metric, s.metric)
	}
	// Milvus 2.3 compares the sizes alone.
	if vectors.GetType() != field.placeholder() && !c.as.before(since24) {
		return c.as.badStatement("vector type must be the same, field %s - type %s, search info type %s",
			field.schema().GetName(), field.schema().GetDataType(), vectors.GetType())
	}
	err := p.readExtra()
	if err != nil {
		return err
	}
	if err := p.checkWidth(x); err != nil {
		return err
	}
	if s.groupBy != nil && p.bounds.set {
		return invalidf("Not allowed to do range-search when doing search-group-by: invalid parameter")
	}
	if s.bounds, err = p.distances(s.metric); err != nil {
		if c.as.before(since24) && len(c.matching(s.filter)) == 0 {
			return nil // The segments look at the bounds once there is a row to search.
		}
		return err
	}
	for _, raw := range vectors.GetValues() {
		query, err := field.scanner(raw, s.metric)
		if err != nil {
			return c.as.coded(err)
		}
		s.queries = append(s.queries, query)
	}
	return nil
}

// vectorField returns the field to search in. The name may be empty if there is
// only one.
func (c *collection) vectorField(name string) (vectorColumn, error) {
	if name != "" {
		switch col := c.column(name).(type) {
		case vectorColumn:
			return col, nil
		case nil:
			return nil, c.as.badStatement("failed to create query plan: failed to get field schema by name: fieldName(%s) not found", name)
		default:
			return nil, c.as.badStatement("failed to create query plan: field (%s) to search is not of vector data type", name)
		}
	}
	var only vectorColumn
	for _, col := range c.columns {
		if v, ok := col.(vectorColumn); ok {
			if only != nil {
				return nil, c.as.badStatement("multiple anns_fields exist, please specify a anns_field in search_params")
			}
			only = v
		}
	}
	if only == nil {
		return nil, c.as.badStatement("failed to create query plan: failed to get field schema by name: fieldName() not found")
	}
	return only, nil
}

// readQueries returns the vectors of a request. Clients of old leave out their number.
func (c *collection) readQueries(req *milvuspb.SearchRequest) (*commonpb.PlaceholderValue, error) {
	group := &commonpb.PlaceholderGroup{}
	if err := proto.Unmarshal(req.GetPlaceholderGroup(), protoadapt.MessageV2Of(group)); err != nil {
		return nil, c.as.badStatement("cannot read the placeholder group: %v", err)
	}
	nq := req.GetNq()
	if nq == 0 {
		for _, p := range group.GetPlaceholders() {
			nq += int64(len(p.GetValues()))
		}
	}
	if nq < 1 || nq > maxWindow {
		return nil, c.as.badStatement("nq [%d] is invalid, nq (number of search vector per search request) should be in range [1, %d], but got %d",
			nq, maxWindow, nq)
	}
	if len(group.GetPlaceholders()) == 0 {
		return nil, c.as.badStatement("there is no placeholder")
	}
	vectors := group.GetPlaceholders()[0]
	if int64(len(vectors.GetValues())) != nq {
		return nil, c.as.badStatement("nq is %d, there are %d vectors", nq, len(vectors.GetValues()))
	}
	if vectors.GetType() == commonpb.PlaceholderType_FloatVector && !c.as.before(since24) {
		for _, raw := range vectors.GetValues() {
			for ; len(raw) >= 4; raw = raw[4:] {
				x := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
				if math.IsNaN(x) || math.IsInf(x, 0) {
					return nil, c.as.badStatement("value '%v' is not a number or infinity", x)
				}
			}
		}
	}
	return vectors, nil
}

// run returns the hits of each query, the nearest first, without those before the
// offset.
func (s *search) run(ctx context.Context, c *collection) [][]hit {
	var best collector
	k := min(s.offset+s.limit, c.rows())
	switch {
	case s.groupBy != nil:
		best = newGroups(k, s.groupBy, c)
	case c.keys.extra > 0:
		best = newBySegment(k, s.bounds, c)
	default:
		best = newNearest(k, s.bounds, c)
	}
	found := make([][]hit, len(s.queries))
	for q, scan := range s.queries {
		best.reset()
		// A caller that has left gets no answer, so the other queries need not
		// be computed.
		if ctx.Err() == nil {
			scan(s.filter, best)
		}
		hits := c.nearestOfEachKey(best.sorted(), s.offset+s.limit)
		s.cut = s.cut || len(hits) > 0
		found[q] = append(found[q], hits[min(s.offset, len(hits)):]...)
	}
	return found
}

// results writes the hits of each query. TopK is the number of hits of the last query, as
// in Milvus.
func (s *search) results(c *collection, found [][]hit) (*schemapb.SearchResultData, error) {
	results := &schemapb.SearchResultData{NumQueries: int64(len(found)), OutputFields: s.outputs.names}
	var rows []int32
	for _, hits := range found {
		for _, h := range hits {
			rows = append(rows, h.row)
			results.Scores = append(results.Scores, s.score(h.distance))
		}
		results.TopK = int64(len(hits))
		results.Topks = append(results.Topks, results.TopK)
	}
	if (c.rows() == 0 || s.flushed && c.flushedRows() == 0) && c.as.before(since24) {
		results.OutputFields = nil
		return results, nil
	}
	results.Ids = c.ids(rows)
	if len(rows) == 0 && c.as.before(since24) {
		results.FieldsData = s.emptyFields(s.cut)
		return results, nil
	}
	shown, err := s.shown(c, rows)
	if err != nil {
		return nil, err
	}
	results.FieldsData = s.outputs.pick(shown)
	if s.groupBy != nil {
		results.GroupByFieldValue = s.groupBy.pick(rows)
	}
	return results, nil
}

// emptyFields returns the field data of a search without hits, as Milvus 2.3 sends them:
// none at all if a vector is asked for, and without values of any type, unless the offset
// alone took the hits away.
func (s *search) emptyFields(typed bool) []*schemapb.FieldData {
	var fields []*schemapb.FieldData
	for _, col := range s.outputs.columns {
		f := col.schema()
		if isVectorType(f.GetDataType()) {
			return nil
		}
		if typed || f.GetDataType() == schemapb.DataType_Array {
			fields = append(fields, col.pick(nil))
			continue
		}
		fields = append(fields, &schemapb.FieldData{
			Type: f.GetDataType(), FieldName: f.GetName(), FieldId: f.GetFieldID(), IsDynamic: f.GetIsDynamic(),
		})
	}
	return fields
}

// score returns the score that a client gets for a distance. A smaller distance
// always means nearer.
func (s *search) score(distance float32) float32 {
	score := distance
	if isSimilarity(s.metric) {
		score = 0 - distance // -distance would make a zero negative.
	}
	return round(score, s.decimals)
}

// round rounds a score unless decimals is negative.
func round(score float32, decimals int) float32 {
	if decimals < 0 {
		return score
	}
	scale := math.Pow10(decimals)
	return float32(math.Round(float64(score)*scale) / scale)
}

// coded gives an error of a statement the code that this release has for a wrong
// parameter.
func (r release) coded(err error) error {
	if e, ok := errors.AsType[*codedError](err); ok && e.code == CodeParameterInvalid {
		return r.badStatement("%s", e.reason)
	}
	return err
}
