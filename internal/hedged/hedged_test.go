// SPDX-License-Identifier: Apache-2.0

package hedged_test

import (
	"errors"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/hedged"
)

var (
	errFirst  = errors.New("first")
	errSecond = errors.New("second")
	errAnswer = errors.New("not found")
	one       = time.Unix(1, 0)
	two       = time.Unix(2, 0)
)

func first(err error) hedged.Run {
	return hedged.Run{Start: one, Err: err, Answered: err == nil || err == errAnswer}
}

func second(err error) hedged.Run {
	return hedged.Run{Second: true, Start: two, Err: err, Answered: err == nil || err == errAnswer}
}

func TestTheCallerSeesOneEndOfTwoRuns(t *testing.T) {
	refused := second(errSecond)
	refused.Refused = true
	for _, row := range []struct {
		name    string
		begins  bool // the second run
		denied  bool // by the budget
		runs    []hedged.Run
		want    []string // outcomes
		seen    int      // index of the run whose end is the operation's
		err     error
		isReply bool
	}{
		{"one run succeeds", false, false, []hedged.Run{first(nil)}, []string{""}, 0, nil, false},
		{"one run fails", false, false, []hedged.Run{first(errFirst)}, []string{""}, 0, errFirst, false},
		{"one run is answered", false, false, []hedged.Run{first(errAnswer)}, []string{""}, 0, errAnswer, true},
		{"the budget refuses", false, true, []hedged.Run{first(nil)}, []string{"refused"}, 0, nil, false},
		{"the budget refuses, and the run fails", false, true, []hedged.Run{first(errFirst)}, []string{"refused"}, 0, errFirst, false},
		{"the first wins", true, false, []hedged.Run{first(nil), second(errSecond)}, []string{"won", "lost"}, 0, nil, false},
		{"the first wins, and so would the second", true, false, []hedged.Run{first(nil), second(nil)}, []string{"won", "lost"}, 0, nil, false},
		{"the second wins", true, false, []hedged.Run{second(nil), first(errFirst)}, []string{"won", "lost"}, 1, nil, false},
		{"the second is answered", true, false, []hedged.Run{second(errAnswer), first(errFirst)}, []string{"won", "lost"}, 1, errAnswer, true},
		{"the first fails, and the second wins", true, false, []hedged.Run{first(errFirst), second(nil)}, []string{"failed", "won"}, 1, nil, false},
		{"the first fails, and the second is answered", true, false, []hedged.Run{first(errFirst), second(errAnswer)}, []string{"failed", "won"}, 1, errAnswer, true},
		{"the first fails, then the second", true, false, []hedged.Run{first(errFirst), second(errSecond)}, []string{"failed", "failed"}, 1, errFirst, false},
		{"the second fails, then the first", true, false, []hedged.Run{second(errSecond), first(errFirst)}, []string{"failed", "failed"}, 1, errFirst, false},
		{"a stage refuses the second", true, false, []hedged.Run{refused, first(nil)}, []string{"refused", "won"}, 1, nil, false},
		{"the first fails, and a stage refuses the second", true, false, []hedged.Run{first(errFirst), refused}, []string{"failed", "refused"}, 1, errFirst, false},
	} {
		var p hedged.Pair
		if row.begins {
			p.Begin()
		}
		if row.denied {
			p.Refuse()
		}
		for i, r := range row.runs {
			got := p.End(r)
			if got.Outcome != row.want[i] {
				t.Errorf("%s: run %d is %q, want %q", row.name, i, got.Outcome, row.want[i])
			}
			if got.Unseen != (i != row.seen) {
				t.Errorf("%s: run %d unseen %v", row.name, i, got.Unseen)
			}
			if i == row.seen && (got.Err != row.err || got.Answered != row.isReply || !got.Start.Equal(one)) {
				t.Errorf("%s: the caller saw %+v, want %v since the begin of the first run", row.name, got, row.err)
			}
		}
	}
}

func TestARunUnderWayLosesWhenTheOtherIsAnswered(t *testing.T) {
	for _, isSecond := range []bool{false, true} {
		var p hedged.Pair
		p.Begin()
		if p.Lost(isSecond) {
			t.Error("it lost before the other was answered")
		}
		if isSecond {
			p.End(first(nil))
		} else {
			p.End(second(nil))
		}
		if !p.Lost(isSecond) || p.Lost(!isSecond) {
			t.Error("the wrong run lost")
		}
	}
}
