// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Difference is a request that two servers answered differently.
type Difference struct {
	Group, Kind, Request string
	Real, Test           Outcome
	Agreement            Agreement
	Chance               string // class of chance that explains it, "" if none does
	Left                 string // class of the row of the table Left that it matches, "" if none
	Server               string // name of the real server
}

// String returns the difference on one line.
func (d Difference) String() string {
	most := 300
	if d.Left == "" {
		most = 3000 // somebody has to find out
	}
	return fmt.Sprintf("%s %s | %s | %s | %s: %s | milvustest: %s | left: %s", d.Agreement, d.Group, d.Kind, brief(d.Request, 400), d.Server, brief(d.Real.text(), most), brief(d.Test.text(), most), cmp.Or(d.Left, "no"))
}

// Tally counts agreements.
type Tally [OneFailed + 1]int

// Sum returns how many were compared.
func (t Tally) Sum() int {
	sum := 0
	for _, n := range t {
		sum += n
	}
	return sum
}

func (t Tally) agree() int { return t[Same] + t[Tie] }

// Report compares the answers of milvustest with those of a real Milvus.
type Report struct {
	All    Tally
	Kinds  map[string]*Tally
	Left   int // differences that are in the table Left; they count as agreeing
	Parted int // sequences that were not compared to their end
	// Unanswered are the requests that the other recording does not have.
	Unanswered  []string
	Differences []Difference

	reference reference
}

// reference is the real server of a comparison.
type reference struct {
	name     string
	ownCodes bool // its codes are not those of Milvus: two errors agree
	left     []left
}

// Percent returns how many of the compared requests agree, the ones left on purpose
// included.
func (r *Report) Percent() float64 {
	if r.All.Sum() == 0 {
		return 0
	}
	return 100 * float64(r.All.agree()+r.Left) / float64(r.All.Sum())
}

// Compare compares the recordings of the groups. With parting it does not compare a group
// further after a write that succeeded on one side alone.
func Compare(groups []Group, real, test Recording, parting bool) *Report {
	return compareWith(reference{name: "2.3.5", left: leftOnPurpose}, groups, real, test, parting)
}

// CompareLite is [Compare] for a milvus-lite as the real server. Its codes are its own, so
// two errors agree.
func CompareLite(groups []Group, real, test Recording, parting bool) *Report {
	return compareWith(reference{name: "milvus-lite", ownCodes: true, left: leftOfLite}, groups, real, test, parting)
}

func compareWith(ref reference, groups []Group, real, test Recording, parting bool) *Report {
	report := &Report{Kinds: map[string]*Tally{}, reference: ref}
	for _, g := range groups {
		report.group(g, real[g.Name], test[g.Name], parting)
	}
	return report
}

func (r *Report) group(g Group, real, test []Record, parting bool) {
	var written rowsOfKeys
	for i, request := range g.all() {
		text := request.String()
		if i >= len(real) || i >= len(test) || real[i].Request != text || test[i].Request != text {
			r.Unanswered = append(r.Unanswered, g.Name+": "+text)
			continue
		}
		d := Difference{Group: g.Name, Kind: request.kind(), Request: text, Real: real[i].Outcome, Test: test[i].Outcome, Server: r.reference.name}
		d.Agreement = compare(d.Real, d.Test)
		if d.Agreement == OtherCode && r.reference.ownCodes {
			d.Agreement = Same
		}
		if request.Kills {
			// The real server was not asked. An error is the only right answer.
			d.Agreement = Same
			if d.Test.Code == 0 {
				d.Agreement = OneFailed
			}
		}
		if d.Real.Code == 0 {
			written.write(request)
		}
		if d.Agreement == OtherValue {
			d.Chance = written.explain(d.Real, d.Test)
		}
		if i >= len(g.Setup) && d.Kind != cleanup {
			r.count(d)
		}
		if parting && d.Agreement == OneFailed && writes[strings.TrimSuffix(request.Do, "!")] {
			r.Parted++
			return
		}
	}
}

func (r *Report) count(d Difference) {
	if r.Kinds[d.Kind] == nil {
		r.Kinds[d.Kind] = &Tally{}
	}
	r.Kinds[d.Kind][d.Agreement]++
	r.All[d.Agreement]++
	if d.Agreement.Agrees() {
		return
	}
	if d.Left = leftAs(r.reference.left, d); d.Left != "" {
		r.Left++
	}
	r.Differences = append(r.Differences, d)
}

// writes are the operations after which two servers have different data if one alone
// succeeded.
var writes = map[string]bool{
	"create": true, "drop": true, "rename": true, "partition": true, "dropPart": true, "index": true, "dropIndex": true, "load": true, "release": true,
	"insert": true, "upsert": true, "delete": true, "deleteIDs": true, "alias": true, "alterAlias": true, "dropAlias": true,
}

// String returns the outcome on one line, cut to a readable length.
func (o Outcome) String() string { return brief(o.text(), 300) }

func (o Outcome) text() string {
	switch {
	case o.Code != 0:
		return fmt.Sprintf("%d %s", o.Code, o.Reason)
	case o.Hits != nil:
		return fmt.Sprint("ok ", o.Hits)
	default:
		return fmt.Sprint("ok ", o.Rows)
	}
}

func brief(text string, most int) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Write prints the table by kind, and the differences, the most frequent class first.
func (r *Report) Write(w io.Writer, title string) {
	fmt.Fprintf(w, "## %s\n\n| kind | agree/compared |\n|---|---|\n", title)
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(w, "| %s | %s |\n", kind, r.Kinds[kind])
	}
	fmt.Fprintf(w, "| **ALL** | **%s** |\n\n", r.All)
	fmt.Fprintf(w, "%d sequences were not compared to their end; %d differences are left on purpose; %d requests have no answer to compare with\n\n", r.Parted, r.Left, len(r.Unanswered))
	classes := map[string][]Difference{}
	for _, d := range r.Differences {
		classes[d.class()] = append(classes[d.class()], d)
	}
	names := slices.SortedFunc(maps.Keys(classes), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(classes[b]), len(classes[a])), cmp.Compare(a, b))
	})
	for _, name := range names {
		fmt.Fprintf(w, "### %d %s\n\n", len(classes[name]), name)
		for _, d := range classes[name] {
			fmt.Fprintln(w, d)
		}
		fmt.Fprintln(w)
	}
}

// class groups differences: those left on purpose by their row, others by kind and codes.
func (d Difference) class() string {
	if d.Left != "" {
		return "left on purpose: " + d.Left
	}
	return fmt.Sprintf("%s, %s, codes %d and %d", d.Kind, d.Agreement, d.Real.Code, d.Test.Code)
}

// String returns "agree/compared" and what the others are.
func (t Tally) String() string {
	text := fmt.Sprintf("%d/%d", t.agree(), t.Sum())
	var rest []string
	for _, a := range []Agreement{OneFailed, OtherCode, OtherValue, Tie} {
		if t[a] > 0 {
			rest = append(rest, fmt.Sprint(a, t[a]))
		}
	}
	if len(rest) > 0 {
		text += " (" + strings.Join(rest, " ") + ")"
	}
	return text
}
