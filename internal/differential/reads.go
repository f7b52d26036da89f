// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"github.com/penstock-go/penstock/pool/milvus"
)

var strong = client.WithSearchQueryConsistencyLevel(entity.ClStrong)

func query(ctx context.Context, s *session, r Request) (Outcome, error) {
	options := []client.SearchQueryOptionFunc{strong}
	if r.Limit != 0 {
		options = append(options, client.WithLimit(int64(r.Limit)))
	}
	if r.Offset != 0 {
		options = append(options, client.WithOffset(int64(r.Offset)))
	}
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		columns, err := c.Query(ctx, r.On, r.In, r.Filter, r.Out, options...)
		return Outcome{Rows: s.rendered(columns, rowsOf(columns))}, err
	})
}

func rowsOf(columns []entity.Column) int {
	n := 0
	for _, c := range columns {
		n = max(n, c.Len())
	}
	return n
}

func get(ctx context.Context, s *session, r Request) (Outcome, error) {
	keys, err := s.keysOf(r.On, r.Text)
	if err != nil {
		return Outcome{}, err
	}
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		columns, err := c.QueryByPks(ctx, r.On, r.In, keys, r.Out, strong)
		return Outcome{Rows: s.rendered(columns, rowsOf(columns))}, err
	})
}

// vectorsOf reads query vectors. A word such as "binary:" before the list is their type.
func vectorsOf(text string) ([]entity.Vector, error) {
	kind, rest := "", text
	for _, prefix := range []string{"binary", "float16", "bfloat16", "sparse"} {
		if after, ok := strings.CutPrefix(text, prefix+":"); ok {
			kind, rest = prefix, after
		}
	}
	var lists []any
	d := json.NewDecoder(strings.NewReader(rest))
	d.UseNumber()
	if err := d.Decode(&lists); err != nil {
		return nil, fmt.Errorf("differential: vectors %q: %w", text, err)
	}
	return each(lists, func(v any) entity.Vector {
		switch kind {
		case "binary":
			return entity.BinaryVector(byteVector(v))
		case "float16":
			return entity.Float16Vector(halves(types[kind], floats(v)))
		case "bfloat16":
			return entity.BFloat16Vector(halves(types[kind], floats(v)))
		case "sparse":
			return sparse(v)
		default:
			return entity.FloatVector(floats(v))
		}
	}), nil
}

// params are the parameters of a search, as JSON.
type params struct{ all map[string]any }

func (p params) Params() map[string]any  { return p.all }
func (p params) AddRadius(float64)       {}
func (p params) AddRangeFilter(float64)  {}
func (p params) AddPageRetainOrder(bool) {}

func search(ctx context.Context, s *session, r Request) (Outcome, error) {
	vectors, err := vectorsOf(r.Vectors)
	if err != nil {
		return Outcome{}, err
	}
	p := params{map[string]any{}}
	options := []client.SearchQueryOptionFunc{strong}
	if r.Params != "" {
		if err := json.Unmarshal([]byte(r.Params), &p.all); err != nil {
			return Outcome{}, fmt.Errorf("differential: params %q: %w", r.Params, err)
		}
	}
	// These are options of the SDK and no parameters of the index.
	if field, ok := p.all["group_by"].(string); ok {
		options = append(options, client.WithGroupByField(field))
		delete(p.all, "group_by")
	}
	if r.Offset != 0 {
		options = append(options, client.WithOffset(int64(r.Offset)))
	}
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		results, err := c.Search(ctx, r.On, r.In, r.Filter, r.Out, vectors, r.Field, entity.MetricType(r.Metric), r.Limit, p, options...)
		if err != nil {
			return Outcome{}, err
		}
		return s.hits(r, results)
	})
}

// hybrid searches the vector fields that Vectors names, with a metric each, and merges the
// hits as Params say: "rrf 60", "weighted 0.5 0.5", or "normalized 0.5 0.5". "v#2" is the
// field v once more.
func hybrid(ctx context.Context, s *session, r Request) (Outcome, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.Vectors), &fields); err != nil {
		return Outcome{}, fmt.Errorf("differential: vectors %q: %w", r.Vectors, err)
	}
	metrics := strings.Fields(r.Metric)
	var searches []*client.ANNSearchRequest
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		vectors, err := vectorsOf(string(fields[name]))
		if err != nil {
			return Outcome{}, err
		}
		field, _, again := strings.Cut(name, "#")
		metric := metrics[i]
		if again {
			metric = metrics[0]
		}
		searches = append(searches, client.NewANNSearchRequest(field, entity.MetricType(metric), r.Filter, vectors, params{map[string]any{}}, r.Limit))
	}
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		results, err := c.HybridSearch(ctx, r.On, r.In, r.Limit, r.Out, ranker(strings.Fields(r.Params)), searches, strong)
		if err != nil {
			return Outcome{}, err
		}
		return s.hits(r, results)
	})
}

// ranker is a client.Reranker: the name of a strategy and its numbers.
type ranker []string

// GetParams returns the parameters of a request.
func (r ranker) GetParams() []*commonpb.KeyValuePair {
	strategy, numbers := r[0], `{"weights":[`+strings.Join(r[1:], ",")+`]}`
	switch strategy {
	case "rrf":
		numbers = `{"k":` + r[1] + `}`
	case "normalized":
		strategy, numbers = "weighted", strings.TrimSuffix(numbers, "}")+`,"norm_score":true}`
	}
	return []*commonpb.KeyValuePair{{Key: "strategy", Value: strategy}, {Key: "params", Value: numbers}}
}

// hits returns the outcome of a search. A result without hits and with an error has no
// hits: an old server sends no fields then, which the SDK calls an error.
func (s *session) hits(r Request, results []client.SearchResult) (Outcome, error) {
	out := Outcome{First: r.Offset > 0, Hits: make([][]Hit, len(results))}
	for i, result := range results {
		if result.Err != nil && result.ResultCount > 0 {
			return Outcome{}, result.Err
		}
		out.Last = out.Last || result.ResultCount >= r.Limit
		rows := s.rendered(result.Fields, result.ResultCount)
		for n := range result.ResultCount {
			id, err := result.IDs.Get(n)
			if err != nil {
				return Outcome{}, err
			}
			key := fmt.Sprint(id)
			if name, ok := s.auto[key]; ok {
				key = name
			}
			out.Hits[i] = append(out.Hits[i], Hit{ID: key, Score: float64(result.Scores[n]), Row: rows[n]})
		}
	}
	return out, nil
}

// iterate reads a collection with an iterator of the SDK, in batches of Limit.
func iterate(ctx context.Context, s *session, r Request) (Outcome, error) {
	return with(ctx, s, func(ctx context.Context, c *milvus.Conn) (Outcome, error) {
		option := client.NewQueryIteratorOption(r.On).WithExpr(r.Filter).WithBatchSize(r.Limit)
		if len(r.Out) > 0 {
			option = option.WithOutputFields(r.Out...)
		}
		it, err := c.QueryIterator(ctx, option)
		if err != nil {
			return Outcome{}, err
		}
		out := Outcome{}
		for {
			columns, err := it.Next(ctx)
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			if err != nil {
				return Outcome{}, err
			}
			out.Rows = append(out.Rows, s.rendered(columns, rowsOf(columns))...)
		}
	})
}
