// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// twoVectors makes a collection of three rows with two vector fields: one searches by L2,
// the other by IP.
func twoVectors(t testing.TB, c client.Client) {
	t.Helper()
	ctx := testContext(t)
	must(t, c.CreateCollection(ctx, entity.NewSchema().WithName("two").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("a").WithDataType(entity.FieldTypeFloatVector).WithDim(1)).
		WithField(entity.NewField().WithName("b").WithDataType(entity.FieldTypeFloatVector).WithDim(1)), 1))
	_, err := c.Insert(ctx, "two", "", entity.NewColumnInt64("id", []int64{1, 2, 3}),
		entity.NewColumnFloatVector("a", 1, [][]float32{{0}, {1}, {2}}), entity.NewColumnFloatVector("b", 1, [][]float32{{1}, {3}, {2}}))
	must(t, err)
	for field, metric := range map[string]entity.MetricType{"a": entity.L2, "b": entity.IP} {
		idx, err := entity.NewIndexFlat(metric)
		must(t, err)
		must(t, c.CreateIndex(ctx, "two", field, idx, false))
	}
	must(t, c.LoadCollection(ctx, "two", true))
}

func annRequests(limit int, options ...client.SearchQueryOptionFunc) []*client.ANNSearchRequest {
	var requests []*client.ANNSearchRequest
	for field, metric := range map[string]entity.MetricType{"a": entity.L2, "b": entity.IP} {
		sp, _ := entity.NewIndexFlatSearchParam()
		query := []entity.Vector{entity.FloatVector{0}}
		if field == "b" {
			query = []entity.Vector{entity.FloatVector{1}}
		}
		requests = append(requests, client.NewANNSearchRequest(field, metric, "", query, sp, limit, options...))
	}
	return requests
}

func TestHybridSearchMergesByRank(t *testing.T) {
	c := connect(t, start(t, as24))
	twoVectors(t, c)
	// a ranks 1, 2, 3 and b ranks 2, 3, 1.
	results, err := c.HybridSearch(testContext(t), "two", nil, 3, []string{"id"}, client.NewRRFReranker(), annRequests(3))
	must(t, err)
	want := []float32{1./62 + 1./61, 1./61 + 1./63, 1./63 + 1./62}
	if got := int64s(t, results[0].IDs); !slices.Equal(got, []int64{2, 1, 3}) || !near(results[0].Scores, want) {
		t.Errorf("rrf: %v with %v, want 2, 1, 3 with %v", got, results[0].Scores, want)
	}
	results, err = c.HybridSearch(testContext(t), "two", nil, 3, nil, client.NewRRFReranker().WithK(1), annRequests(1))
	must(t, err)
	if got := int64s(t, results[0].IDs); !slices.Equal(got, []int64{1, 2}) || !near(results[0].Scores, []float32{0.5, 0.5}) {
		t.Errorf("rrf of one hit each: %v with %v, want 1 and 2 with 0.5", got, results[0].Scores)
	}
	results, err = c.HybridSearch(testContext(t), "two", nil, 2, nil, client.NewRRFReranker(), annRequests(3), client.WithOffset(1))
	must(t, err)
	if got := int64s(t, results[0].IDs); !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("second page: %v, want 1 and 3", got)
	}
}

func near(got, want []float32) bool {
	return slices.EqualFunc(got, want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 })
}

