// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"testing"

	"github.com/penstock-go/penstock/internal/browser/stub"
)

func TestFiguresAreWrittenAsPeopleReadThem(t *testing.T) {
	b := open(t, stub.New(1, nil), "", desk)
	for _, test := range []struct{ call, want string }{
		{"duration(0)", "0 s"}, {"duration(3e-10)", "0.3 ns"}, {"duration(22e-6)", "22 µs"}, {"duration(0.0031)", "3.1 ms"}, {"duration(0.0285)", "29 ms"},
		{"duration(0.9996)", "1 s"}, {"duration(2)", "2 s"}, {"duration(2.345)", "2.35 s"}, {"duration(59.96)", "1 min 0 s"}, {"duration(80)", "1 min 20 s"},
		{"duration(3600)", "1 h 0 min"}, {"duration(76 * 3600)", "3 d 4 h"}, {"duration(NaN)", "–"}, {"duration(undefined)", "–"}, {"duration(-1)", "0 s"},
		{"latency(0)", "–"}, {"latency(0.2)", "200 ms"},
		{"rate(0)", "0/s"}, {"rate(0.004)", "<0.01/s"}, {"rate(0.4)", "0.4/s"}, {"rate(4.25)", "4.3/s"}, {"rate(412.3)", "412/s"}, {"rate(12400)", "12,400/s"}, {"rate(2.5e6)", "2,500 k/s"}, {"rate(null)", "–"},
		{"count(1234)", "1,234"}, {"count(12.5e6)", "12.5 M"}, {"count(undefined)", "–"},
		{"percent(0, 10)", "0 %"}, {"percent(1, 10000)", "<0.1 %"}, {"percent(2.1, 100)", "2.1 %"}, {"percent(1, 3)", "33 %"}, {"percent(99999, 100000)", ">99.9 %"}, {"percent(1, 0)", "–"},
		{"words('half_open')", "half-open"}, {"words('forced_open')", "forced-open"}, {"words('circuit_open')", "circuit open"}, {"words(undefined)", ""},
		{"outcome('rejected')", "refused"}, {"plural(1, 'caller')", "1 caller"}, {"plural(2, 'caller')", "2 callers"}, {"short('abcdef', 4)", "abc…"},
		{"moment(new Date(2026, 1, 2, 3, 4, 5), new Date(2026, 1, 2, 23, 0))", "03:04:05"}, {"moment(new Date(2026, 1, 2, 3, 4, 5), new Date(2026, 1, 3, 1, 0))", "2 Feb 03:04"}, {"moment('no time', 0)", "–"},
		{"clock('no time')", "–"}, {"clock(new Date(2026, 1, 2, 3, 4, 5, 67), 'millis')", "03:04:05.067"},
	} {
		if got := eval[string](b, `import('./format.js').then((f) => f.`+test.call+`)`); got != test.want {
			t.Errorf("%s = %q, want %q", test.call, got, test.want)
		}
	}
}
