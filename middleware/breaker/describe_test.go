// SPDX-License-Identifier: Apache-2.0

package breaker_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/middleware/breaker"
)

func effective(t *testing.T, cfg breaker.Config) breaker.Config {
	t.Helper()
	cfg, err := cfg.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDescribeSaysWhenItOpensAndCloses(t *testing.T) {
	const closes = "; probes after 30s, 2 at once; closes after 3 good ones"
	for _, row := range []struct {
		cfg  breaker.Config
		want string
	}{
		{breaker.Config{}, "opens after 5 failed operations in a row" + closes},
		{breaker.Config{CountAttempts: true}, "opens after 5 failed attempts in a row" + closes},
		{breaker.Config{FailureRate: 0.5}, "opens at 50 % failures of the last 100 operations (at least 20)" + closes},
		{breaker.Config{FailureRate: 0.07, FailureWindowTime: time.Minute, MinimumCalls: 5, CountAttempts: true},
			"opens at 7 % failures of the attempts of the last 1m0s (at least 5)" + closes},
		{breaker.Config{FailureRate: 0.5, FailureWindow: 10, FailureThreshold: 7},
			"opens after 7 failed operations in a row, or at 50 % failures of the last 10 operations (at least 10)" + closes},
		{breaker.Config{SlowCallRate: 0.5},
			"opens after 5 failed operations in a row, or when 50 % of 20 attempts take 1s" + closes},
		{breaker.Config{FailureRate: 1, SlowCallRate: 0.125, SlowCallThreshold: 2 * time.Second, SlowCallWindow: 8},
			"opens at 100 % failures of the last 100 operations (at least 20), or when 12.5 % of 8 attempts take 2s" + closes},
		{breaker.Config{FailureThreshold: 1, RecoveryTimeout: time.Second, MaxHalfOpenRequests: 1, HalfOpenSuccesses: 1},
			"opens after 1 failed operation in a row; probes after 1s, 1 at once; closes after 1 good one"},
	} {
		if got := effective(t, row.cfg).Describe(usual()); got != row.want {
			t.Errorf("Describe = %q, want %q", got, row.want)
		}
	}
}

// randomConfig returns a valid configuration, in which each field is set or not.
func randomConfig(random *rand.Rand) breaker.Config {
	number := func() int { return random.IntN(2) * (1 + random.IntN(50)) }
	span := func() time.Duration { return time.Duration(number()) * 250 * time.Millisecond }
	rate := func() float64 { return float64(1+random.IntN(1000)) / 1000 }
	cfg := breaker.Config{
		FailureThreshold: number(), RecoveryTimeout: span(), HalfOpenSuccesses: number(), MaxHalfOpenRequests: number(),
		FairRun: span(), CountAttempts: random.IntN(2) == 0,
	}
	if random.IntN(2) == 0 {
		cfg.FailureRate, cfg.MinimumCalls = rate(), number()
		if random.IntN(2) == 0 {
			cfg.FailureWindowTime = span()
		}
		if cfg.FailureWindowTime == 0 && random.IntN(2) == 0 {
			cfg.FailureWindow = max(cfg.MinimumCalls, 1) + number()
		}
	}
	if random.IntN(2) == 0 {
		cfg.SlowCallRate, cfg.SlowCallThreshold, cfg.SlowCallWindow = rate(), span(), number()
	}
	return cfg
}

// described returns the numbers of a text of Describe.
func described(t *testing.T, text string) (c breaker.Configuration) {
	t.Helper()
	number := func(pattern string) float64 {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			return 0
		}
		n, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	seconds := func(pattern string) float64 {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			return 0
		}
		d, err := time.ParseDuration(found[1])
		if err != nil {
			t.Fatal(err)
		}
		return d.Seconds()
	}
	// Random configurations have rates of full thousandths.
	rate := func(pattern string) float64 { return math.Round(10*number(pattern)) / 1000 }
	return breaker.Configuration{
		FailureThreshold:    int(number(`after (\d+) failed \w+ in a row`)),
		RecoveryTimeout:     seconds(`probes after (\S+),`),
		HalfOpenSuccesses:   int(number(`closes after (\d+) good`)),
		MaxHalfOpenRequests: int(number(`, (\d+) at once`)),
		FailureRate:         rate(`at (\S+) % failures`),
		FailureWindow:       int(number(`failures of the last (\d+) (?:operation|attempt)`)),
		FailureWindowTime:   seconds(`failures of the \w+ of the last (\S+) `),
		MinimumCalls:        int(number(`at least (\d+)`)),
		SlowCallRate:        rate(`when (\S+) % of`),
		SlowCallThreshold:   seconds(`take (\S+);`),
		SlowCallWindow:      int(number(`% of (\d+) attempt`)),
	}
}

