// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// The classes of differences that chance explains.
const (
	otherRow    = "a key with rows in several partitions"
	takenPlaces = "rows of one key in a search"
)

// rowsOfKeys knows which keys were written several times.
type rowsOfKeys struct {
	// places are the partitions into which each key was written. Milvus keeps a row of the
	// key in each of them, and shows the row of the partition that answers first.
	places map[string][]string
	// again is how many rows were written with a key after its first. In a search each may
	// take a place among the nearest of its segment, and fall away afterwards.
	again map[string]int
}

// write notes the rows of a request that writes. The server must have taken them.
func (p *rowsOfKeys) write(r Request) {
	switch strings.TrimSuffix(r.Do, "!") {
	case "insert", "upsert":
	default:
		return
	}
	into := "_default"
	if len(r.In) > 0 {
		into = r.In[0]
	}
	if p.places == nil {
		p.places, p.again = map[string][]string{}, map[string]int{}
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
		if key == "" {
			continue
		}
		if len(p.places[key]) > 0 {
			p.again[key]++
		}
		if !slices.Contains(p.places[key], into) {
			p.places[key] = append(p.places[key], into)
		}
	}
}

// explain returns the class of chance that explains the difference between two answers,
// "" if none does.
func (p *rowsOfKeys) explain(a, b Outcome) string {
	switch {
	case a.Code != 0 || b.Code != 0 || len(a.Rows) != len(b.Rows) || len(a.Hits) != len(b.Hits):
		return ""
	case p.rows(a, b):
		return otherRow
	case len(a.Hits) > 0 && p.hits(a, b):
		return takenPlaces
	default:
		return ""
	}
}

// hits reports whether two answers have the same hits, but for as many as there are
// second rows of keys, and but for which row of a key is shown. Which rows share a segment,
// and which of equal scores a segment keeps, decides which hits make room for a second row.
func (p *rowsOfKeys) hits(a, b Outcome) bool {
	again := 0
	for _, n := range p.again {
		again += n
	}
	several := func(key string) bool { return p.again[key] > 0 }
	for i := range a.Hits {
		left, right := blank(a.Hits[i], several), blank(b.Hits[i], several)
		leftAlone, rightAlone := without(left, right), without(right, left)
		if len(leftAlone) > again || len(rightAlone) > again {
			return false
		}
		if compareHits(without(left, leftAlone), without(right, rightAlone), false, false) == OtherValue {
			return false
		}
	}
	return true
}

// without returns the hits whose keys are not among those of others.
func without(hits, others []Hit) []Hit {
	return slices.DeleteFunc(slices.Clone(hits), func(h Hit) bool {
		return slices.ContainsFunc(others, func(other Hit) bool { return other.ID == h.ID })
	})
}

// bareKey returns a key as a Hit has it.
func bareKey(text string) string { return strings.Trim(text, `"`) }

var keyOfRow = regexp.MustCompile(`(?:^| )id=("[^"]*"|\S+)`)

// rows reports whether two answers differ in nothing but which row of a key they show, of
// the rows that the key has in several partitions.
func (p *rowsOfKeys) rows(a, b Outcome) bool {
	for i := range a.Rows {
		if a.Rows[i] != b.Rows[i] && (p.chosen(a.Rows[i]) == "" || p.chosen(a.Rows[i]) != p.chosen(b.Rows[i])) {
			return false
		}
	}
	elsewhere := func(key string) bool { return len(p.places[key]) > 1 }
	for i := range a.Hits {
		if compareHits(blank(a.Hits[i], elsewhere), blank(b.Hits[i], elsewhere), a.First, a.Last) == OtherValue {
			return false
		}
	}
	return true
}

// chosen returns the key of a row if the key has several rows, else "".
func (p *rowsOfKeys) chosen(row string) string {
	m := keyOfRow.FindStringSubmatch(row)
	if m == nil || len(p.places[bareKey(m[1])]) < 2 {
		return ""
	}
	return m[1]
}

// blank returns the hits without the fields of some keys.
func blank(hits []Hit, of func(key string) bool) []Hit {
	blank := slices.Clone(hits)
	for i, h := range blank {
		if of(h.ID) {
			blank[i].Row = ""
		}
	}
	return blank
}
