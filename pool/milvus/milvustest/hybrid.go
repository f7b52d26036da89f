// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/protobuf/protoadapt"
)

const (
	maxSubSearches = 1024
	defaultRank    = 60 // k of the ranker rrf
)

// ranker gives a hit of one search its part of the score of the whole. The hit has this
// place, counted from one, and this score.
type ranker func(place int, score float32) float32

// hybrid is a parsed and checked request to search several times and to merge the hits.
type hybrid struct {
	searches []*search
	rankers  []ranker // one for each search
	metric   string   // metricL2 if a smaller score of the whole is better, else metricIP
	ranks    searchParams
	outputs  outputs
}

func (h *service) HybridSearch(ctx context.Context, req *milvuspb.HybridSearchRequest) (*milvuspb.SearchResults, error) {
	reply := &milvuspb.SearchResults{CollectionName: req.GetCollectionName()}
	if err := h.awaitTick(ctx, req); err != nil {
		return nil, err
	}
	reply.Status = h.reading(func() error {
		c, err := h.store.collection(ctx, req.GetDbName(), req.GetCollectionName())
		if err != nil {
			return err
		}
		hs, err := c.newHybrid(req)
		if err != nil {
			return err
		}
		merged := &search{metric: hs.metric, limit: hs.ranks.limit, decimals: hs.ranks.decimals, outputs: hs.outputs, partitions: hs.searches[0].partitions}
		reply.Results, err = merged.results(c, hs.run(ctx, c))
		return err
	})
	return reply, nil
}

func (c *collection) newHybrid(req *milvuspb.HybridSearchRequest) (*hybrid, error) {
	if _, err := c.namedToRead(req.GetPartitionNames()); err != nil {
		return nil, err
	}
	h := &hybrid{}
	var err error
	if h.outputs, err = c.outputs(req.GetOutputFields()); err != nil {
		return nil, err
	}
	switch n := len(req.GetRequests()); {
	case n > maxSubSearches:
		return nil, failf(CodeUnexpected, "maximum of ann search requests is %d", maxSubSearches)
	case n == 0:
		return nil, failf(CodeUnexpected, "minimum of ann search requests is 1")
	}
	if h.ranks, err = rankParams(c.as, req.GetRankParams()); err != nil {
		return nil, err
	}
	for _, sub := range req.GetRequests() {
		s, err := c.subSearch(req, sub)
		if err != nil {
			return nil, err
		}
		if len(h.searches) > 0 && len(s.queries) != len(h.searches[0].queries) {
			return nil, invalidf("sub search request nq should be the same: invalid parameter[expected=%d][actual=%d]",
				len(h.searches[0].queries), len(s.queries))
		}
		h.searches = append(h.searches, s)
	}
	h.rankers, h.metric, err = newRankers(h.ranks, h.searches)
	return h, err
}

// subSearch parses one of the searches. Milvus ignores its offset.
func (c *collection) subSearch(req *milvuspb.HybridSearchRequest, sub *milvuspb.SearchRequest) (*search, error) {
	if pairsMap(sub.GetSearchParams())["group_by_field"] != "" {
		return nil, failf(CodeUnexpected, "not support search_group_by operation in the hybrid search")
	}
	params := slices.DeleteFunc(slices.Clone(sub.GetSearchParams()), func(p *commonpb.KeyValuePair) bool { return p.GetKey() == "offset" })
	if _, ok := pairsMap(params)["topk"]; !ok {
		p, err := rankParams(c.as, req.GetRankParams())
		if err != nil {
			return nil, err
		}
		params = append(params, &commonpb.KeyValuePair{Key: "topk", Value: strconv.Itoa(p.offset + p.limit)})
	}
	single := &milvuspb.SearchRequest{
		PartitionNames: req.GetPartitionNames(), Dsl: sub.GetDsl(),
		SearchParams: params, Nq: sub.GetNq(), SubReqs: sub.GetSubReqs(), SearchByPrimaryKeys: sub.GetSearchByPrimaryKeys(),
	}
	// Later versions of milvus-proto have the vectors in a oneof, and no such field in Go.
	from, to := protoadapt.MessageV2Of(sub).ProtoReflect(), protoadapt.MessageV2Of(single).ProtoReflect()
	if vectors := from.Descriptor().Fields().ByName("placeholder_group"); from.Has(vectors) {
		to.Set(vectors, from.Get(vectors))
	}
	return c.newSearch(single)
}