func TestDescribeSaysWhatIsInForceAndNothingElse(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		cfg := randomConfig(random)
		b, err := breaker.New(cfg)
		if err != nil {
			t.Fatalf("New(%+v) = %v", cfg, err)
		}
		text := effective(t, cfg).Describe(usual())
		if got, want := described(t, text), b.Snapshot().Configuration; got != want {
			t.Fatalf("Describe = %q\nof which %+v\nwant     %+v", text, got, want)
		}
		if what := map[bool]string{true: "attempt", false: "operation"}[cfg.CountAttempts]; !strings.Contains(text, what) {
			t.Errorf("Describe = %q, want %ss in it", text, what)
		}
	}
}

func TestWhatIsEffectiveStaysAsItIs(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		cfg := effective(t, randomConfig(random))
		if again := effective(t, cfg); fmt.Sprint(again) != fmt.Sprint(cfg) {
			t.Fatalf("Effective = %+v, want %+v", again, cfg)
		}
	}
}

// usual returns the default chain.
func usual() stage.Around {
	return stage.Around{Order: []string{"trace", "breaker", "retry", "timeout"}, Attempt: 10 * time.Second, Retries: 3, Recovery: 30 * time.Second}
}

func TestWarningsSayWhatIsDoubtful(t *testing.T) {
	outside := func(a *stage.Around) { a.Order = []string{"trace", "retry", "breaker", "timeout"} }
	for _, row := range []struct {
		name   string
		cfg    breaker.Config
		around func(*stage.Around)
		want   []string // what the warnings begin with
	}{
		{"the default chain", breaker.Config{}, func(*stage.Around) {}, nil},
		{"nothing around it", breaker.Config{CountAttempts: true, FailureThreshold: 1}, func(a *stage.Around) { *a = stage.Around{Order: []string{"breaker"}} }, nil},

		{"recovery shorter than an attempt", breaker.Config{RecoveryTimeout: time.Second}, func(*stage.Around) {},
			[]string{"Breaker.RecoveryTimeout 1s is shorter than the attempt timeout 10s"}},
		{"recovery as long as an attempt", breaker.Config{RecoveryTimeout: 10 * time.Second}, func(*stage.Around) {}, nil},
		{"attempts without a limit", breaker.Config{RecoveryTimeout: time.Second}, func(a *stage.Around) { a.Attempt = 0 }, nil},

		{"one operation opens it", breaker.Config{CountAttempts: true, FailureThreshold: 3}, func(*stage.Around) {},
			[]string{"Breaker.FailureThreshold 3 counts attempts, of which one operation makes up to 4"}},
		{"two operations open it", breaker.Config{CountAttempts: true, FailureThreshold: 4}, func(*stage.Around) {}, nil},
		{"no threshold", breaker.Config{CountAttempts: true, FailureRate: 0.5}, func(a *stage.Around) { a.Retries = 6 }, nil},
		{"no retry", breaker.Config{CountAttempts: true, FailureThreshold: 3}, func(a *stage.Around) { a.Order = []string{"breaker"} }, nil},

		{"retry outside", breaker.Config{}, outside, []string{
			"retry stands outside of breaker, which counts operations: it counts each attempt as an operation; set Breaker.CountAttempts"}},
		{"retry outside, with as many attempts as open it", breaker.Config{FailureThreshold: 4}, outside, []string{
			"retry stands outside of breaker, which counts operations: it counts each attempt as an operation, so a single operation can open it; set"}},
		{"retry outside, at a rate", breaker.Config{FailureRate: 0.5}, func(a *stage.Around) { outside(a); a.Retries = 9 }, []string{
			"retry stands outside of breaker, which counts operations: it counts each attempt as an operation; set"}},
		{"retry outside, counting attempts", breaker.Config{CountAttempts: true}, outside, nil},
		{"retry outside, which never retries", breaker.Config{}, func(a *stage.Around) { outside(a); a.Retries = 0 }, nil},

		{"no fair run possible", breaker.Config{}, func(a *stage.Around) { a.Operation, a.Attempt = 50*time.Millisecond, 0 },
			[]string{"Breaker.FairRun 100ms is not below the operation timeout 50ms"}},
		{"a fair run possible", breaker.Config{FairRun: 49 * time.Millisecond}, func(a *stage.Around) { a.Operation, a.Attempt = 50*time.Millisecond, 0 }, nil},
		{"attempts that end by their own timeout", breaker.Config{}, func(a *stage.Around) { a.Operation, a.Attempt = 50*time.Millisecond, 20*time.Millisecond }, nil},
		{"no operation timeout", breaker.Config{}, func(a *stage.Around) { a.Attempt = 50 * time.Millisecond }, nil},

		{"never slow by the attempt timeout", breaker.Config{SlowCallRate: 0.5, SlowCallThreshold: 11 * time.Second}, func(*stage.Around) {},
			[]string{"Breaker.SlowCallThreshold 11s is above the limit 10s of an attempt: no attempt is ever slow"}},
		{"never slow by the operation timeout", breaker.Config{SlowCallRate: 0.5, SlowCallThreshold: 6 * time.Second}, func(a *stage.Around) { a.Operation = 5 * time.Second },
			[]string{"Breaker.SlowCallThreshold 6s is above the limit 5s"}},
		{"slow at last", breaker.Config{SlowCallRate: 0.5, SlowCallThreshold: 10 * time.Second}, func(*stage.Around) {}, nil},
		{"slow calls do not count", breaker.Config{}, func(a *stage.Around) { a.Attempt = time.Second / 2 }, nil},

		{"an operation with a long timeout", breaker.Config{}, func(a *stage.Around) { a.Ops = []core.Op{{Name: "Load", Timeout: time.Minute}, {Name: "Search"}} },
			[]string{`operation "Load" has a Timeout of 1m0s, longer than Breaker.RecoveryTimeout 30s`}},
		{"an operation with a short timeout", breaker.Config{}, func(a *stage.Around) { a.Ops = []core.Op{{Name: "Load", Timeout: time.Second}} }, nil},
		{"no stage heeds the timeout", breaker.Config{}, func(a *stage.Around) {
			a.Order, a.Attempt, a.Ops = []string{"breaker"}, 0, []core.Op{{Name: "Load", Timeout: time.Minute}}
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			around := usual()
			row.around(&around)
			got := effective(t, row.cfg).Warnings(around)
			begins := func(text, want string) bool { return strings.HasPrefix(text, want) }
			if !slices.EqualFunc(got, row.want, begins) {
				t.Errorf("Warnings = %q, want %q", got, row.want)
			}
		})
	}
}

