// SPDX-License-Identifier: Apache-2.0

// Package stagetest checks what the stages of a chain say of their own settings.
package stagetest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
)

// rounds is how many random configurations a test tries.
const rounds = 2000

// names are the stages of Penstock's own.
var names = []string{"trace", "breaker", "keyed_breaker", "bulkhead", "ratelimit", "retry", "timeout", "health", "chaos"}

// Effective checks, for random configurations that are valid, that Effective
// keeps every field that is set, and changes nothing in its own result.
func Effective[C interface{ Effective() (C, error) }](t *testing.T, random func(*rand.Rand) C) {
	t.Helper()
	for seed := range uint64(rounds) {
		if err := effective(random(newRand(seed))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func effective[C interface{ Effective() (C, error) }](cfg C) error {
	once, err := cfg.Effective()
	if err != nil {
		return fmt.Errorf("Effective of %+v = %w", cfg, err)
	}
	twice, err := once.Effective()
	if err != nil {
		return fmt.Errorf("Effective of the effective %+v = %w", once, err)
	}
	set, first, second := reflect.ValueOf(cfg), reflect.ValueOf(once), reflect.ValueOf(twice)
	for i := range set.NumField() {
		name := set.Type().Field(i).Name
		if !set.Field(i).IsZero() && !same(set.Field(i), first.Field(i)) {
			return fmt.Errorf("Effective changes %s from %v to %v", name, set.Field(i), first.Field(i))
		}
		if !same(first.Field(i), second.Field(i)) {
			return fmt.Errorf("Effective changes %s of its own result from %v to %v", name, first.Field(i), second.Field(i))
		}
	}
	return nil
}

// same reports whether two values of a field are equal. Pointers are compared by
// themselves, because stages may share what they point at.
func same(a, b reflect.Value) bool {
	if k := a.Kind(); k == reflect.Func || k == reflect.Pointer {
		return a.Pointer() == b.Pointer()
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// Settings are what a stage says of itself.
type Settings[C any] interface {
	Effective() (C, error)
	Describe(stage.Around) string
	Warnings(stage.Around) []string
}

// Stage is what a test knows of a stage.
type Stage[C Settings[C]] struct {
	// Name is the name of the stage.
	Name string
	// Random returns a valid configuration. The test uses its Effective.
	Random func(*rand.Rand) C
	// Numbers returns the numbers and durations that Describe has to name, in their
	// order and with their units.
	Numbers func(C, stage.Around) []string
	// Rules says of every warning of the stage whether it is due. The key is a part
	// of the warning that no other one has.
	Rules func(C, stage.Around) map[string]bool
}

// Test checks, for random configurations in random chains, that Describe says
// the numbers in force and no others, and that there is a warning for each rule
// that holds and no other. Each rule has to hold in some of them, and not in
// others.
func (s Stage[C]) Test(t *testing.T) {
	t.Helper()
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
}

func (s Stage[C]) check() error {
	held, spared := map[string]bool{}, map[string]bool{}
	for seed := range uint64(rounds) {
		r := newRand(seed)
		cfg, err := s.Random(r).Effective()
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		around := s.around(r)
		text := cfg.Describe(around)
		if got, want := numbers(text), s.Numbers(cfg, around); !slices.Equal(got, want) {
			return fmt.Errorf("seed %d: %+v is described as %q, with the numbers %q, want %q", seed, cfg, text, got, want)
		}
		rules := s.Rules(cfg, around)
		if err := warned(cfg.Warnings(around), rules); err != nil {
			return fmt.Errorf("seed %d: %+v in %+v: %w", seed, cfg, around, err)
		}
		for warning, due := range rules {
			held[warning] = held[warning] || due
			spared[warning] = spared[warning] || !due
		}
	}
	for warning := range held {
		if !held[warning] || !spared[warning] {
			return fmt.Errorf("the rule of %q holds always or never: %v", warning, held[warning])
		}
	}
	return nil
}

// warned returns an error unless the warnings are those that are due.
func warned(warnings []string, rules map[string]bool) error {
	left := slices.Clone(warnings)
	for warning, due := range rules {
		at := slices.IndexFunc(left, func(w string) bool { return strings.Contains(w, warning) })
		switch {
		case due && at < 0:
			return fmt.Errorf("no warning %q in %q", warning, warnings)
		case due:
			left = slices.Delete(left, at, at+1)
		case at >= 0:
			return fmt.Errorf("a warning without a reason: %s", left[at])
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("warnings that no rule knows: %q", left)
	}
	return nil
}

// numbers returns the words of a text that begin with a digit.
func numbers(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
	return slices.DeleteFunc(words, func(w string) bool { return w[0] < '0' || w[0] > '9' })
}

// around returns a random chain that has the stage.
func (s Stage[C]) around(r *rand.Rand) stage.Around {
	order := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name != s.Name && r.IntN(3) == 0 })
	if r.IntN(3) > 0 { // else in the default order
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	a := stage.Around{Order: order, Operation: Duration(r), Attempt: Duration(r), Retries: r.IntN(5)}
	if a.Has("breaker") {
		a.Recovery = 1 + Duration(r)
	}
	return a
}

// Duration returns zero or a random duration of any scale.
func Duration(r *rand.Rand) time.Duration {
	if r.IntN(4) == 0 {
		return 0
	}
	scale := []time.Duration{time.Nanosecond, time.Microsecond, time.Millisecond, time.Second, time.Minute}[r.IntN(5)]
	return time.Duration(1+r.IntN(100)) * scale
}

// newRand returns random numbers that the seed repeats.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