// rankParams reads and checks the parameters of the merging.
func rankParams(as release, pairs []*commonpb.KeyValuePair) (searchParams, error) {
	p := searchParams{as: as, given: firstPairs(pairs), decimals: -1}
	for key, text := range p.given {
		if !slices.Contains([]string{"strategy", "params", "limit", "offset", "round_decimal", "ignore_growing"}, key) && text != "" {
			return p, invalidf("this test server does not have the rank parameter %s: invalid parameter[%s=%s]", key, key, text)
		}
	}
	var ok bool
	var err error
	if p.limit, ok, err = p.integer("limit"); err == nil && !ok {
		err = failf(CodeUnexpected, "limit not found in rank_params")
	}
	if err != nil {
		return p, err
	}
	if p.offset, _, err = p.integer("offset"); err != nil {
		return p, err
	}
	if p.offset < 0 || p.limit <= 0 || p.limit > maxWindow || p.offset > maxWindow-p.limit {
		return p, failf(CodeUnexpected, "invalid max query result window, (offset+limit) should be in range [1, %d], but got %d",
			maxWindow, p.offset+p.limit)
	}
	if text, ok := p.given["round_decimal"]; ok {
		if p.decimals, err = strconv.Atoi(text); err != nil || p.decimals < -1 || p.decimals > 6 {
			return p, failf(CodeUnexpected, "round_decimal [%s] is invalid, should be -1 or an integer in range [0, 6]", text)
		}
	}
	return p, nil
}

// newRankers reads the strategy of the merging, rrf if none is given. The text is the
// metric by which scores of the whole compare.
func newRankers(p searchParams, searches []*search) ([]ranker, string, error) {
	strategy := p.text("strategy")
	if strategy == "" {
		return slices.Repeat([]ranker{rrf(defaultRank)}, len(searches)), metricIP, nil
	}
	if strategy != "rrf" && strategy != "weighted" {
		return nil, "", failf(CodeUnexpected, "unsupported rank type %s", strategy)
	}
	text, ok := p.given["params"]
	if !ok {
		return nil, "", failf(CodeUnexpected, "params not found in rank_params")
	}
	var params map[string]any
	if err := json.Unmarshal([]byte(text), &params); err != nil {
		return nil, "", failf(CodeUnexpected, "parse rerank params failed: %v", err)
	}
	if strategy == "rrf" {
		k, err := rankConstant(p.as, params)
		return slices.Repeat([]ranker{rrf(k)}, len(searches)), metricIP, err
	}
	return weightedRankers(p.as, params, searches)
}

func rankConstant(as release, params map[string]any) (float32, error) {
	given, ok := params["k"]
	if !ok && !as.before(since26) {
		return defaultRank, nil
	}
	if !ok {
		return 0, failf(CodeUnexpected, "k not found in rank_params")
	}
	k, ok := given.(float64)
	switch {
	case !ok:
		return 0, failf(CodeUnexpected, "The type of rank param k should be float")
	case k <= 0 || k >= maxWindow:
		return 0, failf(CodeUnexpected, "The rank params k should be in range (0, %d)", maxWindow)
	}
	return float32(k), nil
}

// rrf is the reciprocal rank fusion: only the place of a hit counts.
func rrf(k float32) ranker {
	return func(place int, _ float32) float32 { return 1 / (k + float32(place)) }
}

// run searches, merges the hits, and returns those of each query, the best first. The
// distance of a hit is its score with the sign that makes smaller better.
func (h *hybrid) run(ctx context.Context, c *collection) [][]hit {
	found := make([][][]hit, len(h.searches)) // by search and query
	for i, s := range h.searches {
		found[i] = s.run(ctx, c)
	}
	merged := make([][]hit, len(h.searches[0].queries))
	for q := range merged {
		scores := make(map[key]*hit)
		for i, s := range h.searches {
			for place, one := range found[i][q] {
				part := h.rankers[i](place+1, s.score(one.distance))
				k := c.keyAt(int(one.row))
				if scores[k] == nil {
					scores[k] = &hit{row: one.row}
				}
				if h.metric == metricL2 {
					part = -part
				}
				scores[k].distance -= part
			}
		}
		for _, one := range scores {
			merged[q] = append(merged[q], *one)
		}
		slices.SortFunc(merged[q], func(a, b hit) int {
			return cmp.Or(cmp.Compare(a.distance, b.distance), c.compareHits(a, b))
		})
		merged[q] = merged[q][min(h.ranks.offset, len(merged[q])):]
		merged[q] = merged[q][:min(h.ranks.limit, len(merged[q]))]
	}
	return merged
}
