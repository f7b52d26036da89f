// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Config says how many operations may start. Rate is required; a chain with the
// zero value has no limiter.
type Config struct {
	// Name names the limiter in telemetry and errors. Empty is "ratelimit".
	Name string
	// Rate is how many operations may start in a second, in the long run.
	Rate float64
	// Burst is how many may start at once after a pause, and so how many more
	// than Rate in one second. Zero is one second's worth, at least 1.
	Burst int
	// MaxWait is the longest wait for a token. Zero is none: an operation
	// without a token is refused at once.
	MaxWait time.Duration
	// Disabled leaves the stage out.
	Disabled bool
}

// maxRate is far above what a clock in nanoseconds can tell apart.
const maxRate = 1e9

// withDefaults returns the configuration that cfg stands for, or an error that
// names everything that is wrong with it.
func (cfg Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !(cfg.Rate > 0 && cfg.Rate <= maxRate) {
		fault("Rate is %v, want above 0 and up to %g", cfg.Rate, maxRate)
	} else if cfg.Burst == 0 {
		cfg.Burst = int(math.Ceil(cfg.Rate))
	}
	if cfg.Burst < 0 {
		fault("Burst is negative: %d", cfg.Burst)
	}
	if cfg.MaxWait < 0 {
		fault("MaxWait is negative: %v", cfg.MaxWait)
	}
	if cfg.Name == "" {
		cfg.Name = Name
	}
	if len(faults) > 0 {
		return cfg, fmt.Errorf("ratelimit: bad configuration: %w", errors.Join(faults...))
	}
	return cfg, nil
}

// ErrLimited is matched by every refusal of a limiter. It is a
// core.ErrRejected.
var ErrLimited = core.Sentinel("rate limited", core.TypeRateLimited, core.ErrRejected)

// LimitedError is how a limiter refuses an operation. errors.Is finds
// [ErrLimited], and the context's error if that was the reason: it had ended,
// it ended the wait, or its deadline would have.
type LimitedError struct {
	Name       string        // of the limiter
	Rate       float64       // operations in a second
	RetryAfter time.Duration // until there is a token; zero if the caller gave up
	Err        error         // the context's error, nil if it lasts
}

func (e *LimitedError) Error() string {
	s := fmt.Sprintf("limited to %g operations per second by %q", e.Rate, e.Name)
	if e.RetryAfter > 0 {
		s += fmt.Sprintf(", the next in %v", e.RetryAfter.Round(time.Microsecond))
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// ErrorType returns "rate_limited", or "canceled" if the caller gave up.
func (e *LimitedError) ErrorType() string {
	if e.Err == context.Canceled {
		return core.TypeCanceled
	}
	return core.TypeRateLimited
}

// Unwrap returns [ErrLimited] and the context's error.
func (e *LimitedError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrLimited}
	}
	return []error{ErrLimited, e.Err}
}

// ForbiddenError is how a limiter refuses an operation that had to wait, and
// that a stage further out, such as a breaker that opened meanwhile, forbids
// now. errors.Is finds core.ErrRejected and what that stage said.
type ForbiddenError struct {
	Name string // of the limiter
	Err  error  // what the other stage said
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("after a wait for limiter %q: %v", e.Name, e.Err)
}

// Unwrap returns what the other stage said, and core.ErrRejected.
func (e *ForbiddenError) Unwrap() []error { return []error{e.Err, core.ErrRejected} }
