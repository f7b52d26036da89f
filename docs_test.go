// SPDX-License-Identifier: Apache-2.0

// These tests hold the documentation to the code.

package penstock_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var command = regexp.MustCompile(`go run (\./\S+)`)

func TestCommandsOfTheREADMEExist(t *testing.T) {
	for _, m := range command.FindAllStringSubmatch(read(t, "README.md"), -1) {
		if _, err := os.Stat(m[1] + "/main.go"); err != nil {
			t.Error(err)
		}
	}
}

// effective returns cfg with its defaults.
func effective(t *testing.T, cfg pool.Config) pool.Config {
	t.Helper()
	cfg, err := cfg.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The table of defaults in docs/configuration.md says what the code does.
func TestDefaultsInTheDocumentationAreThoseOfTheCode(t *testing.T) {
	exclusive, shared := effective(t, pool.Config{}), effective(t, pool.Config{Mode: pool.Shared})
	want := map[string]string{
		"timeout.Config.Attempt":             short(timeout.DefaultAttempt),
		"core.ClientConfig.Timeout":          "none",
		"core.ClientConfig.MaxAsync":         short(core.DefaultMaxAsync),
		"breaker.Config.FailureThreshold":    short(breaker.DefaultFailureThreshold),
		"breaker.Config.FailureRate":         short(breaker.Config{}.FailureRate) + " (off)",
		"breaker.Config.FailureWindow":       short(breaker.DefaultFailureWindow),
		"breaker.Config.FailureWindowTime":   map[time.Duration]string{0: "none"}[breaker.Config{}.FailureWindowTime],
		"breaker.Config.MinimumCalls":        short(breaker.DefaultMinimumCalls),
		"breaker.Config.RecoveryTimeout":     short(breaker.DefaultRecoveryTimeout),
		"breaker.Config.HalfOpenSuccesses":   short(breaker.DefaultHalfOpenSuccesses),
		"breaker.Config.MaxHalfOpenRequests": short(breaker.DefaultMaxHalfOpenRequests),
		"breaker.Config.FairRun":             short(breaker.DefaultFairRun),
		"breaker.Config.CountAttempts":       short(breaker.Config{}.CountAttempts),
		"breaker.Config.SlowCallRate":        short(breaker.Config{}.SlowCallRate) + " (off)",
		"breaker.Config.SlowCallThreshold":   short(breaker.DefaultSlowCallThreshold),
		"breaker.Config.SlowCallWindow":      short(breaker.DefaultSlowCallWindow),
		"breaker.KeyedConfig.Key":            "target of the operation",
		"breaker.KeyedConfig.Max":            short(breaker.DefaultMaxKeys),
		"retry.Config.MaxRetries":            short(retry.DefaultMaxRetries),
		"retry.Config.Interval":              short(retry.DefaultInterval),
		"retry.Config.Cap":                   short(retry.DefaultCap),
		"retry.Config.Jitter":                map[retry.Jitter]string{retry.FullJitter: "full"}[retry.Config{}.Jitter],
		"retry.Config.Budget":                fmt.Sprintf("%g %% + %d/s", core.DefaultBudgetRatio*100, core.DefaultBudgetPerSecond),
		"health.Config.Interval":             short(health.DefaultInterval),
		"health.Config.Timeout":              short(health.DefaultTimeout),
		"health.Config.DownThreshold":        short(health.DefaultDownThreshold),
		"health.Config.UpThreshold":          short(health.DefaultUpThreshold),
		"bulkhead.Config.MaxConcurrent":      map[int]string{0: "none"}[bulkhead.Config{}.MaxConcurrent],
		"bulkhead.Config.MaxWaiting":         short(bulkhead.Config{}.MaxWaiting),
		"bulkhead.Config.MaxWait":            map[time.Duration]string{0: "no limit"}[bulkhead.Config{}.MaxWait],
		"ratelimit.Config.Rate":              map[float64]string{0: "none"}[ratelimit.Config{}.Rate],
		"ratelimit.Config.Burst":             map[int]string{0: "one second's worth"}[ratelimit.Config{}.Burst],
		"ratelimit.Config.MaxWait":           short(ratelimit.Config{}.MaxWait),
		"chaos.Config.Faults":                map[int]string{0: "none"}[len(chaos.Config{}.Faults)],
		"chaos.Config.Seed":                  short(chaos.Config{}.Seed),
		"chaos.Config.Off":                   short(chaos.Config{}.Off),
		"hedge.Config.Delay":                 short(hedge.DefaultDelay),
		"hedge.Config.Quantile":              short(hedge.Config{}.Quantile) + " (off)",
		"hedge.Config.Budget":                fmt.Sprintf("%g %% + %d/s", core.DefaultBudgetRatio*100, core.DefaultBudgetPerSecond),
		"hedge.Config.PayIn":                 short(hedge.Config{}.PayIn),
		"pool.Config.MaxSize":                fmt.Sprintf("%d exclusive, %d shared", exclusive.MaxSize, shared.MaxSize),
		"pool.Config.MinSize":                fmt.Sprintf("%d; Milvus %d", pool.Config{}.MinSize, milvus.Config{}.PoolConfig().MinSize),
		"pool.Config.TargetSharing":          short(shared.TargetSharing),
		"pool.Config.MaxSharing":             short(shared.MaxSharing),
		"pool.Config.MaxWaiters":             map[int]string{0: "no limit"}[pool.Config{}.MaxWaiters],
		"pool.Config.AcquireTimeout":         short(exclusive.AcquireTimeout),
		"pool.Config.MaxConcurrentDials":     short(exclusive.MaxConcurrentDials),
		"pool.Config.MaxLifetime":            map[time.Duration]string{0: "none"}[milvus.Config{}.PoolConfig().MaxLifetime],
		"pool.Config.LifetimeJitter":         "a tenth of MaxLifetime",
		"pool.Config.IdleTimeout":            map[time.Duration]string{0: "none"}[pool.Config{}.IdleTimeout],
		"pool.Config.CheckIdleAfter":         map[time.Duration]string{0: "0"}[pool.Config{}.CheckIdleAfter],
		"pool.Config.CheckEvery":             map[time.Duration]string{0: "off"}[pool.Config{}.CheckEvery],
		"pool.Config.ReplaceAfter":           short(shared.ReplaceAfter) + ", shared",
		"pool.Config.LeakAfter":              map[time.Duration]string{0: "off"}[pool.Config{}.LeakAfter],
		"pool.Config.DialTimeout":            short(exclusive.DialTimeout),
	}
	row := regexp.MustCompile("(?m)^\\| `(\\w+\\.\\w+\\.\\w+)` \\| ([^|]+) \\|")
	text := read(t, "docs/configuration.md")
	got := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		got[m[1]] = m[2]
	}
	for setting, def := range want {
		if got[setting] != def {
			t.Errorf("%s is documented as %q, want %q", setting, got[setting], def)
		}
	}
	for setting := range got {
		if _, ok := want[setting]; !ok {
			t.Errorf("nothing checks the documented default of %s", setting)
		}
	}
	for _, stage := range middleware.DefaultOrder() {
		if !strings.Contains(text, "`"+stage+"`") {
			t.Errorf("the stage %s is not documented", stage)
		}
	}
}

func short(v any) string { return fmt.Sprint(v) }
