// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strconv"
	"strings"
)

// Short writes three significant digits.
func Short(v float64) string {
	if v >= 1000 {
		digits := math.Pow(10, math.Floor(math.Log10(v))-2)
		v = math.Round(v/digits) * digits
	}
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// ThreeDigits rounds to three significant digits: more digits only change from
// run to run.
func ThreeDigits(v float64) float64 {
	rounded, _ := strconv.ParseFloat(Short(v), 64)
	return rounded
}

// Plain writes no more digits than it takes, but one after the point.
func Plain(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// Round2 rounds to two digits after the point.
func Round2(v float64) float64 { return math.Round(v*100) / 100 }

// Round3 rounds to three digits after the point.
func Round3(v float64) float64 { return math.Round(v*1000) / 1000 }
