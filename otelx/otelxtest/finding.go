// SPDX-License-Identifier: Apache-2.0

package otelxtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock-go/penstock/internal/contract"
)

// Finding is a difference between telemetry and the contract.
type Finding struct {
	// ID is the kind of the difference. Where Weaver's live check has such a finding,
	// the ID is Weaver's:
	//
	//   - missing_span, missing_event, missing_metric, missing_attribute: no registry
	//     defines the name
	//   - unexpected_attribute: the name is defined, but not for this signal
	//   - required_attribute_not_present
	//   - type_mismatch, unit_mismatch, unexpected_instrument
	//   - undefined_enum_variant: the value is not one of those listed
	//   - not_a_word: a text or an id where the name of an error or of a thing is due
	//   - unbounded_values: more different values than the registry allows
	//   - deprecated
	//   - invalid_utf8, too_long
	ID string
	// Signal is the span, event, metric or attribute, such as "metric penstock.retries".
	Signal string
	// Message says what differs and what to do.
	Message string
	// Count says how often it was seen.
	Count int
}

// String returns the finding as one line.
func (f Finding) String() string {
	times := ""
	if f.Count > 1 {
		times = fmt.Sprintf(" (%d times)", f.Count)
	}
	return fmt.Sprintf("%s: %s: %s%s", f.Signal, f.ID, f.Message, times)
}

// findings are findings, each once.
type findings map[Finding]int

func (f findings) add(id, signal, format string, args ...any) {
	f[Finding{ID: id, Signal: signal, Message: fmt.Sprintf(format, args...)}]++
}

func (f findings) sorted() []Finding {
	all := make([]Finding, 0, len(f))
	for one, n := range maps.All(f) {
		one.Count = n
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Message, b.Message))
	})
	return all
}

// Coverage says which part of the registry was seen. An item is a signal such as
// "metric penstock.retries", an attribute of a signal such as
// "metric penstock.retries error.type", or a listed value of an attribute such as
// "value penstock.timeout.scope=attempt".
type Coverage struct {
	// Seen are the items that were emitted, those that the registry marks as planned
	// among them. Sorted.
	Seen []string
	// Missing are the items that were not emitted, without those marked as planned.
	// Sorted.
	Missing []string
}

func signalItem(s *contract.Signal) string               { return string(s.Kind) + " " + s.Name }
func useItem(s *contract.Signal, u *contract.Use) string { return signalItem(s) + " " + u.Key }
func valueItem(key, value string) string                 { return "value " + key + "=" + value }

// items returns every item that is defined, with whether it is planned.
func items(r *contract.Registry) map[string]bool {
	all := map[string]bool{}
	for _, signals := range r.Signals {
		for _, s := range signals {
			if !s.Emitted() {
				continue
			}
			all[signalItem(s)] = s.Mark.Planned
			for _, u := range s.Uses {
				all[useItem(s, u)] = s.Planned(u)
				addValues(all, s, u)
			}
			for _, v := range s.Mark.Links {
				all[valueItem(linkKey, v)] = s.Mark.Planned
			}
		}
	}
	return all
}

// addValues adds the listed values of an attribute. A value is planned if every use of
// the attribute is.
func addValues(all map[string]bool, s *contract.Signal, u *contract.Use) {
	put := func(v string, planned bool) {
		item := valueItem(u.Key, v)
		if before, ok := all[item]; ok {
			planned = planned && before
		}
		all[item] = planned
	}
	listed, planned := u.Listed()
	for _, v := range listed {
		put(v, s.Planned(u) || slices.Contains(planned, v))
	}
}
