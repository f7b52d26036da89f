// SPDX-License-Identifier: Apache-2.0

package stagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
)

// settings are the configuration of a stage that may have a fault.
type settings struct {
	Wait time.Duration
	Ask  func() error
	Own  fault // what is wrong with the stage
}

type fault uint8

const (
	none fault = iota
	forgets
	grows
	refuses
	misprints
	alarms
	keepsQuiet
	invents
	neverWarns
)

func (s settings) Effective() (settings, error) {
	if s.Wait == 0 {
		s.Wait = time.Second
	}
	switch s.Own {
	case forgets:
		s.Wait = time.Second
	case grows:
		if s.Ask == nil {
			s.Ask = func() error { return nil }
			s.Wait = 7
		} else {
			s.Wait++
		}
	case refuses:
		return s, errors.New("no")
	}
	return s, nil
}

func (s settings) Describe(stage.Around) string {
	if s.Own == misprints {
		s.Wait++
	}
	return fmt.Sprintf("waits %v, then passes", s.Wait)
}

func (s settings) Warnings(around stage.Around) []string {
	var w stage.Warnings
	if s.Own == neverWarns {
		return nil
	}
	first := around.Outside("chaos", "retry")
	w.Warn(first && s.Own != keepsQuiet || s.Own == alarms, "chaos stands outside of retry: it waits %v", s.Wait)
	w.Warn(s.Own == invents && first, "something else")
	return w
}

func random(f fault) func(*rand.Rand) settings {
	return func(r *rand.Rand) settings {
		s := settings{Wait: Duration(r), Own: f}
		if f != grows {
			s.Ask = func() error { return nil }
		}
		return s
	}
}

func TestEffectiveFindsSettingsThatAreNotKept(t *testing.T) {
	for _, row := range []struct {
		fault fault
		want  string
	}{
		{none, ""}, {forgets, "changes Wait from "}, {refuses, "= no"}, {grows, "changes Wait"},
	} {
		var err error
		for seed := range uint64(rounds) {
			if err = effective(random(row.fault)(newRand(seed))); err != nil {
				break
			}
		}
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("fault %d: %v, want %q", row.fault, err, row.want)
		}
	}
	if err := effective(settings{Own: grows}); err == nil || !strings.Contains(err.Error(), "Wait of its own result from 7ns to 8ns") {
		t.Errorf("a second Effective that changes something: %v", err)
	}
	Effective(t, random(none))
}

func TestAStageThatSaysWhatIsNotSoIsFound(t *testing.T) {
	for _, row := range []struct {
		fault fault
		want  string
	}{
		{none, ""}, {misprints, "is described as"}, {alarms, "a warning without a reason: chaos stands"},
		{keepsQuiet, `no warning "outside of retry"`}, {invents, `no rule knows: ["something else"]`}, {neverWarns, `the rule of "outside of retry" holds always or never: false`},
	} {
		s := Stage[settings]{
			Name: "chaos", Random: random(row.fault),
			Numbers: func(s settings, _ stage.Around) []string { return []string{s.Wait.String()} },
			Rules: func(s settings, around stage.Around) map[string]bool {
				return map[string]bool{"outside of retry": row.fault != neverWarns && around.Outside("chaos", "retry")}
			},
		}
		err := s.check()
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("fault %d: %v, want %q", row.fault, err, row.want)
		}
		if row.fault == none {
			s.Test(t)
		}
	}
}
