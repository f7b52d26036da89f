// SPDX-License-Identifier: Apache-2.0

package keyed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/middleware/breaker"
)

// Config says what the breakers of a [Keyed] are for. The zero value means the
// defaults: one breaker for each target of operations.
type Config struct {
	// Key returns the key of a call, which chooses its breaker. It is called
	// concurrently, must not block, and must not allocate if the stage is not to. If
	// Key panics, the call runs under the overflow breaker, see [Keyed], and the
	// observer is told with a core.EventPanic. Nil is the operation's Target.
	Key func(call *core.Call) string
	// Max is how many keys may have a breaker of their own at once. Zero is 1000.
	Max int
	// Each is the configuration of each breaker. Its Name is "keyed_breaker" if
	// empty. Listeners and people know the breaker of a key as Name[key]; telemetry,
	// where the number of names must be small, knows it as Name.
	// Its Disabled must not be set.
	Each breaker.Config
	// Disabled leaves the stage out.
	Disabled bool
}

// Effective returns the configuration that is in force: cfg with its defaults.
// Key stays nil if it is the Target. The error, if not nil, names everything that
// is wrong with cfg.
func (cfg Config) Effective() (Config, error) {
	var faults fault.List
	fault.Default(&faults, "Max", &cfg.Max, 1000)
	cfg.Each.Name = cmp.Or(cfg.Each.Name, Name)
	if cfg.Each.Disabled {
		faults.Add("Each.Disabled is set: set Disabled beside Each to leave the stage out")
	}
	each, err := cfg.Each.Effective()
	if err != nil {
		faults.Add("Each: %w", err)
	}
	if err := faults.Err("keyed"); err != nil {
		return Config{}, err
	}
	cfg.Each = each
	return cfg, nil
}

// Describe says in one line how many breakers there are, and when each opens and
// closes. cfg is effective, see [Config.Effective].
func (cfg Config) Describe(around stage.Around) string {
	key := "target"
	if cfg.Key != nil {
		key = "key"
	}
	return fmt.Sprintf("a breaker for each %s, %d at most: each %s", key, cfg.Max, cfg.Each.Describe(around))
}

// Warnings says which settings are doubtful in a chain that has this stage. cfg
// is effective, see [Config.Effective].
func (cfg Config) Warnings(around stage.Around) []string {
	// What is doubtful for a breaker in this place is doubtful for each of these.
	around.Order = slices.DeleteFunc(slices.Clone(around.Order), func(name string) bool { return name == breaker.Name })
	if at := slices.Index(around.Order, Name); at >= 0 {
		around.Order[at] = breaker.Name
	}
	warnings := cfg.Each.Warnings(around)
	for i, w := range warnings {
		warnings[i] = renamed.Replace(w)
	}
	return warnings
}

// renamed makes a warning of a breaker one of this stage.
var renamed = strings.NewReplacer("Breaker.", "KeyedBreaker.Each.", "outside of "+breaker.Name+",", "outside of "+Name+",")
