// SPDX-License-Identifier: Apache-2.0

package bulkhead_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/bulkhead"
)

// random returns a valid configuration.
func random(r *rand.Rand) bulkhead.Config {
	cfg := bulkhead.Config{MaxConcurrent: 1 + r.IntN(3), MaxWaiting: r.IntN(3)}
	if cfg.MaxWaiting > 0 {
		cfg.MaxWait = stagetest.Duration(r)
	}
	if r.IntN(2) == 0 {
		cfg.Name = "docs"
	}
	return cfg
}

func TestEffectiveKeepsWhatIsSet(t *testing.T) {
	stagetest.Effective(t, random)
	if cfg, err := (bulkhead.Config{MaxConcurrent: 1}).Effective(); cfg.Name != "bulkhead" || err != nil {
		t.Errorf("Effective = %+v, %v, want the default name", cfg, err)
	}
}

func TestDescribeAndWarningsSayWhatHolds(t *testing.T) {
	stagetest.Stage[bulkhead.Config]{
		Name:   bulkhead.Name,
		Random: random,
		Numbers: func(cfg bulkhead.Config, _ stage.Around) []string {
			want := []string{strconv.Itoa(cfg.MaxConcurrent)}
			if cfg.MaxWaiting > 0 {
				want = append(want, strconv.Itoa(cfg.MaxWaiting))
			}
			if cfg.MaxWait > 0 {
				want = append(want, cfg.MaxWait.String())
			}
			return want
		},
		Rules: func(_ bulkhead.Config, around stage.Around) map[string]bool {
			return map[string]bool{"bulkhead stands inside of retry": around.Outside("retry", "bulkhead")}
		},
	}.Test(t)
}

func TestDescribeSaysWhatBecomesOfTheRest(t *testing.T) {
	for _, row := range []struct {
		cfg  bulkhead.Config
		want string
	}{
		{bulkhead.Config{MaxConcurrent: 1}, "1 operation at once; the rest are refused"},
		{bulkhead.Config{MaxConcurrent: 8, MaxWaiting: 2}, "8 operations at once; 2 wait, as long as their context lasts"},
		{bulkhead.Config{MaxConcurrent: 8, MaxWaiting: 2, MaxWait: time.Second}, "8 operations at once; 2 wait, for 1s at most"},
	} {
		if got := row.cfg.Describe(stage.Around{}); got != row.want {
			t.Errorf("Describe = %q, want %q", got, row.want)
		}
	}
}

func TestCostIsTheLongestWait(t *testing.T) {
	for _, row := range []struct {
		cfg       bulkhead.Config
		wait      time.Duration
		unbounded bool
	}{
		{bulkhead.Config{MaxConcurrent: 1}, 0, false},
		{bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1}, 0, true},
		{bulkhead.Config{MaxConcurrent: 1, MaxWaiting: 1, MaxWait: time.Second}, time.Second, false},
	} {
		if got := row.cfg.Cost(); got.Wait != row.wait || got.Unbounded != row.unbounded {
			t.Errorf("Cost of %+v = %v, unbounded %v; want %v, %v", row.cfg, got.Wait, got.Unbounded, row.wait, row.unbounded)
		}
	}
}
