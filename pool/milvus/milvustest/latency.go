// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"math/rand/v2"
	"time"
)

// A Latency draws how long a fault delays a call. It is called for one call of a fault
// at a time, with a source of random numbers that follows the Seed of the fault. A
// duration of zero or less means no delay.
type Latency func(random *rand.Rand) time.Duration

// Uniform draws each duration from low to high with the same chance.
func Uniform(low, high time.Duration) Latency {
	return func(random *rand.Rand) time.Duration {
		if high <= low {
			return low
		}
		return low + time.Duration(random.Int64N(int64(high-low)+1))
	}
}

// Exponential draws durations around a mean, most of them short and few of them long,
// up to ten times the mean.
func Exponential(mean time.Duration) Latency {
	return func(random *rand.Rand) time.Duration {
		const most = 10
		return time.Duration(min(random.ExpFloat64(), most) * float64(mean))
	}
}
