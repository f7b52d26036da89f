// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/text"
	"github.com/penstock-go/penstock/middleware/retry"
)

// Limits of a record.
const (
	maxNotes    = 32
	maxAttempts = 16
)

// record is what happened to an operation that is not yet over. It begins with the first
// event, and belongs to the goroutine of the operation.
type record struct {
	notes         []note
	attempts      []attempt // from the second attempt on
	left          int       // notes and attempts beyond the limits
	wait, backoff time.Duration
	attemptCount  int // of the end of the retries
	recovered     bool
}

type note struct {
	core.Event
	at      time.Time
	attempt int // how many of record.attempts had begun
}

type attempt struct {
	scope core.Scope
	ended time.Time
	err   error
}

// recordIn returns the record in state, nil if there is none.
func (c *collector) recordIn(state *any) *record {
	if state == nil {
		return nil
	}
	r, _ := (*state).(*record)
	return r
}

// record returns the record in state, and begins one if there is none. It is nil outside
// of an operation.
func (c *collector) record(state *any) *record {
	if state == nil {
		return nil
	}
	if r, ok := (*state).(*record); ok {
		return r
	}
	r, _ := c.records.Get().(*record)
	if r == nil {
		r = &record{}
	}
	*state = r
	return r
}

// recycle gives a record back, without what it holds of the operation.
func (c *collector) recycle(r *record) {
	clear(r.notes)
	clear(r.attempts)
	*r = record{notes: r.notes[:0], attempts: r.attempts[:0]}
	c.records.Put(r)
}

// note keeps an event.
func (r *record) note(e *core.Event) {
	switch e.Kind {
	case core.EventRetryEnd:
		r.backoff, r.attemptCount, r.recovered = e.Delay, e.Attempt, e.Outcome == "recovered"
		return
	case core.EventWait:
		if e.Name == retry.Name { // a backoff, which EventRetry has told
			return
		}
		r.wait += e.Delay
	}
	if len(r.notes) >= maxNotes {
		r.left++
		return
	}
	n := note{Event: *e, at: time.Now(), attempt: len(r.attempts)}
	n.State = nil
	r.notes = append(r.notes, n)
}

// begin keeps the begin of a further attempt.
func (r *record) begin(s *core.Scope) {
	if len(r.attempts) >= maxAttempts {
		r.left++
		return
	}
	a := attempt{scope: *s}
	a.scope.State = nil
	r.attempts = append(r.attempts, a)
}

// end keeps the end of a further attempt.
func (r *record) end(s *core.Scope, err error) {
	if n := len(r.attempts); n > 0 && r.attempts[n-1].scope.Attempt == s.Attempt {
		last := &r.attempts[n-1]
		last.scope.Conn, last.ended, last.err = s.Conn, time.Now(), err
	}
}

// made returns how many attempts the operation made.
func (r *record) made(why outcome) int {
	n := max(r.attemptCount, len(r.attempts)+1)
	if why == rejectedOp && n == 1 {
		return 0
	}
	return n
}

// trouble returns the error that the operation overcame.
func (r *record) trouble() (reason, message string) {
	for _, n := range slices.Backward(r.notes) {
		if n.Kind == core.EventRetry && n.Err != nil {
			return text.Clean(typeOf(n.Err)), text.Clean(n.Err.Error())
		}
	}
	return "", ""
}

// tree adds the attempts, backoffs, waits and events to the span of the operation.
func (r *record) tree(root *Span, s *core.Scope, took time.Duration) {
	at := func(t time.Time) float64 { return max(t.Sub(s.Start), 0).Seconds() }
	spans := []Span{{Kind: "attempt", Name: "attempt 1"}}
	spans[0].Took = took.Seconds()
	for _, a := range r.attempts {
		span := Span{Kind: "attempt", Name: "attempt " + strconv.Itoa(a.scope.Attempt), Start: at(a.scope.Start), Conn: a.scope.Conn}
		span.Took = took.Seconds() - span.Start
		if !a.ended.IsZero() {
			span.Took = at(a.ended) - span.Start
		}
		span.fail(a.err)
		spans = append(spans, span)
	}
	var between []Span
	for _, n := range r.notes {
		in := &spans[n.attempt]
		when := at(n.at)
		switch n.Kind {
		case core.EventRetry:
			in.Took, in.Conn = max(when-in.Start, 0), n.Conn
			in.fail(n.Err)
			backoff := Span{Kind: "backoff", Name: "backoff", Start: when, Took: n.Delay.Seconds()}
			if n.attempt+1 < len(spans) {
				backoff.Took = max(spans[n.attempt+1].Start-when, 0)
			}
			between = append(between, backoff)
		case core.EventWait:
			wait := Span{Kind: "wait", Name: n.Name, Start: max(when-n.Delay.Seconds(), 0), Took: n.Delay.Seconds()}
			wait.fail(n.Err)
			in.Children = append(in.Children, wait)
		default:
			in.Children = append(in.Children, n.span(when))
		}
	}
	if len(spans) == 1 && len(between) == 0 {
		root.Children = spans[0].Children
	} else {
		root.Children = append(spans, between...)
		slices.SortStableFunc(root.Children, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	}
	if r.left > 0 {
		root.Details = append(root.Details, Pair{"left out", strconv.Itoa(r.left)})
	}
}

// fail shows an error on a span.
func (s *Span) fail(err error) {
	if err != nil {
		s.Reason, s.Error = text.Clean(typeOf(err)), text.Clean(err.Error())
	}
}

// span returns an event as a span without a length.
func (n *note) span(at float64) Span {
	s := Span{Kind: "event", Name: n.Kind.String(), Start: at}
	add := func(key, value string) {
		if value != "" {
			s.Details = append(s.Details, Pair{key, text.Clean(value)})
		}
	}
	switch n.Kind {
	case core.EventReject:
		add("stage", n.Name)
		add("state", n.From)
		if n.Delay > 0 {
			add("retry after", n.Delay.String())
		}
	case core.EventTransition, core.EventHealth:
		add("name", n.Name)
		add("from", n.From)
		add("to", n.To)
	case core.EventTimeout:
		add("limit", fmt.Sprintf("%v for the %s", n.Limit, n.Outcome))
	}
	s.fail(n.Err)
	return s
}
