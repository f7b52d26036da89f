// SPDX-License-Identifier: Apache-2.0

package hedge_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/hedge"
)

func TestEffectiveKeepsWhatIsSet(t *testing.T) {
	shared := budget(t, 0.1, 0)
	stagetest.Effective(t, func(r *rand.Rand) hedge.Config {
		return hedge.Config{
			Delay:    stagetest.Duration(r),
			Quantile: []float64{0, 0.5, 0.99}[r.IntN(3)],
			Budget:   []*core.Budget{nil, shared}[r.IntN(2)],
			PayIn:    r.IntN(2) == 0,
		}
	})
}

func TestTheZeroConfigMeansTheDefaults(t *testing.T) {
	cfg, err := hedge.Config{}.Effective()
	if cfg.Delay != 100*time.Millisecond || cfg.Quantile != 0 || cfg.Budget.String() != "10 % + 10/s" || !cfg.PayIn || err != nil {
		t.Errorf("Effective = %+v, %v, not what is documented", cfg, err)
	}
}
