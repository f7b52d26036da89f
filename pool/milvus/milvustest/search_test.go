// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// searchRequest searches people for one vector, by L2.
func searchRequest(t testing.TB, query []float32) *milvuspb.SearchRequest {
	t.Helper()
	group, err := proto.Marshal(protoadapt.MessageV2Of(&commonpb.PlaceholderGroup{Placeholders: []*commonpb.PlaceholderValue{{
		Tag: "$0", Type: commonpb.PlaceholderType_FloatVector, Values: [][]byte{entity.FloatVector(query).Serialize()},
	}}}))
	must(t, err)
	return &milvuspb.SearchRequest{
		DslType: commonpb.DslType_BoolExprV1, CollectionName: "people", PlaceholderGroup: group, Nq: 1,
		SearchParams: []*commonpb.KeyValuePair{{Key: "anns_field", Value: "vec"}, {Key: "topk", Value: "3"}, {Key: "metric_type", Value: "L2"}},
	}
}

func unary(method string) *grpc.UnaryServerInfo {
	return &grpc.UnaryServerInfo{FullMethod: "/milvus.proto.milvus.MilvusService/" + method}
}

// fillRandom makes a collection of n vectors with small integers, so that sums
// are exact and some scores are equal.
func fillRandom(t testing.TB, c client.Client, name string, metric entity.MetricType, n, dim int) [][]float32 {
	t.Helper()
	ctx := testContext(t)
	must(t, c.CreateCollection(ctx, entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("vec").WithDataType(entity.FieldTypeFloatVector).WithDim(int64(dim))), 1))
	r := rand.New(rand.NewPCG(1, 2))
	ids, rows := make([]int64, n), randomVectors(r, n, dim)
	for i, id := range r.Perm(n) {
		ids[i] = int64(id)
	}
	_, err := c.Insert(ctx, name, "", entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("vec", dim, rows))
	must(t, err)
	load(t, c, name, metric)
	byID := make([][]float32, n)
	for i, id := range ids {
		byID[id] = rows[i]
	}
	return byID
}

func randomVectors(r *rand.Rand, n, dim int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, dim)
		for j := range rows[i] {
			rows[i][j] = float32(r.IntN(17))
		}
	}
	return rows
}

func naiveScore(metric entity.MetricType, a, b []float32) float64 {
	var l2, ip, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		l2, ip, aa, bb = l2+(x-y)*(x-y), ip+x*y, aa+x*x, bb+y*y
	}
	switch metric {
	case entity.L2:
		return l2
	case entity.IP:
		return ip
	default:
		return ip / math.Sqrt(aa) / math.Sqrt(bb)
	}
}

func TestSearchFindsWhatBruteForceFinds(t *testing.T) {
	const n, dim, topK = 500, 7, 20
	c := connect(t, start(t, milvustest.Config{}))
	queries := randomVectors(rand.New(rand.NewPCG(3, 4)), 9, dim)
	for _, metric := range []entity.MetricType{entity.L2, entity.IP, entity.COSINE} {
		t.Run(string(metric), func(t *testing.T) {
			name := "random_" + string(metric)
			rows := fillRandom(t, c, name, metric, n, dim)
			results, err := search(testContext(t), c, name, metric, topK, "", []string{"id", "vec"}, queries...)
			must(t, err)
			if len(results) != len(queries) {
				t.Fatalf("Search answers %d queries, want %d", len(results), len(queries))
			}
			for q, result := range results {
				must(t, result.Err)
				order := make([]int64, n)
				for id := range order {
					order[id] = int64(id)
				}
				sign := 1.0
				if metric != entity.L2 {
					sign = -1
				}
				slices.SortStableFunc(order, func(a, b int64) int {
					return cmp.Compare(sign*naiveScore(metric, queries[q], rows[a]), sign*naiveScore(metric, queries[q], rows[b]))
				})
				ids := int64s(t, result.IDs)
				for i, id := range ids {
					want := naiveScore(metric, queries[q], rows[order[i]])
					exact := metric != entity.COSINE
					if exact && (float64(result.Scores[i]) != want || id != order[i]) {
						t.Fatalf("query %d, hit %d = %d with %v, want %d with %v", q, i, id, result.Scores[i], order[i], want)
					}
					// The float32 of COSINE may order rows that are equal but
					// for rounding as it likes.
					own := naiveScore(metric, queries[q], rows[id])
					if math.Abs(float64(result.Scores[i])-want) > 1e-6 || math.Abs(float64(result.Scores[i])-own) > 1e-6 {
						t.Fatalf("query %d, hit %d = %d with %v, want a score of %v, it has %v", q, i, id, result.Scores[i], want, own)
					}
					vec := result.Fields.GetColumn("vec").(*entity.ColumnFloatVector).Data()[i]
					if !slices.Equal(vec, rows[id]) {
						t.Fatalf("vector of hit %d = %v, want %v", id, vec, rows[id])
					}
				}
			}
		})
	}
}

