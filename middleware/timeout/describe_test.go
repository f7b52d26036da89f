// SPDX-License-Identifier: Apache-2.0

package timeout_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/timeout"
)

// random returns a valid configuration.
func random(r *rand.Rand) timeout.Config { return timeout.Config{Attempt: stagetest.Duration(r)} }

func TestEffectiveKeepsWhatIsSet(t *testing.T) { stagetest.Effective(t, random) }

func TestDescribeAndWarningsSayWhatHolds(t *testing.T) {
	stagetest.Stage[timeout.Config]{
		Name:    timeout.Name,
		Random:  random,
		Numbers: func(cfg timeout.Config, _ stage.Around) []string { return []string{cfg.Attempt.String()} },
		Rules: func(cfg timeout.Config, around stage.Around) map[string]bool {
			return map[string]bool{
				"timeout stands outside of retry":     around.Outside("timeout", "retry"),
				"is not below the operation timeout ": around.Operation > 0 && cfg.Attempt >= around.Operation,
			}
		},
	}.Test(t)
}

func TestDescribeSaysWhatTheLimitHoldsFor(t *testing.T) {
	cfg := timeout.Config{Attempt: time.Second}
	for _, row := range []struct {
		order []string
		want  string
	}{
		{[]string{"retry", "timeout"}, "1s for each attempt"},
		{[]string{"timeout"}, "1s for each attempt"},
		{[]string{"timeout", "retry"}, "1s for all attempts together"},
	} {
		if got := cfg.Describe(stage.Around{Order: row.order}); got != row.want {
			t.Errorf("Describe in %s = %q, want %q", strings.Join(row.order, " > "), got, row.want)
		}
	}
}
