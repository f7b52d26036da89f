// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"math/rand/v2"
	"time"
)

// choice decides which of the calls that match a fault it applies to.
type choice struct {
	skip   int
	share  *share // nil without a Share
	chance float64
	random *rand.Rand
	bucket *bucket // nil without a rate
}

func newChoice(f Fault, now time.Time) choice {
	c := choice{skip: f.Skip, chance: f.Chance, random: rand.New(rand.NewPCG(f.Seed, 1))}
	if f.Share > 0 && f.Share < 1 {
		c.share = newShare(f.Share, f.Seed)
	}
	if f.Above > 0 {
		c.bucket = &bucket{rate: f.Above, tokens: max(f.Above, 1), filled: now}
	}
	return c
}

// strikes reports whether the fault applies to the next call, which arrives now.
func (c *choice) strikes(now time.Time) bool {
	switch {
	case c.skip > 0:
		c.skip--
		return false
	case c.share != nil && !c.share.strikes():
		return false
	case c.chance > 0 && c.chance < 1 && c.random.Float64() >= c.chance:
		return false
	case c.bucket != nil && c.bucket.take(now):
		return false
	default:
		return true
	}
}

// bucket holds one token for each call that is allowed, those of a second at most.
type bucket struct {
	rate   float64 // tokens that come in a second
	tokens float64
	filled time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.tokens = min(b.tokens+b.rate*now.Sub(b.filled).Seconds(), max(b.rate, 1))
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
