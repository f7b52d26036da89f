// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"strings"
	"unicode"
)

// noCollection is Milvus' code for a collection that it does not have.
const noCollection = "100"

func wrongCollection(w *window) *proof {
	// One is enough: nothing repeats it.
	missing := w.all(func(o *operation) bool { return o.Text(tagCode) == noCollection })
	if calm := missing.until(w.calm); len(missing) == 0 || len(calm) > 0 {
		return nil
	}
	for _, target := range missing.values(func(o *operation) string { return o.target }) {
		found := w.works().where(func(o *operation) bool { return o.target == target })
		if len(found) > 0 {
			return nil // it was there
		}
	}
	return by(missing, "there is no collection %s", strings.Join(missing.values(func(o *operation) string { return o.target }), ", "))
}

func metricsOverflow(w *window) *proof {
	folded := w.fresh(func(o *operation) bool { return o.Text(tagTelemetry) != "" })
	if len(folded) == 0 {
		folded = w.all(func(o *operation) bool { return o.Text(tagEvidence) == "overflow" }).since(w.calm)
	}
	if len(folded) > 0 {
		return by(folded, "metrics have no room for more values of %s, such as %s", folded[0].Text(tagTelemetry), folded[0].target)
	}
	calm := map[string]bool{}
	for _, o := range w.ops {
		if o.Begin.Before(w.calm) {
			calm[o.target] = true
		}
	}
	fresh := w.works().since(w.calm).where(func(o *operation) bool { return !calm[o.target] })
	shapes := map[string][]string{}
	for _, target := range fresh.values(func(o *operation) string { return o.target }) {
		s := shape(target)
		shapes[s] = append(shapes[s], target)
	}
	for s, targets := range shapes {
		same := fresh.where(func(o *operation) bool { return shape(o.target) == s })
		// Few of the names come twice, so there are many more.
		if len(targets) < 3 || s == targets[0] || 3*len(targets) < 2*len(same) || !w.sparse() && len(targets) < 50 {
			continue
		}
		return by(same, "%d operations name %d targets such as %s", len(same), len(targets), targets[0])
	}
	return nil
}

// shape returns the name with a # for each number in it.
func shape(name string) string {
	var b strings.Builder
	number := false
	for _, r := range name {
		if !unicode.IsDigit(r) {
			b.WriteRune(r)
			number = false
		} else if !number {
			b.WriteByte('#')
			number = true
		}
	}
	return b.String()
}
