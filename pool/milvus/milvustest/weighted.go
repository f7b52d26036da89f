// SPDX-License-Identifier: Apache-2.0

package milvustest

import "math"

// weightedRankers returns the rankers of the strategy weighted, and the metric by which
// scores of the whole compare. Up to 2.5 scores are normalized unless norm_score is false;
// 2.4 does not read norm_score. Since 2.6 they are normalized only if it is true.
func weightedRankers(as release, params map[string]any, searches []*search) ([]ranker, string, error) {
	weights, err := rankWeights(params, len(searches))
	if err != nil {
		return nil, "", err
	}
	normalize := as.before(since26)
	if given, ok := params["norm_score"]; ok && !as.before(since25) {
		if normalize, ok = given.(bool); !ok {
			return nil, "", failf(CodeUnexpected, "weighted rerank: norm_score should be of type bool, but [norm_score:%v] is of type %T", given, given)
		}
	}
	distance := func(s *search) bool { return s.metric != metricCosine && s.metric != metricIP }
	distances := 0
	rankers := make([]ranker, len(searches))
	for i, s := range searches {
		rankers[i] = plain(weights[i])
		if distance(s) {
			distances++
		}
		if normalize {
			rankers[i] = normalized(weights[i], s.metric)
		}
	}
	switch {
	case normalize || distances == 0 || as.before(since26): // 2.5 sorts distances as if they were scores
	case distances == len(searches):
		return rankers, metricL2, nil // the sum of distances is a distance
	default:
		// A distance is normalized all the same: larger has to be better in all searches.
		for i, s := range searches {
			if distance(s) {
				rankers[i] = normalized(weights[i], s.metric)
			}
		}
	}
	return rankers, metricIP, nil
}

// plain takes the scores as they are.
func plain(weight float32) ranker {
	return func(_ int, score float32) float32 { return weight * score }
}

// normalized brings the scores of different metrics into the range from 0 to 1, as Milvus
// does.
func normalized(weight float32, metric string) ranker {
	return func(_ int, score float32) float32 {
		arc := float32(math.Atan(float64(score))) / math.Pi
		switch metric {
		case metricCosine:
			return weight * (1 + score) * 0.5
		case metricIP:
			return weight * (0.5 + arc)
		default:
			return weight * (1 - 2*arc)
		}
	}
}

func rankWeights(params map[string]any, searches int) ([]float32, error) {
	given, ok := params["weights"]
	if !ok {
		return nil, failf(CodeUnexpected, "weights not found in rank_params")
	}
	list, ok := given.([]any)
	if !ok {
		return nil, failf(CodeUnexpected, "The weights of rank param should be an array")
	}
	var weights []float32
	for _, x := range list {
		w, ok := x.(float64)
		switch {
		case !ok:
			return nil, failf(CodeUnexpected, "The type of rank param weight should be float")
		case w < 0 || w > 1:
			return nil, failf(CodeUnexpected, "rank param weight should be in range [0, 1]")
		}
		weights = append(weights, float32(w))
	}
	if len(weights) != searches {
		return nil, invalidf("the length of weights param mismatch with ann search requests: invalid parameter[expected=%d][actual=%d]",
			searches, len(weights))
	}
	return weights, nil
}
