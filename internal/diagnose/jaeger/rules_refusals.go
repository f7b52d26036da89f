// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"strings"
	"time"
)

// isOrigin returns a filter for what went wrong because of an error of one of the types.
func isOrigin(kinds ...string) func(*operation) bool {
	return func(o *operation) bool {
		for _, k := range kinds {
			if o.origin.kind == k {
				return true
			}
		}
		return false
	}
}

// main reports whether the operations are at least half of all that went wrong after the
// calm quarter. Operations that were left out of the export are not counted.
func (w *window) main(os operations) bool { return len(os) > 0 && 2*len(os) >= len(w.troubled()) }

// troubled returns the operations after the calm quarter in which something went wrong.
func (w *window) troubled() operations {
	return w.all(func(o *operation) bool { return o.origin.kind != "" && !o.Begin.Before(w.calm) })
}

func badCredentials(w *window) *proof {
	if bad := w.fresh(isOrigin(errUnauth)); w.main(bad) {
		return by(bad, "%d operations were refused for their credentials: %s", len(bad), bad[0].origin.text)
	}
	return nil
}

func serverRateLimit(w *window) *proof {
	limited := w.fresh(func(o *operation) bool {
		// A quota of memory or disk is something else.
		return o.origin.kind == errRateLimited && strings.Contains(strings.ToLower(o.origin.text), "rate")
	})
	if w.main(limited) {
		return by(limited, "the backend limited %d operations: %s", len(limited), limited[0].origin.text)
	}
	return nil
}

func ownRateLimit(w *window) *proof {
	if limited := w.fresh(isOrigin(errLocalRate)); w.main(limited) && !w.slowed() {
		return by(limited, "the client's own limiter refused %d operations: %s", len(limited), limited[0].origin.text)
	}
	return nil
}

func bulkheadFull(w *window) *proof {
	if full := w.fresh(isOrigin(errBulkhead)); w.main(full) && !w.slowed() {
		return by(full, "the bulkhead refused %d operations: %s", len(full), full[0].origin.text)
	}
	return nil
}

// isStarved reports whether an operation waited for a connection in vain.
func isStarved(o *operation) bool {
	return o.origin.kind == errPoolTimeout || o.origin.kind == errTooMany
}

// leaked returns the operations that were starved by a holder that is no operation and
// had a connection for longer than operations take, waits and retries included.
func (w *window) leaked(starved operations) operations {
	usual := max(w.usual().quantile(0.99, func(o *operation) time.Duration { return o.Duration }), time.Second)
	return starved.where(func(o *operation) bool {
		for _, e := range o.events(eventExhausted) {
			for _, h := range holders(e.text(tagHolders)) {
				if h.what == unknownHolder && h.held > 2*usual {
					return true
				}
			}
		}
		return false
	})
}

// sameHolder reports whether the oldest holder is the same in all of them. A job that keeps
// its connections for long gives them back in the end.
func (os operations) sameHolder() bool {
	var first, last time.Time
	for _, o := range os {
		for _, e := range o.events(eventExhausted) {
			if h := holders(e.text(tagHolders)); len(h) > 0 {
				since := e.Time.Add(-h[0].held)
				if first.IsZero() || since.Before(first) {
					first = since
				}
				if since.After(last) {
					last = since
				}
			}
		}
	}
	return last.Sub(first) < time.Second
}

func leakedConnections(w *window) *proof {
	starved := w.fresh(isStarved)
	if leaks := w.leaked(starved); w.main(starved) && 2*len(leaks) >= len(starved) && leaks.sameHolder() {
		return by(leaks, "%d operations found no connection, which %s", len(starved), leaks[len(leaks)-1].holders())
	}
	return nil
}

func poolTooSmall(w *window) *proof {
	starved := w.fresh(isOrigin(errPoolTimeout))
	// Old holders are no load: a leak, or work that hangs.
	if w.main(starved) && len(w.leaked(starved)) == 0 && !w.slowed() && !w.hogged(starved) {
		return by(starved, "%d operations found no connection: %s", len(starved), starved[0].origin.text)
	}
	return nil
}

// hogged reports whether most of the starved operations met a holder that had its
// connection for far longer than operations take.
func (w *window) hogged(starved operations) bool {
	usual := w.usual().quantile(0.9, (*operation).work)
	hogged := starved.where(func(o *operation) bool {
		for _, e := range o.events(eventExhausted) {
			for _, h := range holders(e.text(tagHolders)) {
				if usual > 0 && h.held > max(20*usual, time.Second) {
					return true
				}
			}
		}
		return false
	})
	return 2*len(hogged) > len(starved)
}

func (o *operation) holders() string {
	for _, e := range o.events(eventExhausted) {
		return "was held by " + e.text(tagHolders)
	}
	return "was held"
}

// unknownHolder is the name of a holder that core.Do did not lend the connection to.
const unknownHolder = "unknown operation"

// holder is a caller that has a connection.
type holder struct {
	what string
	held time.Duration
}

// holders reads "Search docs since 12.3s trace 4bf9…; unknown operation since 4s".
func holders(text string) []holder {
	var found []holder
	for one := range strings.SplitSeq(text, "; ") {
		what, rest, ok := strings.Cut(one, " since ")
		if !ok {
			continue
		}
		since, _, _ := strings.Cut(rest, " ")
		if held, err := time.ParseDuration(since); err == nil {
			found = append(found, holder{what, held})
		}
	}
	return found
}

func retryBudgetSpent(w *window) *proof {
	spent := w.fresh(func(o *operation) bool { return o.failed() && o.Text(tagRetryOutcome) == "budget" })
	if len(spent) == 0 {
		return nil
	}
	failed := w.fresh(func(o *operation) bool { return o.failed() && !o.refused })
	kind := spent[0].origin.kind
	recovered := w.fresh(func(o *operation) bool { return o.recovered && o.origin.kind == kind })
	if 2*len(spent) < len(failed) || len(recovered) == 0 || isStarved(spent[0]) || kind == errTimeout {
		return nil
	}
	return by(spent, "%d operations failed with %s and were not repeated, because the budget was spent; %d that were repeated recovered", len(spent), kind, len(recovered))
}
