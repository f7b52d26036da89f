// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/brief"
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
	// the time until the breaker lets probes through, which it may do earlier: after it,
	// no operation is refused because the breaker is still open. In the other states nothing tells how
	// long it takes, and RetryAfter is an estimate: a tenth of RecoveryTimeout up to a
	// second if HalfOpen, RecoveryTimeout if ForcedOpen.
	RetryAfter time.Duration

	// Cause is the error of the operation that opened the breaker after it was last
	// closed. OpenedAt is when, and Reopened is how often the breaker has opened again
	// since then because a probe failed. errors.Is does not find Cause: this operation
	// did not fail with it.
	Cause    error
	OpenedAt time.Time
	Reopened int
	// ProbedAt is when the last probe ended since OpenedAt, and Probe is its error, nil
	// if the probe succeeded. ProbedAt is zero if no probe has ended.
	Probe    error
	ProbedAt time.Time

	by *Breaker
	at time.Time // of the refusal
}

// Error names the breaker and its state, and says when to come back, what opened the
// breaker, and what its last probe came to.
func (e *OpenError) Error() string {
	var s string
	switch e.State {
	case HalfOpen:
		s = fmt.Sprintf("circuit breaker %q is half-open and its probes are under way", e.Name)
	case ForcedOpen:
		return fmt.Sprintf("circuit breaker %q was forced open by hand", e.Name) + e.ago(e.OpenedAt)
	default:
		left := max(e.RetryAfter.Round(time.Millisecond), time.Millisecond)
		s = fmt.Sprintf("circuit breaker %q is open for another %v", e.Name, left)
	}
	if e.Cause != nil {
		s += ", opened" + e.ago(e.OpenedAt) + " by " + brief.Error(e.Cause)
	}
	switch {
	case e.ProbedAt.IsZero():
	case e.Probe == nil:
		s += "; its last probe succeeded" + e.ago(e.ProbedAt)
	default:
		s += "; its last probe failed" + e.ago(e.ProbedAt) + ": " + brief.Error(e.Probe)
	}
	return s
}

// ago says how long before the refusal an instant was.
func (e *OpenError) ago(t time.Time) string {
	if t.IsZero() || e.at.IsZero() {
		return ""
	}
	return " " + brief.Ago(e.at.Sub(t))
}

// Explain fills in what is behind the refusal, for an observer.
func (e *OpenError) Explain(event *core.Event) {
	event.Cause, event.CausedAt, event.Reopened = e.Cause, e.OpenedAt, e.Reopened
	event.Probe, event.ProbedAt = e.Probe, e.ProbedAt
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
