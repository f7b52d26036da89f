// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/ratelimit"
)

// random returns a valid configuration.
func random(r *rand.Rand) ratelimit.Config {
	return ratelimit.Config{
		Rate:    []float64{0.001, 0.5, 1, 2.5, 100, 12345, 1e6, 1e9}[r.IntN(8)],
		Burst:   r.IntN(3),
		MaxWait: stagetest.Duration(r),
		Name:    []string{"", "quota"}[r.IntN(2)],
	}
}

func TestEffectiveKeepsWhatIsSet(t *testing.T) {
	stagetest.Effective(t, random)
	for rate, burst := range map[float64]int{0.001: 1, 1: 1, 2.5: 3, 1e9: 1e9} {
		if cfg, err := (ratelimit.Config{Rate: rate}).Effective(); cfg.Burst != burst || cfg.Name != "ratelimit" || err != nil {
			t.Errorf("Effective of rate %v = %+v, %v, want a burst of %d and the default name", rate, cfg, err, burst)
		}
	}
}

func TestDescribeAndWarningsSayWhatHolds(t *testing.T) {
	stagetest.Stage[ratelimit.Config]{
		Name:   ratelimit.Name,
		Random: random,
		Numbers: func(cfg ratelimit.Config, _ stage.Around) []string {
			want := []string{strconv.FormatFloat(cfg.Rate, 'g', -1, 64), strconv.Itoa(cfg.Burst)}
			if cfg.MaxWait > 0 {
				want = append(want, cfg.MaxWait.String())
			}
			return want
		},
		Rules: func(_ ratelimit.Config, around stage.Around) map[string]bool {
			return map[string]bool{"ratelimit stands inside of retry": around.Outside("retry", "ratelimit")}
		},
	}.Test(t)
}

func TestDescribeSaysWhatBecomesOfTheRest(t *testing.T) {
	for _, row := range []struct {
		cfg  ratelimit.Config
		want string
	}{
		{ratelimit.Config{Rate: 2.5, Burst: 3}, "2.5 operations per second, 3 at once; the rest are refused"},
		{ratelimit.Config{Rate: 2.5, Burst: 3, MaxWait: time.Second}, "2.5 operations per second, 3 at once; the rest wait, for 1s at most"},
	} {
		if got := row.cfg.Describe(stage.Around{}); got != row.want {
			t.Errorf("Describe = %q, want %q", got, row.want)
		}
		if got := row.cfg.Cost(); got.Wait != row.cfg.MaxWait || got.Unbounded {
			t.Errorf("Cost = %v, unbounded %v; want %v, with a bound", got.Wait, got.Unbounded, row.cfg.MaxWait)
		}
	}
}
