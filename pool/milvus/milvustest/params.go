// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
)

// searchParams are the parameters of a search, parsed and checked.
type searchParams struct {
	as            release
	given         map[string]string
	extra         map[string]any // the JSON object in the parameter params
	offset, limit int
	decimals      int // of rounded scores; negative means no rounding
	metric        string
	bounds        bounds // as given: low is radius, high is range_filter
	rangeFilter   bool   // range_filter is given
	flushed       bool   // only rows that were flushed are asked for
}

// knownSearchParams are the parameters of a search that this server reads, or that
// change nothing in an exact search.
var knownSearchParams = []string{
	"anns_field", "topk", "params", "metric_type", "round_decimal", "offset", "ignore_growing", "group_by_field",
	"iterator", "reduce_stop_for_best", "limit", "nq", "nprobe", "ef", "search_list", "level", "radius", "range_filter",
	"for_tuning", "collection_id", "search_k", "reorder_k", "itopk_size", "drop_ratio_search",
}

// knownExtras are the same for the JSON object in the parameter params.
var knownExtras = []string{
	"radius", "range_filter", "nprobe", "ef", "search_list", "level", "for_tuning", "reorder_k", "search_k", "k",
	"drop_ratio_search", "itopk_size", "search_width", "min_iterations", "max_iterations", "team_size", "metric_type",
	"page_retain_order", "max_empty_result_buckets", "with_raw_data", "refine_k", "bbs_enable",
}

// firstPairs returns the parameters of a read. Milvus takes the first of those with the
// same key.
func firstPairs(pairs []*commonpb.KeyValuePair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range slices.Backward(pairs) {
		m[p.GetKey()] = p.GetValue()
	}
	return m
}

func (p searchParams) text(key string) string { return p.given[key] }

func (p searchParams) isTrue(key string) bool { return strings.EqualFold(p.given[key], "true") }

// parseSearchParams reads and checks the parameters of a search, in the order of Milvus.
func parseSearchParams(as release, pairs []*commonpb.KeyValuePair) (searchParams, error) {
	p := searchParams{as: as, given: firstPairs(pairs), decimals: -1}
	var err error
	if p.offset, p.limit, err = p.window("topk", "search_params"); err != nil {
		return p, err
	}
	p.metric = p.given["metric_type"]
	if p.flushed, err = p.ignoresGrowing(); err != nil {
		return p, err
	}
	if text, ok := p.given["round_decimal"]; ok {
		p.decimals, err = strconv.Atoi(text)
		if err != nil || p.decimals < -1 || p.decimals > 6 {
			return p, as.badStatement("round_decimal [%s] is invalid, should be -1 or an integer in range [0, 6]", text)
		}
	}
	return p, p.refuseUnknown()
}

// ignoresGrowing reports whether a read is to see only the rows that were flushed.
func (p searchParams) ignoresGrowing() (bool, error) {
	text := p.given["ignore_growing"]
	if text == "" {
		return false, nil
	}
	ignores, err := strconv.ParseBool(text)
	if err != nil {
		return false, p.as.badStatement("parse search growing failed")
	}
	return ignores, nil
}

// readExtra reads the JSON object in the parameter params. The nodes of Milvus that search
// do that, and take an array for an empty object.
func (p *searchParams) readExtra() error {
	text := p.given["params"]
	if text == "" && !p.as.before(since24) {
		return nil
	}
	var decoded any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		return p.as.badStatement("search params are not valid JSON: %v", err)
	}
	p.extra, _ = decoded.(map[string]any)
	if err := p.readBounds(); err != nil || p.as.before(since24) {
		return err
	}
	for key := range p.extra {
		if !slices.Contains(knownExtras, key) {
			return p.as.badStatement("this test server does not have the search parameter %s in params: invalid parameter", key)
		}
	}
	return nil
}

// checkWidth checks how many rows an index looks at. Milvus checks it where an index was
// built; this server checks it since 2.4 alone, where the tests of the SDK expect it.
func (p *searchParams) checkWidth(x *index) error {
	if p.as.before(since24) {
		return nil
	}
	name := map[string]string{"HNSW": "ef", "SCANN": "reorder_k"}[x.params["index_type"]]
	if n, ok := p.extra[name].(float64); ok && int(n) < p.limit+p.offset {
		return p.as.badStatement("%s(%d) should be larger than k(%d)", name, int(n), p.limit+p.offset)
	}
	return nil
}

