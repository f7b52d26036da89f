// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"slices"
	"strings"
	"time"
)

// refusedText is what a system says of a connection that it refused.
const refusedText = "connection refused"

// brokenTexts are what systems and gRPC say of connections that broke or that could not
// be made.
var brokenTexts = []string{
	refusedText, "connection reset", "broken pipe", "error reading from server", "unexpected eof", "transport:", "closing",
	"no route to host", "unreachable", "no such host", "lookup ", "i/o timeout", "tls:", "x509:", "certificate", "goaway",
}

// isBroken reports whether an error says that a connection broke or could not be made.
func (t trouble) isBroken() bool {
	if t.kind != errConnect && t.kind != errUnavailable && t.kind != errTimeout && t.kind != "INTERNAL" {
		return false
	}
	text := strings.ToLower(t.text)
	return slices.ContainsFunc(brokenTexts, func(s string) bool { return strings.Contains(text, s) })
}

func isBroken(o *operation) bool {
	return o.origin.isBroken() || o.origin.kind == errUnavailable && o.Text(tagDisconnect) != ""
}

func (t trouble) isRefused() bool { return t.isBroken() && strings.Contains(t.text, refusedText) }

// failedDials returns the dials that failed after the calm quarter, at least three times
// as frequent as before.
func (w *window) failedDials() []*dial {
	var before, after []*dial
	for _, d := range w.dials {
		switch {
		case d.Text(tagErrorType) == "":
		case d.Begin.Before(w.calm):
			before = append(before, d)
		default:
			after = append(after, d)
		}
	}
	if len(after) < 9*len(before) {
		return nil
	}
	return after
}

func (d *dial) trouble() trouble { return trouble{d.Text(tagErrorType), d.Text(tagStatus)} }

// byDials returns a proof by up to three dials.
func byDials(dials []*dial, why string) *proof {
	p := &proof{why: why}
	for _, i := range []int{0, len(dials) / 2, len(dials) - 1} {
		if !slices.Contains(p.traces, dials[i].trace) {
			p.traces = append(p.traces, dials[i].trace)
		}
	}
	return p
}

func connectionRefused(w *window) *proof {
	var refused []*dial
	for _, d := range w.failedDials() {
		if d.trouble().isRefused() {
			refused = append(refused, d)
		}
	}
	if len(refused) < 2 || len(w.fresh(isBroken)) > 0 {
		return nil
	}
	return byDials(refused, "new connections are refused and the open ones work: "+refused[0].Text(tagStatus))
}

// outage is a stretch in which operations failed because connections were refused.
type outage struct {
	failed operations
	since  operations // that succeeded later
}

// outage returns the outage of the window, nil if connections were not refused, or if
// operations succeeded all the while.
func (w *window) outage() *outage {
	broken := w.fresh(isBroken)
	if len(broken) < 3 || !slices.ContainsFunc(broken, func(o *operation) bool { return o.origin.isRefused() }) {
		return nil
	}
	first, last := broken[0].end(), broken[len(broken)-1].Begin
	if len(w.works().since(first).until(last)) > len(broken)/5 {
		return nil
	}
	return &outage{broken, w.works().since(last)}
}

// late reports whether t is in the last seventh of the window.
func (w *window) late(t time.Time) bool { return t.After(w.end.Add(-w.end.Sub(w.begin) / 7)) }

func serverRestarted(w *window) *proof {
	out := w.outage()
	if out == nil || w.late(out.failed[len(out.failed)-1].Begin) {
		return nil
	}
	if !w.sparse() && len(out.since) == 0 {
		return nil
	}
	first, last := out.failed[0], out.failed[len(out.failed)-1]
	return by(out.failed, "connections were refused for %v, and operations succeed since: %s", last.end().Sub(first.Begin).Round(100*time.Millisecond), first.origin.text)
}

func backendDown(w *window) *proof {
	out := w.outage()
	if out == nil || !w.late(out.failed[len(out.failed)-1].Begin) {
		return nil
	}
	return by(out.failed, "connections are refused since %v before the end: %s", w.end.Sub(out.failed[0].Begin).Round(100*time.Millisecond), out.failed[0].origin.text)
}

// lastRefusal returns the last operation that was refused with the type, if the refusals
// go on until the end of the window and operations do not succeed between them.
func (w *window) lastRefusal(kind string) *operation {
	refused := w.fresh(func(o *operation) bool { return o.Text(tagErrorType) == kind })
	if len(refused) == 0 {
		return nil
	}
	last := refused[len(refused)-1]
	if !w.late(last.Begin) || len(w.works().since(w.end.Add(-w.end.Sub(w.begin)/4))) > 0 {
		return nil
	}
	return last
}

func blackHole(w *window) *proof {
	silent := w.fresh(func(o *operation) bool { return o.origin.kind == errTimeout || o.origin.kind == errDeadline })
	last := w.lastRefusal(errOpen)
	if gate := w.lastRefusal(errUnhealthy); last == nil || gate != nil && gate.Begin.After(last.Begin) {
		last = gate
	}
	if last == nil || !w.main(silent) || len(w.fresh(isBrokenAtOnce)) > 0 || len(w.works().since(silent[0].end())) > 0 {
		return nil
	}
	// A backend that answers pings is there.
	switch result := last.Text(tagProbeResult); result {
	case "", errTimeout, errDeadline, "DEADLINE_EXCEEDED", errUnavailable, errConnect:
	default:
		return nil
	}
	return by(silent, "since %v before the end nothing is answered, neither attempts nor probes", w.end.Sub(silent[0].Begin).Round(100*time.Millisecond))
}

// isBrokenAtOnce reports whether the network or the other side said no.
func isBrokenAtOnce(o *operation) bool {
	return isBroken(o) && !strings.Contains(o.origin.text, "i/o timeout") && o.origin.kind != errTimeout
}
