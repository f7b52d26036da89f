// SPDX-License-Identifier: Apache-2.0

package measure

import "slices"

// Rounds calls measure for each of n subjects in every round, with another
// subject first in each round. It returns what measure found, by subject and
// round. What disturbs the machine for a while then meets all subjects alike.
func Rounds[S any](rounds, n int, measure func(subject int) (S, error)) ([][]S, error) {
	found := make([][]S, n)
	for round := range rounds {
		for i := range n {
			subject := (i + round) % n
			s, err := measure(subject)
			if err != nil {
				return nil, err
			}
			found[subject] = append(found[subject], s)
		}
	}
	return found, nil
}

// Pick returns one value of each sample.
func Pick[S any](samples []S, of func(S) float64) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	return values
}

// MedianOf returns the median of one value of each sample.
func MedianOf[S any](samples []S, of func(S) float64) float64 { return Median(Pick(samples, of)) }

// RatioOf returns the median of the ratios of a peer's value to our own in the
// same round.
func RatioOf[S any](peer, self []S, of func(S) float64) float64 {
	ratios := make([]float64, len(peer))
	for i := range peer {
		ratios[i] = of(peer[i]) / of(self[i])
	}
	return Median(ratios)
}

// Median returns the middle value, or the mean of the two in the middle; 0 for
// no values.
func Median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	if len(values) == 0 {
		return 0
	}
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
