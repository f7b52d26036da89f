// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// ErrLimited is matched by every refusal of a limiter. It is a
// core.ErrRejected.
var ErrLimited = core.Sentinel("rate limited", errtype.LocalLimit, core.ErrRejected)

// LimitedError is the error of an operation that a limiter refuses. errors.Is
// finds [ErrLimited], and Err. Err is the context's error if the context has ended, or
// has a deadline before the token; it is core.ErrClientClosed if the client was closed
// during the wait.
type LimitedError struct {
	Name       string        // of the limiter
	Rate       float64       // operations in a second
	RetryAfter time.Duration // time until the next token; zero if the caller gave up during the wait
	Err        error         // nil if Rate and MaxWait are the reason
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

// ErrorType returns "local_rate_limit", or "canceled" if the caller gave up, or
// "pool_closed" if the client was closed.
func (e *LimitedError) ErrorType() string {
	switch e.Err {
	case context.Canceled:
		return errtype.Canceled
	case core.ErrClientClosed:
		return errtype.PoolClosed
	}
	return errtype.LocalLimit
}

// Explain fills in the limit, for an observer.
func (e *LimitedError) Explain(event *core.Event) { event.Rate = e.Rate }

// Unwrap returns [ErrLimited] and Err.
func (e *LimitedError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrLimited}
	}
	return []error{ErrLimited, e.Err}
}
