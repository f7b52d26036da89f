// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// hostile draws vectors whose distances are hard to tell from rough copies.
var hostile = map[string]func(r *rand.Rand, v []float32){
	"uniform":     func(r *rand.Rand, v []float32) { each(v, r.Float32) },
	"normal":      func(r *rand.Rand, v []float32) { each(v, func() float32 { return float32(r.NormFloat64()) }) },
	"far away":    func(r *rand.Rand, v []float32) { each(v, func() float32 { return 1e4 + r.Float32() }) },
	"few numbers": func(r *rand.Rand, v []float32) { each(v, func() float32 { return float32(r.IntN(3) - 1) }) },
	"one number":  func(r *rand.Rand, v []float32) { x := r.Float32(); each(v, func() float32 { return x }) },
	"zeros":       func(*rand.Rand, []float32) {},
	"outlier":     func(r *rand.Rand, v []float32) { each(v, r.Float32); v[r.IntN(len(v))] = -1e9 },
	"any size": func(r *rand.Rand, v []float32) {
		each(v, func() float32 { return float32(r.NormFloat64() * math.Pow(10, 80*r.Float64()-45)) })
	},
	"one size": func(r *rand.Rand, v []float32) {
		size := math.Pow(10, 80*r.Float64()-45)
		each(v, func() float32 { return float32(r.NormFloat64() * size) })
	},
	"no number": func(r *rand.Rand, v []float32) {
		each(v, r.Float32)
		v[r.IntN(len(v))] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32}[r.IntN(4)]
	},
}

func each(v []float32, draw func() float32) {
	for i := range v {
		v[i] = draw()
	}
}

// almost changes v a little or not at all, as far as it can be told.
func almost(r *rand.Rand, v []float32) []float32 {
	v = slices.Clone(v)
	switch r.IntN(4) {
	case 0:
		v[r.IntN(len(v))] += r.Float32()
	case 1:
		each(v, func() float32 { return v[0] })
	case 2:
		size := r.Float32() - 0.5
		for i := range v {
			v[i] *= size
		}
	}
	return v
}

// A row that a sketch puts too far away would be missing in the answer.
func TestASketchNeverPutsARowTooFarAway(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for nameOfQuery, drawQuery := range hostile {
		for nameOfRow, drawRow := range hostile {
			for _, dim := range []int{1, 7, 8, 31, 128, 1000} {
				query, row := make([]float32, dim), make([]float32, dim)
				drawQuery(r, query)
				drawRow(r, row)
				rows := [][]float32{row, query, almost(r, query), almost(r, row)}
				for _, metric := range []string{"L2", "IP", "COSINE"} {
					least, distances := milvustest.Least(metric, query, 0, rows...)
					for i := range rows {
						if least[i] > distances[i] {
							t.Errorf("%s of %s and %s in %d dimensions, row %d: at least %v, the distance is %v",
								metric, nameOfQuery, nameOfRow, dim, i, least[i], distances[i])
						}
					}
				}
			}
		}
	}
}

func TestASketchAllowsForNumbersThatFloat32DoesNotHave(t *testing.T) {
	const large = 1.4e19 // Two squares of it are too large together.
	for _, c := range []struct {
		metric     string
		query, row []float32
	}{
		{"IP", []float32{large, large, large, 0, large}, []float32{large, -large, -large, 0, large}},
		{"L2", make([]float32, 1000), slices.Repeat([]float32{2e-23}, 1000)}, // Each square is zero.
	} {
		if least, distances := milvustest.Least(c.metric, c.query, 0, c.row); least[0] > distances[0] {
			t.Errorf("%s: at least %v, the distance is %v", c.metric, least[0], distances[0])
		}
	}
}

func TestFewRowsAreNearByTheirSketch(t *testing.T) {
	const n, dim, k, most = 2000, 128, 10, 100
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, dim)
		each(rows[i], r.Float32)
	}
	for _, metric := range []string{"L2", "IP", "COSINE"} {
		// The last row takes the place of the first, which is the query.
		least, distances := milvustest.Least(metric, rows[0], 1, rows...)
		farthest := slices.Sorted(slices.Values(distances))[k-1]
		near := 0
		for i := range least {
			if !(least[i] > farthest) {
				near++
			}
		}
		if near > most {
			t.Errorf("%s: %d of %d rows may be among the %d nearest, want at most %d", metric, near, len(least), k, most)
		}
	}
}

func TestASearchAfterDeletesFindsWhatIsLeft(t *testing.T) {
	const n, dim, topK = 400, 40, 10
	c := connect(t, start(t, milvustest.Config{}))
	query := randomVectors(rand.New(rand.NewPCG(3, 4)), 1, dim)[0]
	for _, metric := range []entity.MetricType{entity.L2, entity.IP} {
		name := "some_" + string(metric)
		rows := fillRandom(t, c, name, metric, n, dim)
		must(t, c.Delete(testContext(t), name, "", "id % 3 == 0"))
		results, err := search(testContext(t), c, name, metric, topK, "", nil, query)
		must(t, err)
		var left []float64
		for id, row := range rows {
			if id%3 != 0 {
				left = append(left, naiveScore(metric, query, row))
			}
		}
		slices.Sort(left)
		if metric == entity.IP {
			slices.Reverse(left)
		}
		for i, score := range results[0].Scores {
			if id := int64s(t, results[0].IDs)[i]; float64(score) != left[i] || naiveScore(metric, query, rows[id]) != left[i] {
				t.Errorf("%s: hit %d = %d with %v, want %v", metric, i, id, score, left[i])
			}
		}
	}
}
