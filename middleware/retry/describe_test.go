// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/retry"
)

// random returns a valid configuration, most of whose fields are set.
func random(r *rand.Rand) retry.Config {
	cfg := retry.Config{
		MaxRetries:  []int{retry.None, 0, 1, 2, 3, 70}[r.IntN(6)],
		MaxInterval: stagetest.Duration(r),
		Jitter:      []retry.Jitter{retry.FullJitter, retry.EqualJitter, retry.NoJitter}[r.IntN(3)],
	}
	if most := cfg.MaxInterval; most > 0 {
		cfg.Interval = time.Duration(r.Int64N(int64(most) + 1))
	}
	switch r.IntN(4) {
	case 0:
		cfg.Budget, _ = core.NewBudget(core.Unlimited, 0)
	case 1:
		cfg.Budget, _ = core.NewBudget(0.5, 2)
	}
	return cfg
}

func TestEffectiveKeepsWhatIsSet(t *testing.T) { stagetest.Effective(t, random) }

func TestEffectiveMakesABudgetForEachStage(t *testing.T) {
	one, _ := retry.Config{}.Effective()
	other, _ := retry.Config{}.Effective()
	if one.Budget == other.Budget {
		t.Error("two stages share a default budget")
	}
}

func TestDescribeAndWarningsSayWhatHolds(t *testing.T) {
	stagetest.Stage[retry.Config]{
		Name:   retry.Name,
		Random: random,
		Numbers: func(cfg retry.Config, _ stage.Around) []string {
			if cfg.MaxRetries == retry.None {
				return nil
			}
			want := []string{strconv.Itoa(cfg.MaxRetries), cfg.Interval.String()}
			last := cfg.Interval
			for n := 1; n < cfg.MaxRetries && last < cfg.MaxInterval; n++ {
				last = min(2*last, cfg.MaxInterval)
			}
			if last > cfg.Interval {
				want = append(want, last.String())
			}
			switch {
			case cfg.Budget.Unlimited():
				return want
			case cfg.Budget.String() == "50 % + 2/s":
				return append(want, "50", "2/s")
			default:
				return append(want, "10", "10/s")
			}
		},
		Rules: func(cfg retry.Config, around stage.Around) map[string]bool {
			retries := cfg.MaxRetries != retry.None
			return map[string]bool{
				"budget is unlimited":                retries && cfg.Budget.Unlimited(),
				"without jitter":                     retries && cfg.Jitter == retry.NoJitter,
				"is not below the operation timeout": retries && around.Operation > 0 && cfg.Interval >= around.Operation,
			}
		},
	}.Test(t)
}

func TestDescribeNamesJitterAndBudget(t *testing.T) {
	for jitter, want := range map[retry.Jitter]string{
		retry.FullJitter: "full jitter; budget 10 % + 10/s", retry.EqualJitter: "equal jitter; budget 10 %", retry.NoJitter: "no jitter; budget 10 %",
	} {
		cfg, err := retry.Config{Jitter: jitter}.Effective()
		if got := cfg.Describe(stage.Around{}); !strings.Contains(got, want) || err != nil {
			t.Errorf("Describe = %q, %v, want %q in it", got, err, want)
		}
	}
	if got := (retry.Config{MaxRetries: retry.None}).Describe(stage.Around{}); got != "never" {
		t.Errorf("Describe = %q without retries, want never", got)
	}
}
