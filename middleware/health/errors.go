// SPDX-License-Identifier: Apache-2.0

package health

import (
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/brief"
)

// ErrUnhealthy is matched by the error of an attempt that the shut gate refuses. It
// is a core.ErrRejected and a core.ErrUnavailable.
var ErrUnhealthy = core.Sentinel("backend is down, by its health probes", "unhealthy", core.ErrRejected, core.ErrUnavailable)

// DownError is the error of an attempt that the shut gate refuses. errors.Is finds
// [ErrUnhealthy], and neither Cause nor Probe: the attempt did not fail with them.
type DownError struct {
	Name string // name of the monitor
	// Cause is the error of the probe that shut the gate, and Since is when.
	Cause error
	Since time.Time
	// Probe is the error of the last probe, nil if the probe succeeded and UpThreshold
	// wants more. ProbedAt is when the probe ended.
	Probe    error
	ProbedAt time.Time

	at time.Time // of the refusal
}

// Error says what shut the gate, and what the last probe came to.
func (e *DownError) Error() string {
	s := ErrUnhealthy.Error()
	if e.Cause != nil {
		s += ", shut" + e.ago(e.Since) + " by " + brief.Error(e.Cause)
	}
	switch {
	case e.ProbedAt.Equal(e.Since): // it is the cause
	case e.Probe == nil:
		s += "; the last probe succeeded" + e.ago(e.ProbedAt)
	default:
		s += "; the last probe failed" + e.ago(e.ProbedAt) + ": " + brief.Error(e.Probe)
	}
	return s
}

// ago says how long before the refusal an instant was.
func (e *DownError) ago(t time.Time) string {
	if e.at.IsZero() {
		return ""
	}
	return " " + brief.Ago(e.at.Sub(t))
}

// ErrorType returns "unhealthy".
func (e *DownError) ErrorType() string { return "unhealthy" }

// Unwrap returns [ErrUnhealthy].
func (e *DownError) Unwrap() error { return ErrUnhealthy }

// Explain fills in what is behind the refusal, for an observer.
func (e *DownError) Explain(event *core.Event) {
	event.Cause, event.CausedAt, event.Probe, event.ProbedAt = e.Cause, e.Since, e.Probe, e.ProbedAt
}
