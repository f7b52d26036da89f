// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"os"
	"strings"
)

// List writes a line for each request of the groups: what both servers answered, and
// whether it is the same.
func List(file string, groups []Group, real, test Recording) error {
	var b strings.Builder
	for _, g := range groups {
		report := Compare([]Group{g}, real, test, false)
		differs := map[string]Difference{}
		for _, d := range report.Differences {
			differs[d.Request] = d
		}
		records, tested := real[g.Name], test[g.Name]
		for i, r := range g.all() {
			if i >= len(records) || i >= len(tested) {
				continue
			}
			same := "same"
			if d, ok := differs[r.String()]; ok {
				same = "DIFFERS " + d.Agreement.String()
			}
			if i < len(g.Setup) {
				same = "set-up"
			}
			fmt.Fprintf(&b, "%s: %s | %s | 2.3.5: %s | milvustest: %s | %s\n", g.Name, r.kind(), brief(r.String(), 500), records[i].Outcome, tested[i].Outcome, same)
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o600)
}
