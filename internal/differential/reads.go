// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

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

// vectorsOf reads query vectors. {"binary":[...]} around a list makes them binary.
func vectorsOf(text string) ([]entity.Vector, error) {
	kind, rest := "", text
	for _, prefix := range []string{"binary", "float16", "bfloat16"} {
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
