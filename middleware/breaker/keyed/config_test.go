// SPDX-License-Identifier: Apache-2.0

package keyed_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
)

func TestDescribeSaysHowManyThereAreAndWhenTheyOpen(t *testing.T) {
	each := breaker.Config{FailureRate: 0.5}
	for _, row := range []struct {
		cfg  keyed.Config
		want string
	}{
		{keyed.Config{Each: each}, "a breaker for each target, 1000 at most: each opens at 50 % failures of the last 100 operations (at least 20); probes after"},
		{keyed.Config{Each: each, Max: 7, Key: func(*core.Call) string { return "" }}, "a breaker for each key, 7 at most: each opens at 50 %"},
	} {
		cfg, err := row.cfg.Effective()
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Describe(stage.Around{}); !strings.HasPrefix(got, row.want) {
			t.Errorf("Describe = %q, want %q", got, row.want)
		}
	}
}

func TestWarningsAreThoseOfABreakerInThisPlace(t *testing.T) {
	each := breaker.Config{RecoveryTimeout: time.Second}
	const short = "KeyedBreaker.Each.RecoveryTimeout 1s is shorter than the attempt timeout 10s"
	const outside = "retry stands outside of keyed_breaker, which counts operations: it counts each attempt as an operation; set KeyedBreaker.Each.CountAttempts"
	for _, row := range []struct {
		name  string
		each  breaker.Config
		order []string
		want  []string
	}{
		{"doubtful by itself", each, []string{"breaker", "keyed_breaker", "retry", "timeout"}, []string{short}},
		{"retry outside of it", each, []string{"breaker", "retry", "keyed_breaker", "timeout"}, []string{outside, short}},
		{"retry outside of the other", breaker.Config{}, []string{"keyed_breaker", "retry", "breaker", "timeout"}, nil},
	} {
		cfg, err := keyed.Config{Each: row.each}.Effective()
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(row.order)
		got := cfg.Warnings(stage.Around{Order: row.order, Attempt: 10 * time.Second, Retries: 3})
		if !slices.EqualFunc(got, row.want, strings.HasPrefix) {
			t.Errorf("%s: Warnings = %q, want %q", row.name, got, row.want)
		}
		if !slices.Equal(row.order, before) {
			t.Errorf("%s: the order became %q", row.name, row.order)
		}
	}
}

func TestWhatIsEffectiveStaysAsItIs(t *testing.T) {
	cfg, err := keyed.Config{Each: breaker.Config{SlowCallRate: 0.5}}.Effective()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Max != 1000 || cfg.Each.Name != keyed.Name || cfg.Each.SlowCallWindow != 20 || cfg.Key != nil {
		t.Errorf("Effective = %+v, want the defaults", cfg)
	}
	again, err := cfg.Effective()
	if err != nil || again.Max != cfg.Max || again.Each.Describe(stage.Around{}) != cfg.Each.Describe(stage.Around{}) {
		t.Errorf("Effective = %+v, %v, want %+v", again, err, cfg)
	}
}
