// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// WriteJSON writes v to a file. v should have no date, so that two files differ
// only where the runs found something else.
func WriteJSON(file string, v any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // a budget has a ">"
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// Block is a part of a page that a benchmark writes.
type Block struct{ Name, Text string }

// Insert replaces what is between the markers of a page, such as
//
//	<!-- cases: written by make bench-pool -->
//	<!-- cases: end -->
//
// target is the target of the Makefile. A page needs only some of the blocks. A
// page without a marker of this target is an error.
func Insert(file, target string, blocks []Block) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	out, found := string(text), false
	for _, b := range blocks {
		begin, end := "<!-- "+b.Name+": written by make "+target+" -->\n", "<!-- "+b.Name+": end -->"
		head, rest, ok := strings.Cut(out, begin)
		if !ok {
			continue
		}
		_, tail, ok := strings.Cut(rest, end)
		if !ok {
			return fmt.Errorf("%s: %q is missing", file, end)
		}
		out, found = head+begin+b.Text+end+tail, true
	}
	if !found {
		return fmt.Errorf("%s: no marker of make %s", file, target)
	}
	return os.WriteFile(file, []byte(out), 0o644)
}