// The fields a and b of the rows 1, 2 and 3 have the distances 0, 1 and 4 and the inner
// products 1, 3 and 2.
func TestHybridSearchMergesByWeight(t *testing.T) {
	l2 := func(distance float64) float64 { return 1 - 2*math.Atan(distance)/math.Pi }
	ip := func(product float64) float64 { return 0.5 + math.Atan(product)/math.Pi }
	plain := func(x float64) float64 { return x }
	for _, test := range []struct {
		version, params string
		l2, ip          func(float64) float64
		ids             []int64
	}{
		{"v2.4.5", `{"weights": [0.8, 0.5]}`, l2, ip, []int64{1, 2, 3}},
		{"v2.4.5", `{"weights": [0.8, 0.5], "norm_score": false}`, l2, ip, []int64{1, 2, 3}}, // not read
		{"v2.5.0", `{"weights": [0.8, 0.5]}`, l2, ip, []int64{1, 2, 3}},
		{"v2.5.0", `{"weights": [0.8, 0.5], "norm_score": false}`, plain, plain, []int64{3, 2, 1}},
		{"v2.6.0", `{"weights": [0.8, 0.5], "norm_score": true}`, l2, ip, []int64{1, 2, 3}},
		{"v2.6.0", `{"weights": [0.8, 0.5]}`, l2, plain, []int64{2, 1, 3}},
	} {
		t.Run(test.version+test.params, func(t *testing.T) {
			srv := start(t, milvustest.Config{Version: test.version})
			twoVectors(t, connect(t, srv))
			reply, err := stub(t, srv).HybridSearch(testContext(t), hybridRequest(t, pairs("strategy", "weighted", "params", test.params, "limit", "3")))
			must(t, err)
			var want []float32
			for _, id := range test.ids {
				want = append(want, float32(0.8*test.l2([]float64{0, 1, 4}[id-1])+0.5*test.ip([]float64{1, 3, 2}[id-1])))
			}
			got := reply.GetResults()
			if !slices.Equal(got.GetIds().GetIntId().GetData(), test.ids) || !near(got.GetScores(), want) {
				t.Errorf("weighted: %v, %v with %v, want %v with %v", reply.GetStatus(), got.GetIds(), got.GetScores(), test.ids, want)
			}
		})
	}
}

// Since 2.6 distances that are not normalized stay distances: the smallest sum is best.
func TestHybridSearchAddsDistances(t *testing.T) {
	srv := start(t, milvustest.Config{Version: "v2.6.0"})
	twoVectors(t, connect(t, srv))
	req := hybridRequest(t, pairs("strategy", "weighted", "params", `{"weights": [0.5, 1]}`, "limit", "3"))
	req.Requests[1] = req.Requests[0]
	reply, err := stub(t, srv).HybridSearch(testContext(t), req)
	must(t, err)
	if got := reply.GetResults(); !slices.Equal(got.GetIds().GetIntId().GetData(), []int64{1, 2, 3}) || !near(got.GetScores(), []float32{0, 1.5, 6}) {
		t.Errorf("weighted distances: %v, %v with %v, want 1, 2, 3 with 0, 1.5, 6", reply.GetStatus(), got.GetIds(), got.GetScores())
	}
}

// hybridRequest searches both fields of two.
func hybridRequest(t testing.TB, rank []*commonpb.KeyValuePair) *milvuspb.HybridSearchRequest {
	t.Helper()
	req := &milvuspb.HybridSearchRequest{CollectionName: "two", RankParams: rank}
	for i, field := range []string{"a", "b"} {
		req.Requests = append(req.Requests, &milvuspb.SearchRequest{
			Nq: 1, PlaceholderGroup: placeholders(t, commonpb.PlaceholderType_FloatVector, entity.FloatVector{float32(i)}.Serialize()),
			SearchParams: pairs("anns_field", field, "topk", "3", "metric_type", []string{"L2", "IP"}[i], "params", "{}"),
		})
	}
	return req
}