// A warning states the values that are in force, and none is about a policy that
// is not.
func TestWarningsSpeakOfWhatIsInForce(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	span := func() time.Duration { return time.Duration(random.IntN(2)*random.IntN(60)) * 250 * time.Millisecond }
	orders := [][]string{{"breaker"}, {"breaker", "retry", "timeout"}, {"retry", "breaker"}, {"timeout", "retry", "breaker"}}
	said := map[string]int{}
	for range 20_000 {
		cfg := effective(t, randomConfig(random))
		around := stage.Around{
			Order: orders[random.IntN(len(orders))], Operation: span(), Attempt: span(), Retries: random.IntN(10),
			Ops: []core.Op{{Name: "Load", Timeout: span()}},
		}
		values := map[string]any{
			"FailureThreshold": cfg.FailureThreshold, "RecoveryTimeout": cfg.RecoveryTimeout, "FairRun": cfg.FairRun, "SlowCallThreshold": cfg.SlowCallThreshold,
		}
		for _, w := range cfg.Warnings(around) {
			for _, named := range regexp.MustCompile(`Breaker\.(\w+) (\d\S*?)[: ]`).FindAllStringSubmatch(w, -1) {
				said[named[1]]++
				if want := fmt.Sprint(values[named[1]]); named[2] != want || want == "0" || want == "0s" {
					t.Errorf("Warnings = %q, but %s is %s", w, named[1], want)
				}
			}
		}
	}
	for _, field := range []string{"FailureThreshold", "RecoveryTimeout", "FairRun", "SlowCallThreshold"} {
		if said[field] == 0 {
			t.Errorf("no warning spoke of %s", field)
		}
	}
}
