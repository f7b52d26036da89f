// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

var (
	// ErrOpen is matched by every refusal of a breaker. It is a
	// core.ErrRejected and a core.ErrUnavailable.
	ErrOpen = core.Sentinel("circuit breaker open", "circuit_open", core.ErrRejected, core.ErrUnavailable)

	// ErrProbeLimit is matched by the refusals of a half-open breaker while as
	// many probes run as may. It is an ErrOpen.
	ErrProbeLimit = core.Sentinel("half-open probe limit reached", "", ErrOpen)
)

// OpenError is the error of an operation that a breaker refused. errors.Is finds
// [ErrOpen], and [ErrProbeLimit] if the probes were the reason.
type OpenError struct {
	Name  string // name of the breaker
	State State  // Open, HalfOpen or ForcedOpen
	// RetryAfter is how long to wait before the next operation. It is never zero, so a
	// caller may sleep for it and try again. While the breaker is open, RetryAfter is
	// the time until the breaker lets probes through: after it, no operation is
	// refused because the breaker is still open. In the other states nothing tells how
	// long it takes, and RetryAfter is an estimate: a tenth of RecoveryTimeout up to a
	// second if HalfOpen, RecoveryTimeout if ForcedOpen.
	RetryAfter time.Duration

	by *Breaker
}

// Error names the breaker and its state, and says when to come back.
func (e *OpenError) Error() string {
	switch e.State {
	case HalfOpen:
		return fmt.Sprintf("circuit breaker %q is half-open and its probes are under way", e.Name)
	case ForcedOpen:
		return fmt.Sprintf("circuit breaker %q is forced open", e.Name)
	}
	left := max(e.RetryAfter.Round(time.Millisecond), time.Millisecond)
	return fmt.Sprintf("circuit breaker %q is open for another %v", e.Name, left)
}

// ErrorType returns "circuit_open".
func (e *OpenError) ErrorType() string { return "circuit_open" }

// Unwrap returns [ErrOpen] or [ErrProbeLimit].
func (e *OpenError) Unwrap() error {
	if e.State == HalfOpen {
		return ErrProbeLimit
	}
	return ErrOpen
}
