// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/internal/text"
)

// probeOK is the value of attrProbeResult for a probe that succeeded.
const probeOK = "ok"

// probed is the end of a health probe.
type probed struct {
	err error
	at  time.Time
}

// keepProbe keeps the outcome of a health probe for the rejections that follow: an open
// breaker does not probe before its RecoveryTimeout, but the health monitor does. A probe
// that was given up says nothing.
func (o *Observer) keepProbe(err error) {
	if err == nil || core.ErrorType(err) != errtype.Canceled {
		o.probed.Store(&probed{err, time.Now()})
	}
}

// refusal returns what the event of a rejection, which came at the given time, says
// beside the error.
func (o *Observer) refusal(e core.Event, at time.Time) []attribute.KeyValue {
	var kvs []attribute.KeyValue
	if e.From != "" {
		kvs = append(kvs, attrBreakerState.String(text.Clean(e.From)), attrBreakerReopened.Int(e.Reopened))
	}
	if e.Delay > 0 {
		kvs = append(kvs, attrRetryAfter.Float64(e.Delay.Seconds()))
	}
	if e.MaxConcurrent > 0 {
		kvs = append(kvs, attrBulkheadLimit.Int(e.MaxConcurrent))
	}
	if e.Rate > 0 {
		kvs = append(kvs, attrRateLimit.Float64(e.Rate))
	}
	if e.Cause == nil {
		return kvs
	}
	kvs = append(kvs, cause(e.Cause)...)
	kvs = append(kvs, attrCauseAge.Float64(age(e.CausedAt, at)))
	last := probed{e.Probe, e.ProbedAt}
	if p := o.probed.Load(); p != nil && p.at.After(e.CausedAt) && p.at.After(last.at) {
		last = *p
	}
	return append(kvs, last.attributes(at)...)
}

// cause returns the attributes of the error that opened a breaker or shut a gate, none
// if it is nil.
func cause(err error) []attribute.KeyValue {
	if err == nil {
		return nil
	}
	return []attribute.KeyValue{
		attrCauseType.String(text.Clean(core.ErrorType(err))),
		attrCauseMessage.String(text.Clean(err.Error())),
	}
}

// causeOf returns the attributes of the cause of a transition: its own, or, if it has
// none because things are well again, the cause of what it ends.
func causeOf(e core.Event) []attribute.KeyValue {
	if e.Err != nil {
		return cause(e.Err)
	}
	return cause(e.Cause)
}

// attributes returns the attributes of the last probe at the given time, none without
// a probe.
func (p probed) attributes(at time.Time) []attribute.KeyValue {
	if p.at.IsZero() {
		return nil
	}
	kvs := []attribute.KeyValue{attrProbeAge.Float64(age(p.at, at))}
	if p.err == nil {
		return append(kvs, attrProbeResult.String(probeOK))
	}
	return append(kvs, attrProbeResult.String(text.Clean(core.ErrorType(p.err))), attrProbeMessage.String(text.Clean(p.err.Error())))
}

// age returns the seconds from an instant to a later one.
func age(from, to time.Time) float64 { return max(to.Sub(from), 0).Seconds() }

// limits returns the limits of an operation that failed.
func limits(s *core.Scope) []attribute.KeyValue {
	var kvs []attribute.KeyValue
	if !s.Deadline.IsZero() {
		kvs = append(kvs, attrDeadline.Float64(age(s.Start, s.Deadline)))
	}
	if s.AttemptLimit > 0 {
		kvs = append(kvs, attrTimeoutAttempt.Float64(s.AttemptLimit.Seconds()))
	}
	if s.OperationLimit > 0 {
		kvs = append(kvs, attrTimeoutOperation.Float64(s.OperationLimit.Seconds()))
	}
	return kvs
}
