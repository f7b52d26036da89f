// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"cmp"
	"time"
)

// operation is what the trace says of one operation of Penstock.
type operation struct {
	*Span
	trace string
	// caller is the name of the span that the operation is below, "" if that span was
	// not exported.
	caller       string
	name, target string
	// waited is the time in stages, for a connection and in backoff.
	waited time.Duration
	// refused says that the operation was refused in the process, before an attempt.
	refused bool
	// origin is the error behind all that went wrong, see [operation.findOrigin]. Its kind is
	// empty if nothing went wrong.
	origin trouble
	// recovered says that the operation succeeded after failed attempts.
	recovered bool
}

// trouble is an error: its type and its text.
type trouble struct{ kind, text string }

// work is how long the operation took without its waits.
func (o *operation) work() time.Duration { return max(o.Duration-o.waited, 0) }

// end is when the operation ended.
func (o *operation) end() time.Time { return o.Begin.Add(o.Duration) }

// failed reports whether the caller got an error that is no answer of the backend.
func (o *operation) failed() bool { return o.Text(tagErrorType) != "" && o.Text(tagAnswer) == "" }

// succeeded reports whether the operation reached the backend and got a result or an
// answer. A run of a hedge that lost did neither.
func (o *operation) succeeded() bool { return !o.failed() && !o.lost() }

// lost reports whether the other run of the hedged operation answered first.
func (o *operation) lost() bool { return o.Text(tagHedgeOutcome) == "lost" }

// hedged reports whether the operation had a second run. Both runs have a span.
func (o *operation) hedged() bool {
	return o.Text(tagHedgeOutcome) != "" || o.second()
}

// second reports whether this is the second run of a hedged operation.
func (o *operation) second() bool {
	second, _ := o.Tags[tagHedge].(bool)
	return second
}

// connection is the number of the connection of the last attempt.
func (o *operation) connection() (number int, ok bool) {
	n, ok := o.Number(tagConnection)
	return int(n), ok
}

// seconds returns a tag that is a duration.
func (s *Span) seconds(tag string) (time.Duration, bool) {
	n, ok := s.Number(tag)
	return time.Duration(n * float64(time.Second)), ok
}

// events returns the events of that name.
func (s *Span) events(name string) []Event {
	var found []Event
	for _, e := range s.Events {
		if e.Name() == name {
			found = append(found, e)
		}
	}
	return found
}

func (e *Event) text(tag string) string {
	text, _ := e.Tags[tag].(string)
	return text
}

// newOperation reads the span of an operation. caller is the name of the parent.
func newOperation(trace string, s *Span, caller string) *operation {
	o := &operation{Span: s, trace: trace, caller: caller, name: s.Text(tagOperation), target: s.Text(tagCollection)}
	for _, e := range s.events(eventWait) {
		n, _ := e.Tags[tagWait].(float64)
		o.waited += time.Duration(n * float64(time.Second))
	}
	o.recovered = s.Text(tagRetryOutcome) == "recovered"
	o.findOrigin()
	return o
}

// findOrigin finds the error behind what went wrong. A refusal of a breaker or a gate names
// what opened or shut it. An operation that recovered names the error of its first attempt.
func (o *operation) findOrigin() {
	kind := o.Text(tagErrorType)
	switch kind {
	case errOpen, errUnhealthy:
		o.refused = true
		o.origin = trouble{cmp.Or(o.Text(tagCauseType), kind), o.Text(tagCauseMessage)}
		return
	case errBulkhead, errLocalRate, errTooMany, errPoolClosed:
		o.refused = true
	}
	switch {
	case o.Text(tagAnswer) != "" || o.lost():
	case kind != "":
		o.origin = trouble{kind, o.Text(tagStatus)}
	case o.recovered:
		if retries := o.events(eventRetry); len(retries) > 0 {
			o.origin = trouble{retries[0].text(tagErrorType), retries[0].text(tagErrorMessage)}
		}
	}
}

// isOperation reports whether a span of Penstock is that of an operation.
func isOperation(s *Span) bool {
	return s.Text(tagScope) == scope && s.Text(tagSpanKind) == "client" && s.Text(tagOperation) != ""
}
