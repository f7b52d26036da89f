// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/penstock-go/penstock/internal/enum"
)

// Jitter says how waits are spread, because clients that failed together should
// not come back together. The names come from
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
type Jitter uint8

const (
	// FullJitter waits a random time from zero up to the full wait.
	FullJitter Jitter = iota
	// EqualJitter waits a random time from half of the full wait up to the full
	// wait.
	EqualJitter
	// NoJitter waits the full wait.
	NoJitter
)

// String returns "full", "equal" or "none".
func (j Jitter) String() string {
	switch j {
	case FullJitter:
		return "full"
	case EqualJitter:
		return "equal"
	case NoJitter:
		return "none"
	default:
		return fmt.Sprintf("jitter(%d)", uint8(j))
	}
}

var jitters = []Jitter{FullJitter, EqualJitter, NoJitter}

// MarshalText returns the text of String, for files and logs. An unknown value is an
// error.
func (j Jitter) MarshalText() ([]byte, error) { return enum.Text(j, jitters...) }

// UnmarshalText sets j to the value whose String the text is. Any other text is an
// error, which lists the texts.
func (j *Jitter) UnmarshalText(text []byte) error { return enum.Parse(j, text, jitters...) }

// backoff returns the wait before the attempt that follows the n-th (from 1),
// for a random number in [0, 1).
func (cfg *Config) backoff(n int, random float64) time.Duration {
	shortest, longest := cfg.bounds(n)
	return shortest + time.Duration(random*float64(longest-shortest))
}

// wait returns how long to sleep before the attempt that follows the n-th. A hint
// of the backend counts where it is longer than the backoff. With jitter, the wait
// is up to a fifth longer than the hint, because many clients got the same one.
func (cfg *Config) wait(n int, hint time.Duration) time.Duration {
	random := rand.Float64()
	if cfg.Jitter != NoJitter {
		hint += min(time.Duration(random*float64(hint/5)), math.MaxInt64-hint) // a hint may be for ever
	}
	return min(max(cfg.backoff(n, random), hint), cfg.MaxInterval)
}

// bounds returns the shortest and the longest wait before the attempt that
// follows the n-th (from 1), unless the backend asks for more.
func (cfg *Config) bounds(n int) (shortest, longest time.Duration) {
	longest = min(cfg.Interval, cfg.MaxInterval)
	for ; n > 1 && longest < cfg.MaxInterval; n-- {
		longest += min(longest, cfg.MaxInterval-longest) // twice as long, without an overflow
	}
	switch cfg.Jitter {
	case NoJitter:
		return longest, longest
	case EqualJitter:
		return longest / 2, longest
	default:
		return 0, longest
	}
}
