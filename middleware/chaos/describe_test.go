// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/chaos"
)

// random returns a valid configuration.
func random(r *rand.Rand) chaos.Config {
	return chaos.Config{Faults: slices.Repeat([]chaos.Fault{{Share: 1, Hang: true}}, r.IntN(4)), Seed: r.Uint64N(2), StartOff: r.IntN(2) == 0}
}

func TestEffectiveKeepsWhatIsSet(t *testing.T) { stagetest.Effective(t, random) }

func TestDescribeAndWarningsSayWhatHolds(t *testing.T) {
	stagetest.Stage[chaos.Config]{
		Name:    chaos.Name,
		Random:  random,
		Numbers: func(cfg chaos.Config, _ stage.Around) []string { return []string{strconv.Itoa(len(cfg.Faults))} },
		Rules: func(cfg chaos.Config, around stage.Around) map[string]bool {
			rules := map[string]bool{"chaos is in the chain": len(cfg.Faults) > 0}
			for _, name := range []string{"breaker", "retry", "timeout", "health"} {
				rules["chaos stands outside of "+name] = around.Outside("chaos", name)
			}
			return rules
		},
	}.Test(t)
}

func TestDescribeSaysWhetherItIsOn(t *testing.T) {
	faults := []chaos.Fault{{Share: 1, Hang: true}}
	for want, cfg := range map[string]chaos.Config{"1 fault": {Faults: faults}, "1 fault, off until switched on": {Faults: faults, StartOff: true}} {
		if got := cfg.Describe(stage.Around{}); got != want {
			t.Errorf("Describe = %q, want %q", got, want)
		}
	}
}
