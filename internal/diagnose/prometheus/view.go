// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// phase is a part of the window.
type phase int

const (
	early phase = iota // the begin, in which the service was well
	late               // the second half
	tail               // the end
	whole
)

// after is how long after the end of the window the last figures are scraped.
const after = 1500 * time.Millisecond

// span returns the end and the length of a phase of the window.
func (p phase) span(begin, end time.Time) (to time.Time, length time.Duration) {
	all := end.Sub(begin)
	switch p {
	case early:
		length = all * 3 / 10
		return begin.Add(length), length
	case late:
		return end.Add(after), all/2 + after
	case tail:
		return end.Add(after), all/5 + after
	default:
		return end.Add(after), all + after
	}
}

// view is what Prometheus knows of a service in a window. It asks each thing once.
type view struct {
	ask        func(query string, at time.Time) ([]Result, error)
	service    string
	begin, end time.Time
	known      map[string][]Result
	err        error // the first one; there are no figures after it
}

func (c *Client) view(ctx context.Context, service string, begin, end time.Time) *view {
	return &view{
		ask:     func(query string, at time.Time) ([]Result, error) { return c.Query(ctx, query, at) },
		service: service, begin: begin, end: end, known: map[string][]Result{},
	}
}

// rows returns the figures of a fact. A figure that is not a number is left out.
func (v *view) rows(f fact, p phase) []Result {
	to, length := p.span(v.begin, v.end)
	query := f.about(v.service, length)
	key := fmt.Sprint(p, query)
	rows, ok := v.known[key]
	if ok || v.err != nil {
		return rows
	}
	found, err := v.ask(query, to)
	if err != nil {
		v.err = err
		return nil
	}
	for _, r := range found {
		if len(r.Samples) == 1 && !math.IsNaN(r.Samples[0].Value) {
			rows = append(rows, r)
		}
	}
	v.known[key] = rows
	return rows
}

// pick is the value of a label. A value may be one of several, as "eof|reset".
type pick struct{ label, value string }

func (r Result) has(picks []pick) bool {
	for _, p := range picks {
		found := false
		for value := range strings.SplitSeq(p.value, "|") {
			found = found || r.Series[p.label] == value
		}
		if !found {
			return false
		}
	}
	return true
}

// value returns the one sample of a result.
func (r Result) value() float64 { return r.Samples[0].Value }

// sum returns the sum of the figures with these labels, zero if there are none.
func (v *view) sum(f fact, p phase, picks ...pick) (total float64) {
	for _, r := range v.rows(f, p) {
		if r.has(picks) {
			total += r.value()
		}
	}
	return total
}

// rise is sum, but zero for what is not much more than at the begin: a service may always
// have a few errors of a kind.
func (v *view) rise(f fact, p phase, picks ...pick) float64 {
	_, length := p.span(v.begin, v.end)
	_, before := early.span(v.begin, v.end)
	n := v.sum(f, p, picks...)
	if n < times*v.sum(f, early, picks...)*(length-after).Seconds()/before.Seconds() {
		return 0
	}
	return n
}

// cite returns the selector of the series behind a figure.
func (v *view) cite(f fact, picks ...pick) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s{job=%q", f.metric, v.service)
	for _, p := range picks {
		if strings.Contains(p.value, "|") {
			fmt.Fprintf(&b, ",%s=~%q", p.label, p.value)
		} else {
			fmt.Fprintf(&b, ",%s=%q", p.label, p.value)
		}
	}
	return b.String() + "}"
}

// failed returns how many operations failed with one of the types, such as
// "timeout|canceled".
func (v *view) failed(p phase, types string) float64 {
	return v.rise(failures, p, pick{byError, types})
}

// otherwiseFailed returns how many operations failed in the second half with another type
// than these.
func (v *view) otherwiseFailed(types string) (total float64) {
	for _, r := range v.rows(failures, late) {
		if !r.has([]pick{{byError, types}}) {
			total += v.rise(failures, late, pick{byError, r.Series[byError]}, pick{byOperation, r.Series[byOperation]})
		}
	}
	return total
}

// served returns how many operations got a result or an answer.
func (v *view) served(p phase) float64 { return v.sum(ended, p, pick{byError, ""}) }

// total returns how many operations ended.
func (v *view) total(p phase) float64 { return v.sum(ended, p) }

// cut returns how many connections the other side broke.
func (v *view) cut(p phase) float64 { return v.rise(disconnects, p, pick{byReason, broke}) }

// connected and refused return how many connections of the transport were made, and how
// many were refused.
func (v *view) connected(p phase) float64 { return v.sum(connects, p, pick{byReason, ""}) }
func (v *view) refused(p phase) float64   { return v.rise(connects, p, pick{byReason, "refused"}) }

// broke are the reasons of a connection that ended without a word of the server.
const broke = "eof|reset"

// probesFailed returns how many health probes failed.
func (v *view) probesFailed(p phase) float64 {
	return v.sum(probes, p) - v.sum(probes, p, pick{byError, ""})
}

// probesUnanswered returns how many health probes failed with what may come from the server.
func (v *view) probesUnanswered(p phase) float64 {
	return v.probesFailed(p) - v.sum(probes, p, pick{byError, ownTypes})
}

// probesOK returns how many health probes succeeded.
func (v *view) probesOK(p phase) float64 { return v.sum(probes, p, pick{byError, ""}) }