func TestSearchScoresAsMilvusDoes(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	for _, test := range []struct {
		metric entity.MetricType
		ids    []int64
		scores []float32
	}{
		{entity.L2, []int64{2, 1, 3}, []float32{0, 1, 1}}, // Squared, ascending, the smaller key first.
		{entity.IP, []int64{3, 2, 1}, []float32{6, 4, 2}},
		{entity.COSINE, []int64{1, 2, 3}, []float32{1, 1, 1}},
	} {
		name := "people_" + string(test.metric)
		fill(t, c, name, test.metric)
		hits, err := search(testContext(t), c, name, test.metric, 3, "", nil, []float32{2, 0, 0, 0})
		must(t, err)
		if got := int64s(t, hits[0].IDs); !slices.Equal(got, test.ids) || !slices.Equal(hits[0].Scores, test.scores) {
			t.Errorf("%s: %v with %v, want %v with %v", test.metric, got, hits[0].Scores, test.ids, test.scores)
		}
	}
}

func TestSearchFiltersAndPages(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	hits, err := search(ctx, c, "people", entity.L2, 10, "age >= 20 && active == false", []string{"name"}, []float32{0, 4, 0, 0}, []float32{2, 0, 0, 0})
	must(t, err)
	for q, want := range [][]int64{{4, 2}, {2, 4}} {
		if got := int64s(t, hits[q].IDs); !slices.Equal(got, want) {
			t.Errorf("query %d finds %v, want %v", q, got, want)
		}
	}
	if got := hits[0].Fields.GetColumn("name").(*entity.ColumnVarChar).Data(); !slices.Equal(got, []string{"dan \"d\"", "bob's"}) {
		t.Errorf("names = %v", got)
	}

	sp, _ := entity.NewIndexFlatSearchParam()
	query := []entity.Vector{entity.FloatVector{0, 0, 0, 0}}
	paged, err := c.Search(ctx, "people", nil, "", nil, query, "vec", entity.L2, 2, sp, client.WithOffset(1))
	must(t, err)
	if got := int64s(t, paged[0].IDs); !slices.Equal(got, []int64{2, 3}) {
		t.Errorf("second page = %v, want 2 and 3", got)
	}
	none, err := search(testContext(t), c, "people", entity.L2, 3, "id > 100", []string{"name"}, []float32{0, 0, 0, 0})
	must(t, err)
	if len(none) != 1 || none[0].ResultCount != 0 {
		t.Errorf("Search of no rows = %v, want one empty result", none)
	}
	must(t, c.Delete(ctx, "people", "", "id > 0"))
	none, err = search(testContext(t), c, "people", entity.L2, 3, "", []string{"name", "vec"}, []float32{0, 0, 0, 0})
	must(t, err)
	if len(none) != 1 || none[0].ResultCount != 0 || none[0].Err != nil {
		t.Errorf("Search in an empty collection = %v, want one empty result", none)
	}
}

func TestSearchInPartitions(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	must(t, c.CreatePartition(ctx, "people", "part"))
	columns := people()
	columns[0] = entity.NewColumnInt64("id", []int64{13, 11, 12, 15, 14})
	_, err := c.Insert(ctx, "people", "part", columns...)
	must(t, err)
	sp, _ := entity.NewIndexFlatSearchParam()
	query := []entity.Vector{entity.FloatVector{1, 0, 0, 0}}
	hits, err := c.Search(ctx, "people", []string{"part", "part"}, "", nil, query, "vec", entity.L2, 2, sp)
	must(t, err)
	if got := int64s(t, hits[0].IDs); !slices.Equal(got, []int64{11, 12}) {
		t.Errorf("Search in a partition finds %v, want 11 and 12", got)
	}
}

func TestSearchRoundsScores(t *testing.T) {
	srv := start(t, milvustest.Config{})
	fill(t, connect(t, srv), "people", entity.L2)
	req := searchRequest(t, []float32{1.11, 0, 0, 0})
	req.SearchParams = append(req.SearchParams, &commonpb.KeyValuePair{Key: "round_decimal", Value: "1"})
	reply, err := stub(t, srv).Search(testContext(t), req)
	must(t, err)
	if got := reply.GetResults().GetScores(); !slices.Equal(got, []float32{0, 0.8, 3.6}) {
		t.Errorf("scores = %v, want one decimal", got)
	}
}

