// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"time"

	"github.com/penstock-go/penstock/fxmodule/admin"
)

// operations are the noteworthy ones of a client; the latest is new every two seconds.
func operations(at time.Time) []admin.Operation {
	const trace = "1fba5b3577b34da6a3ce929d0e0e4736"
	newest := uint64(at.Unix() / 2)
	opener := &admin.Opener{Name: "Search docs", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", At: at.Add(-31 * time.Second)}
	var all []admin.Operation
	for n := range uint64(24) {
		o := admin.Operation{ID: newest - n, At: at.Add(-time.Duration(n) * 2 * time.Second), Name: "Search", Target: "docs", TraceID: trace, SpanID: "00f067aa0ba902b7", Sampled: true}
		switch n % 4 {
		case 0:
			o.Outcome, o.Attempts, o.Took, o.Wait, o.Backoff, o.Backend = "recovered", 2, 0.0285, 0.001, 0.025, 0.0023
			o.Reason, o.Error, o.Conn = "UNAVAILABLE", "connection reset by peer", 17
		case 1:
			o.Outcome, o.Took, o.Reason, o.OpenedBy = "rejected", 0.000022, "circuit_open", opener
		case 2:
			o.Outcome, o.Attempts, o.Took, o.Wait, o.Backoff, o.Backend = "failed", 4, 2, 0.04, 0.28, 1.68
			o.Reason, o.Error, o.Conn = "timeout", "attempt after 500ms: context deadline exceeded", 22
		case 3:
			o.Outcome, o.Attempts, o.Took, o.Wait, o.Backend, o.Conn = "slow", 1, 0.203, 0.002, 0.2, 18
			o.Target, o.TraceID = "images", ""
		}
		all = append(all, o)
	}
	return all
}

// tree is the operation as a tree.
func tree(o admin.Operation) *admin.Span {
	root := &admin.Span{Kind: "operation", Name: o.Name + " " + o.Target, Took: o.Took, Reason: o.Reason}
	start := 0.0
	for n := range o.Attempts {
		took := (o.Wait + o.Backend) / float64(o.Attempts)
		wait := o.Wait / float64(o.Attempts)
		a := admin.Span{Kind: "attempt", Name: "attempt", Start: start, Took: took, Conn: o.Conn}
		a.Children = []admin.Span{{Kind: "wait", Name: "pool", Start: start, Took: wait}, {Kind: "event", Name: "connection_acquired", Start: start + wait, Details: []admin.Pair{{Key: "callers", Value: "31"}}}}
		if n < o.Attempts-1 || o.Outcome == "failed" {
			a.Reason, a.Error = o.Reason, o.Error
		}
		root.Children = append(root.Children, a)
		start += took
		if n < o.Attempts-1 {
			pause := o.Backoff / float64(o.Attempts-1)
			root.Children = append(root.Children, admin.Span{Kind: "backoff", Name: "backoff", Start: start, Took: pause})
			start += pause
		}
	}
	if o.Attempts == 0 {
		root.Children = []admin.Span{{Kind: "event", Name: "rejected", Reason: o.Reason}}
	}
	return root
}
