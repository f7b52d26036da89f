// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// places are the partitions into which each key was written. Milvus keeps a row of the
// key in each of them, and shows the row of the partition that answers first.
type places map[string][]string

// write notes the rows of a request that writes. The server must have taken them.
func (p places) write(r Request) {
	switch strings.TrimSuffix(r.Do, "!") {
	case "insert", "upsert":
	default:
		return
	}
	into := "_default"
	if len(r.In) > 0 {
		into = r.In[0]
	}
	d := json.NewDecoder(strings.NewReader(r.Text))
	for d.More() {
		var row struct {
			ID json.RawMessage `json:"id"`
		}
		if d.Decode(&row) != nil {
			return
		}
		key := bareKey(string(row.ID))
		if key != "" && !slices.Contains(p[key], into) {
			p[key] = append(p[key], into)
		}
	}
}

// bareKey returns a key as a Hit has it.
func bareKey(text string) string { return strings.Trim(text, `"`) }

var keyOfRow = regexp.MustCompile(`(?:^| )id=("[^"]*"|\S+)`)

// explain reports whether two answers differ in nothing but which row of a key they
// show, of the rows that the key has in several partitions.
func (p places) explain(a, b Outcome) bool {
	if a.Code != 0 || b.Code != 0 || len(a.Rows) != len(b.Rows) || len(a.Hits) != len(b.Hits) {
		return false
	}
	for i := range a.Rows {
		if a.Rows[i] != b.Rows[i] && (p.chosen(a.Rows[i]) == "" || p.chosen(a.Rows[i]) != p.chosen(b.Rows[i])) {
			return false
		}
	}
	for i := range a.Hits {
		if compareHits(p.blank(a.Hits[i]), p.blank(b.Hits[i]), a.First, a.Last) == OtherValue {
			return false
		}
	}
	return true
}

// chosen returns the key of a row if the key has several rows, else "".
func (p places) chosen(row string) string {
	m := keyOfRow.FindStringSubmatch(row)
	if m == nil || len(p[bareKey(m[1])]) < 2 {
		return ""
	}
	return m[1]
}

// blank returns the hits without the fields of the keys that have several rows.
func (p places) blank(hits []Hit) []Hit {
	blank := slices.Clone(hits)
	for i, h := range blank {
		if len(p[h.ID]) > 1 {
			blank[i].Row = ""
		}
	}
	return blank
}
