// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"math/rand/v2"
	"time"
)

// Jitter says how waits are spread, so that clients which failed together do
// not come back together. The names are those of
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
type Jitter uint8

const (
	// FullJitter waits a random time from zero up to the full wait.
	FullJitter Jitter = iota
	// EqualJitter waits half of the full wait, and a random time up to the other
	// half.
	EqualJitter
	// NoJitter waits the full wait.
	NoJitter
)

// backoff returns the wait before the attempt that follows the n-th (from 1),
// for a random number in [0, 1).
func (cfg *Config) backoff(n int, random float64) time.Duration {
	full := min(cfg.Interval, cfg.Cap)
	for ; n > 1 && full < cfg.Cap; n-- {
		full += min(full, cfg.Cap-full) // twice as long, without an overflow
	}
	switch cfg.Jitter {
	case NoJitter:
		return full
	case EqualJitter:
		return full/2 + time.Duration(random*float64(full-full/2))
	default:
		return time.Duration(random * float64(full))
	}
}

// wait returns how long to sleep before the attempt that follows the n-th. A
// server's hint is obeyed where it is longer than our own wait; with jitter, its
// clients come back up to a fifth later than it says.
func (cfg *Config) wait(n int, hint time.Duration) time.Duration {
	random := rand.Float64()
	if cfg.Jitter != NoJitter {
		hint += time.Duration(random * float64(hint) / 5)
	}
	return min(max(cfg.backoff(n, random), hint), cfg.Cap)
}
