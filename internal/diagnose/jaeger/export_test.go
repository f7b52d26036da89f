// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"time"

	"github.com/penstock-go/penstock/internal/diagnose/diagnosis"
)

// Diagnosis is Diagnose for traces at hand.
func Diagnosis(traces []Trace, begin, end time.Time) diagnosis.Verdict {
	return diagnose(newWindow(traces, begin, end))
}

// Rule is what a rule says of itself.
type Rule struct{ Kind, Part, Says string }

// Rules returns the rules in their order.
func Rules() (all []Rule) {
	for _, r := range rules {
		all = append(all, Rule{r.kind, r.part, r.says})
	}
	return all
}