func TestZerosHaveNoDirection(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	fill(t, c, "people", entity.COSINE)
	hits, err := search(testContext(t), c, "people", entity.COSINE, 2, "", nil, []float32{0, 0, 0, 0})
	must(t, err)
	if got := int64s(t, hits[0].IDs); !slices.Equal(got, []int64{1, 2}) || !slices.Equal(hits[0].Scores, []float32{0, 0}) {
		t.Errorf("Search for zeros finds %v with %v, want 1 and 2 with 0", got, hits[0].Scores)
	}
}

func TestTheOnlyVectorFieldNeedNotBeNamed(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	fill(t, c, "people", entity.L2)
	req := searchRequest(t, []float32{1, 0, 0, 0})
	req.SearchParams = req.SearchParams[1:]
	reply, err := stub(t, srv).Search(testContext(t), req)
	must(t, err)
	if got := reply.GetResults().GetIds().GetIntId().GetData(); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("ids = %v, want 1, 2 and 3", got)
	}

	two := schemaOf("two").WithField(entity.NewField().WithName("vec2").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	must(t, c.CreateCollection(testContext(t), two, 1))
	for _, field := range []string{"vec", "vec2"} {
		idx, _ := entity.NewIndexFlat(entity.L2)
		must(t, c.CreateIndex(testContext(t), "two", field, idx, false))
	}
	must(t, c.LoadCollection(testContext(t), "two", true))
	req.CollectionName = "two"
	reply, err = stub(t, srv).Search(testContext(t), req)
	must(t, err)
	if code := reply.GetStatus().GetCode(); code != 1100 {
		t.Errorf("Search without a field name where there are two = %v, want code 1100", reply.GetStatus())
	}
}

// BenchmarkSearch searches 1,500 vectors of 64 dimensions, through TCP, as the
// demos do.
func BenchmarkSearch(b *testing.B) {
	const n, dim = 1500, 64
	for _, metric := range []entity.MetricType{entity.L2, entity.IP, entity.COSINE} {
		b.Run(string(metric), func(b *testing.B) {
			c := connect(b, start(b, milvustest.Config{}))
			name := "digits"
			rows := fillRandom(b, c, name, metric, n, dim)
			ctx := context.Background()
			for i := 0; b.Loop(); i++ {
				if _, err := search(ctx, c, name, metric, 10, "", nil, rows[i%n]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const manyRows, manyDim, manyBatch = 100_000, 128, 2_000

// manyColumns returns 100,000 vectors of 128 dimensions in batches, and the vectors of
// the last batch.
func manyColumns() (batches [][]entity.Column, last [][]float32) {
	r := rand.New(rand.NewPCG(1, 2))
	for first := 0; first < manyRows; first += manyBatch {
		ids := make([]int64, manyBatch)
		for i := range ids {
			ids[i] = int64(first + i)
		}
		last = randomVectors(r, manyBatch, manyDim)
		batches = append(batches, []entity.Column{entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("vec", manyDim, last)})
	}
	return batches, last
}

func insertMany(b *testing.B, c client.Client, name string, batches [][]entity.Column) {
	b.Helper()
	ctx := context.Background()
	must(b, c.CreateCollection(ctx, entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("vec").WithDataType(entity.FieldTypeFloatVector).WithDim(manyDim)), 1))
	for _, columns := range batches {
		_, err := c.Insert(ctx, name, "", columns...)
		must(b, err)
	}
}

// BenchmarkInsertLarge inserts 100,000 vectors of 128 dimensions, through TCP.
func BenchmarkInsertLarge(b *testing.B) {
	c := connect(b, start(b, milvustest.Config{}))
	batches, _ := manyColumns()
	for b.Loop() {
		insertMany(b, c, "large", batches)
		must(b, c.DropCollection(context.Background(), "large"))
	}
}

// BenchmarkSearchLarge searches the 100,000 vectors.
func BenchmarkSearchLarge(b *testing.B) {
	for _, metric := range []entity.MetricType{entity.L2, entity.IP, entity.COSINE} {
		b.Run(string(metric), func(b *testing.B) {
			c := connect(b, start(b, milvustest.Config{}))
			batches, queries := manyColumns()
			insertMany(b, c, "large", batches)
			load(b, c, "large", metric)
			for i := 0; b.Loop(); i++ {
				if _, err := search(context.Background(), c, "large", metric, 10, "", nil, queries[i%manyBatch]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