func TestHybridSearchRefuses(t *testing.T) {
	srv := start(t, as24)
	twoVectors(t, connect(t, srv))
	raw := stub(t, srv)
	for _, test := range []struct {
		name string
		rank []*commonpb.KeyValuePair
		edit func(*milvuspb.HybridSearchRequest)
		code int32
	}{
		{"nothing", pairs("limit", "3"), func(*milvuspb.HybridSearchRequest) {}, 0},
		{"no limit", nil, nil, 65535},
		{"limit 0", pairs("limit", "0"), nil, 65535},
		{"limit too large", pairs("limit", "16384", "offset", "1"), nil, 65535},
		{"unknown strategy", pairs("limit", "3", "strategy", "max"), nil, 65535},
		{"no params", pairs("limit", "3", "strategy", "rrf"), nil, 65535},
		{"no k", pairs("limit", "3", "strategy", "rrf", "params", "{}"), nil, 65535},
		{"k of text", pairs("limit", "3", "strategy", "rrf", "params", `{"k": "1"}`), nil, 65535},
		{"k 0", pairs("limit", "3", "strategy", "rrf", "params", `{"k": 0}`), nil, 65535},
		{"k too large", pairs("limit", "3", "strategy", "rrf", "params", `{"k": 16384}`), nil, 65535},
		{"no weights", pairs("limit", "3", "strategy", "weighted", "params", "{}"), nil, 65535},
		{"one weight", pairs("limit", "3", "strategy", "weighted", "params", `{"weights": [1]}`), nil, 1100},
		{"large weight", pairs("limit", "3", "strategy", "weighted", "params", `{"weights": [1, 2]}`), nil, 65535},
		{"bad params", pairs("limit", "3", "strategy", "weighted", "params", `{`), nil, 65535},
		{"unknown parameter", pairs("limit", "3", "foo", "x"), nil, 1100},
		{"no search", pairs("limit", "3"), func(r *milvuspb.HybridSearchRequest) { r.Requests = nil }, 65535},
		{"bad metric", pairs("limit", "3"), func(r *milvuspb.HybridSearchRequest) { r.Requests[0].SearchParams[2].Value = "IP" }, 1100},
		{"bad filter", pairs("limit", "3"), func(r *milvuspb.HybridSearchRequest) { r.Requests[1].Dsl = "nope ==" }, 1100},
		{"groups", pairs("limit", "3"), func(r *milvuspb.HybridSearchRequest) {
			r.Requests[1].SearchParams = append(r.Requests[1].SearchParams, pairs("group_by_field", "id")...)
		}, 65535},
		{"other nq", pairs("limit", "3"), func(r *milvuspb.HybridSearchRequest) {
			one := entity.FloatVector{1}.Serialize()
			r.Requests[1].Nq, r.Requests[1].PlaceholderGroup = 2, placeholders(t, commonpb.PlaceholderType_FloatVector, one, one)
		}, 1100},
	} {
		req := hybridRequest(t, test.rank)
		if test.edit != nil {
			test.edit(req)
		}
		reply, err := raw.HybridSearch(testContext(t), req)
		if code(t, reply.GetStatus(), err) != test.code {
			t.Errorf("%s: %v, want code %d", test.name, reply.GetStatus(), test.code)
		}
	}
	_, err := stub(t, start(t, as23)).HybridSearch(testContext(t), hybridRequest(t, pairs("limit", "3")))
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("HybridSearch as 2.3 = %v, want Unimplemented", err)
	}
}

// TestIteratorsOfTheSDK has what the real 2.3.5 gives, which without a radius is the
// nearest row again and again: the client sends range_filter alone, which Milvus ignores.
func TestIteratorsOfTheSDK(t *testing.T) {
	srv, _ := line(t, as23)
	c, ctx := connect(t, srv).(*client.GrpcClient), testContext(t)
	for radius, want := range map[float64][][]int64{100: {{1, 2}, {3, 4}, {5}}, 0: {{1, 2}, {1, 3}, {1, 4}, {1, 5}, {1}}} {
		sp, err := entity.NewIndexFlatSearchParam()
		must(t, err)
		if radius > 0 {
			sp.AddRadius(radius)
		}
		it, err := c.SearchIterator(ctx, client.NewSearchIteratorOption("line", "vec", sp, entity.FloatVector{0, 0}, entity.L2).WithBatchSize(2))
		must(t, err)
		var got [][]int64
		for {
			batch, err := it.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			must(t, err)
			got = append(got, batch.IDs.FieldData().GetScalars().GetLongData().GetData())
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("batches with the radius %v = %v, want %v", radius, got, want)
		}
	}
	it, err := c.QueryIterator(ctx, client.NewQueryIteratorOption("line").WithBatchSize(2).WithExpr("k < 30"))
	must(t, err)
	var got []int64
	for {
		batch, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		got = append(got, int64s(t, batch.GetColumn("id"))...)
	}
	if !slices.Equal(got, []int64{1, 2, 3, 4}) {
		t.Errorf("rows of the query iterator = %v, want 1 to 4", got)
	}
}