// refuseUnknown returns an error for a parameter that this server does not know, because
// a release of Milvus could have it: to ignore it would give a wrong answer. Milvus 2.3
// is known to ignore all others.
func (p searchParams) refuseUnknown() error {
	if p.as.before(since24) {
		return nil
	}
	for key, text := range p.given {
		if !slices.Contains(knownSearchParams, key) && text != "" && !strings.EqualFold(text, "false") {
			return p.as.badStatement("this test server does not have the search parameter %s: invalid parameter[%s=%s]", key, key, text)
		}
	}
	return nil
}

// number reads a number of params. Milvus takes true for one.
func (p searchParams) number(key string) (x float32, ok bool, err error) {
	given, ok := p.extra[key]
	if !ok {
		return 0, false, nil
	}
	switch v := given.(type) {
	case float64:
		return float32(v), true, nil
	case bool:
		if v {
			return 1, true, nil
		}
		return 0, true, nil
	}
	return 0, false, p.as.badStatement("type of %s must be number, but is %T", key, given)
}

// readBounds reads the limits of a range search. Without a radius Milvus ignores
// range_filter.
func (p *searchParams) readBounds() (err error) {
	if p.bounds.low, p.bounds.set, err = p.number("radius"); err != nil || !p.bounds.set {
		return err
	}
	p.bounds.high, p.rangeFilter, err = p.number("range_filter")
	return err
}

// integer reads a number as Milvus does, hexadecimal ones included.
func (p searchParams) integer(key string) (n int, ok bool, err error) {
	text, ok := p.given[key]
	if !ok {
		return 0, false, nil
	}
	long, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return 0, true, p.as.badStatement("%s [%s] is invalid", key, text)
	}
	return int(long), true, nil
}

// window reads and checks the offset and the limit of a search.
func (p searchParams) window(limitKey, place string) (offset, limit int, err error) {
	limit, ok, err := p.integer(limitKey)
	switch {
	case err != nil:
		return 0, 0, err
	case !ok:
		return 0, 0, p.as.badStatement("%s not found in %s", limitKey, place)
	case limit < 1 || limit > maxWindow:
		return 0, 0, p.as.badStatement("%s [%d] is invalid, top k should be in range [1, %d], but got %d", limitKey, limit, maxWindow, limit)
	}
	if offset, _, err = p.integer("offset"); err != nil {
		return 0, 0, err
	}
	switch {
	case offset < 0 || offset > maxWindow:
		return 0, 0, p.as.badStatement("offset [%d] is invalid, top k should be in range [1, %d], but got %d", offset, maxWindow, offset)
	case offset > maxWindow-limit:
		return 0, 0, p.as.badStatement("offset+%s [%d] is invalid, top k should be in range [1, %d], but got %d",
			limitKey, offset+limit, maxWindow, offset+limit)
	}
	return offset, limit, nil
}

// distances returns the bounds in distances, which are scores with the sign that makes
// smaller nearer.
func (p searchParams) distances(metric string) (bounds, error) {
	if !p.bounds.set {
		return bounds{}, nil
	}
	if metric == metricSubstructure || metric == metricSuperstructure {
		return bounds{}, p.as.badStatement("failed to range search: invalid metric type: %s", metric)
	}
	radius, filter := p.bounds.low, p.bounds.high
	b := bounds{low: minusInf, high: radius, set: true}
	if metric == metricHamming {
		b.high = float32(math.Trunc(float64(radius))) // A radius is a number of bits.
	}
	if isSimilarity(metric) {
		// A score in the range is greater than the radius and at most range_filter.
		b.high = -radius
		if p.rangeFilter {
			if filter <= radius {
				return b, p.as.badStatement("range_filter(%v) must be greater than radius(%v) for IP and COSINE", filter, radius)
			}
			b.low = -filter
		}
		return b, nil
	}
	if p.rangeFilter {
		if filter >= radius {
			return b, p.as.badStatement("range_filter(%v) must be less than radius(%v) except for IP and COSINE", filter, radius)
		}
		b.low = filter
	}
	return b, nil
}
