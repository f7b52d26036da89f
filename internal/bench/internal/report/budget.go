// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"strings"
)

// Budget is a figure that the design asks for, beside the one that was found.
type Budget struct {
	Name string  `json:"name"`
	Want string  `json:"want"` // such as ">=3.0"
	Got  float64 `json:"got"`
	OK   bool    `json:"ok"`
	// By is how far Got is from the limit, in percent of the limit. It is 0 if the
	// limit is 0.
	By float64 `json:"by"`
}

// AtLeast is a budget that is kept if got is at least want.
func AtLeast(name string, want, got float64) Budget {
	return Budget{name, ">=" + Plain(want), got, got >= want, distance(want, got)}
}

// AtMost is a budget that is kept if got is at most want.
func AtMost(name string, want, got float64) Budget {
	return Budget{name, "<=" + Plain(want), got, got <= want, distance(want, got)}
}

func distance(want, got float64) float64 {
	if want == 0 {
		return 0
	}
	return math.Round(100 * math.Abs(got-want) / want)
}

// Line is the budget as a line of the output.
func (b Budget) Line() string {
	return fmt.Sprintf("budget %s %s got=%s %s", b.Name, b.Want, Plain(b.Got), b.verdict("ok", "MISSED"))
}

func (b Budget) verdict(ok, missed string) string {
	text := missed
	if b.OK {
		text = ok
	}
	if b.By != 0 {
		text += fmt.Sprintf(" by %.0f %%", b.By)
	}
	return text
}

// BudgetTable is the budgets as a Markdown table.
func BudgetTable(budgets []Budget) string {
	var b strings.Builder
	b.WriteString("| budget | wanted | got | |\n|---|---|---:|---|\n")
	for _, x := range budgets {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.Name, x.Want, Plain(x.Got), x.verdict("ok", "missed"))
	}
	return b.String()
}
