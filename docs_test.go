// SPDX-License-Identifier: Apache-2.0

// These tests hold the documentation to the code.

package penstock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/breaker/keyed"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/chaos"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/hedge"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/endpoint"
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
func effective[C interface{ Effective() (C, error) }](t *testing.T, cfg C) C {
	t.Helper()
	cfg, err := cfg.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// asyncLimit returns how many operations core.Go runs at once by default. In virtual time
// none of them ends by a limit meanwhile, however busy the machine is.
func asyncLimit(t *testing.T) (n int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { n = countAsync(t) })
	return n
}

func countAsync(t *testing.T) int {
	t.Helper()
	client, err := penstock.New(penstock.Backend[int]{Factory: oneConn{}}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		if err := client.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	const tooMany = 1 << 20
	for n := range tooMany {
		future := core.Go(ctx, client, core.Op{Name: "Wait"}, func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		select {
		case <-future.Done():
			if _, err := future.Await(ctx); !errors.Is(err, core.ErrAsyncLimit) {
				t.Fatalf("Await = %v, want %v", err, core.ErrAsyncLimit)
			}
			return n
		default:
		}
	}
	return tooMany
}

// oneConn is a factory whose connections are numbers.
type oneConn struct{}

func (oneConn) Dial(context.Context) (int, error) { return 1, nil }
func (oneConn) Close(context.Context, int) error  { return nil }

// defaults returns the default of each documented field, as the page writes it.
func defaults(t *testing.T) map[string]string {
	server, err := milvus.Config{}.Backend()
	if err != nil {
		t.Fatal(err)
	}
	var (
		endpoint  = fmt.Sprintf("%s:%d", server.Address, server.Port)
		pattern   = strings.NewReplacer(endpoint, "host:port", server.Namespace, "database")
		exclusive = effective(t, pool.Config{})
		shared    = effective(t, pool.Config{Mode: pool.Shared})
		aging     = effective(t, pool.Config{MaxLifetime: 10 * time.Hour})
		plain     = effective(t, breaker.Config{})
		rate      = effective(t, breaker.Config{FailureRate: 0.5})
		slow      = effective(t, breaker.Config{SlowCallRate: 0.5})
		keys      = effective(t, keyed.Config{})
		room      = effective(t, bulkhead.Config{MaxConcurrent: 1})
		limit     = effective(t, ratelimit.Config{Rate: 42})
		again     = effective(t, retry.Config{})
		attempt   = effective(t, timeout.Config{})
		alive     = effective(t, health.Config{Probe: func(context.Context) error { return nil }})
		faults    = effective(t, chaos.Config{})
		second    = effective(t, hedge.Config{})
	)
	detection := ejection(t)
	return map[string]string{
		"milvus.Config.Address":                  endpoint,
		"milvus.Config.PropagationDisabled":      short(milvus.Config{}.PropagationDisabled),
		"milvus.Config.Addresses":                map[int]string{0: "none"}[len(milvus.Config{}.Addresses)],
		"milvus.Config.Lanes":                    map[int]string{0: "one lane"}[len(milvus.Config{}.Lanes)],
		"endpoint.Detection.Disabled":            short(detection.Disabled),
		"endpoint.Detection.ConsecutiveFailures": short(detection.ConsecutiveFailures),
		"endpoint.Detection.FailureRate":         short(detection.FailureRate),
		"endpoint.Detection.SlowFactor":          short(detection.SlowFactor),
		"endpoint.Detection.Interval":            short(detection.Interval),
		"endpoint.Detection.BaseEjection":        short(detection.BaseEjection),
		"endpoint.Detection.MaxEjection":         short(detection.MaxEjection),
		"endpoint.Detection.ResolveEvery":        short(detection.ResolveEvery),
		"milvus.Config.QueryText":                short(milvus.Config{}.QueryText),
		"milvus.Config.Database":                 server.Namespace,
		"milvus.Config.Username":                 map[string]string{"": "none"}[milvus.Config{}.Username],
		"milvus.Config.Password":                 map[milvus.Secret]string{{}: "none"}[milvus.Config{}.Password],
		"milvus.Settings.PasswordFile":           map[string]string{"": "none"}[milvus.Settings{}.PasswordFile],
		"milvus.Settings.APIKeyFile":             map[string]string{"": "none"}[milvus.Settings{}.APIKeyFile],
		"milvus.Config.APIKey":                   map[milvus.Secret]string{{}: "none"}[milvus.Config{}.APIKey],

		"penstock.Config.MaxAsync":           short(asyncLimit(t)),
		"penstock.Config.UseTime":            short(penstock.Config{}.UseTime),
		"middleware.Config.OperationTimeout": map[time.Duration]string{0: "none"}[middleware.Config{}.OperationTimeout],
		"middleware.Config.Order":            map[bool]string{true: "the order below"}[middleware.Config{}.Order == nil],

		"pool.Config.Name":               "type of the connection; Milvus " + pattern.Replace(server.Pool.Name),
		"pool.Config.MaxSize":            fmt.Sprintf("%d exclusive, %d shared", exclusive.MaxSize, shared.MaxSize),
		"pool.Config.MinSize":            fmt.Sprintf("%d; Milvus %d", exclusive.MinSize, server.Pool.MinSize),
		"pool.Config.TargetSharing":      short(shared.TargetSharing),
		"pool.Config.MaxSharing":         short(shared.MaxSharing),
		"pool.Config.MaxWaiters":         map[int]string{0: "no limit"}[exclusive.MaxWaiters],
		"pool.Config.AcquireTimeout":     short(exclusive.AcquireTimeout),
		"pool.Config.DialTimeout":        short(exclusive.DialTimeout),
		"pool.Config.MaxConcurrentDials": short(exclusive.MaxConcurrentDials),
		"pool.Config.MaxLifetime":        map[time.Duration]string{0: "none"}[server.Pool.MaxLifetime],
		"pool.Config.LifetimeJitter":     map[time.Duration]string{time.Hour: "a tenth of MaxLifetime"}[aging.LifetimeJitter],
		"pool.Config.IdleTimeout":        map[time.Duration]string{0: "none"}[exclusive.IdleTimeout],
		"pool.Config.CheckIdleAfter":     map[time.Duration]string{0: "0"}[exclusive.CheckIdleAfter],
		"pool.Config.CheckEvery":         map[time.Duration]string{0: "off"}[exclusive.CheckEvery],
		"pool.Config.ReplaceAfter":       short(shared.ReplaceAfter) + ", shared",
		"pool.Config.LeakAfter":          map[time.Duration]string{0: "off"}[exclusive.LeakAfter],

		"trace.Config.Disabled": short(effective(t, trace.Config{}).Disabled),

		"breaker.Config.FailureThreshold":    fmt.Sprintf("%d; %s with FailureRate", plain.FailureThreshold, map[int]string{0: "none"}[rate.FailureThreshold]),
		"breaker.Config.FailureRate":         short(plain.FailureRate) + " (off)",
		"breaker.Config.FailureWindow":       short(rate.FailureWindow),
		"breaker.Config.FailureWindowTime":   map[time.Duration]string{0: "none"}[rate.FailureWindowTime],
		"breaker.Config.MinimumCalls":        short(rate.MinimumCalls),
		"breaker.Config.RecoveryTimeout":     short(plain.RecoveryTimeout),
		"breaker.Config.HalfOpenSuccesses":   short(plain.HalfOpenSuccesses),
		"breaker.Config.MaxHalfOpenRequests": short(plain.MaxHalfOpenRequests),
		"breaker.Config.FairRun":             short(plain.FairRun),
		"breaker.Config.CountAttempts":       short(plain.CountAttempts),
		"breaker.Config.SlowCallRate":        short(plain.SlowCallRate) + " (off)",
		"breaker.Config.SlowCallThreshold":   short(slow.SlowCallThreshold),
		"breaker.Config.SlowCallWindow":      short(slow.SlowCallWindow),
		"breaker.Config.Disabled":            short(plain.Disabled),
		"keyed.Config.Key":                   map[bool]string{true: "target of the operation"}[keys.Key == nil],
		"keyed.Config.Max":                   short(keys.Max),
		"keyed.Config.Disabled":              short(keys.Disabled),

		"bulkhead.Config.MaxConcurrent": map[int]string{0: "none"}[bulkhead.Config{}.MaxConcurrent],
		"bulkhead.Config.MaxWaiting":    short(room.MaxWaiting),
		"bulkhead.Config.MaxWait":       map[time.Duration]string{0: "no limit"}[room.MaxWait],
		"bulkhead.Config.Disabled":      short(room.Disabled),

		"ratelimit.Config.Rate":     map[float64]string{0: "none"}[ratelimit.Config{}.Rate],
		"ratelimit.Config.Burst":    map[int]string{42: "one second's worth"}[limit.Burst],
		"ratelimit.Config.MaxWait":  short(limit.MaxWait),
		"ratelimit.Config.Disabled": short(limit.Disabled),

		"retry.Config.MaxRetries":  short(again.MaxRetries),
		"retry.Config.Interval":    short(again.Interval),
		"retry.Config.MaxInterval": short(again.MaxInterval),
		"retry.Config.Jitter":      map[retry.Jitter]string{retry.FullJitter: "full"}[again.Jitter],
		"retry.Config.Budget":      short(again.Budget),
		"retry.Config.Disabled":    short(again.Disabled),

		"timeout.Config.Attempt":  short(attempt.Attempt),
		"timeout.Config.Disabled": short(attempt.Disabled),

		"health.Config.Interval":         short(alive.Interval),
		"health.Config.RecoveryInterval": short(alive.RecoveryInterval),
		"health.Config.MaxRate":          short(alive.MaxRate),
		"health.Config.Replicas":         short(alive.Replicas),
		"health.Config.Timeout":          short(alive.Timeout),
		"health.Config.DownThreshold":    short(alive.DownThreshold),
		"health.Config.UpThreshold":      short(alive.UpThreshold),
		"health.Config.Disabled":         short(alive.Disabled),

		"chaos.Config.Faults":   map[int]string{0: "none"}[len(faults.Faults)],
		"chaos.Config.Seed":     short(faults.Seed),
		"chaos.Config.StartOff": short(faults.StartOff),
		"chaos.Config.Disabled": short(faults.Disabled),

		"hedge.Config.Delay":    short(second.Delay),
		"hedge.Config.Quantile": short(second.Quantile) + " (off)",
		"hedge.Config.Budget":   short(second.Budget),
		"hedge.Config.PayIn":    short(hedge.Config{}.PayIn),
	}
}

// ejection returns the settings in force of endpoints.
func ejection(t *testing.T) endpoint.Detection {
	t.Helper()
	d, err := endpoint.Detection{}.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func short(v any) string { return fmt.Sprint(v) }

// The tables of docs/configuration.md say what the code does.
func TestDefaultsInTheDocumentationAreThoseOfTheCode(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (?:`[a-z_.]+` )?\\| `(\\w+\\.\\w+\\.\\w+)` \\| ([^|]+) \\|")
	text := read(t, "docs/configuration.md")
	got := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		got[m[1]] = m[2]
	}
	delete(got, "milvus.Config.TLS") // milvus.Settings makes both
	delete(got, "milvus.Config.TLSFiles")
	want := defaults(t)
	for setting, def := range want {
		if def == "" || got[setting] != def {
			t.Errorf("%s is documented as %q, want %q", setting, got[setting], def)
		}
	}
	for setting := range got {
		if _, ok := want[setting]; !ok {
			t.Errorf("nothing checks the documented default of %s", setting)
		}
	}
	order := "`" + strings.Join(middleware.DefaultOrder(), "`, `") + "`"
	if !strings.Contains(strings.ReplaceAll(text, "\n", " "), "The default order is "+order) {
		t.Errorf("the default order is not documented, want %s", order)
	}
}

// notOnThePage are the fields of configurations that docs/configuration.md need
// not list. The others that it does not list hold a function or an interface.
var notOnThePage = []string{
	"breaker.Config.Name", "bulkhead.Config.Name", "ratelimit.Config.Name", "health.Config.Name", // of the pool
	"pool.Config.Mode",  // the adapter of a backend sets it
	"keyed.Config.Each", // a breaker.Config
}

func TestThePageOfTheConfigurationListsEveryField(t *testing.T) {
	text := read(t, "docs/configuration.md")
	for _, of := range []any{
		pool.Config{}, trace.Config{}, breaker.Config{}, keyed.Config{}, bulkhead.Config{}, ratelimit.Config{},
		retry.Config{}, timeout.Config{}, health.Config{}, chaos.Config{}, hedge.Config{},
	} {
		config := reflect.TypeOf(of)
		for _, field := range reflect.VisibleFields(config) {
			name := config.String() + "." + field.Name
			kind := field.Type.Kind()
			if kind != reflect.Func && kind != reflect.Interface && !slices.Contains(notOnThePage, name) &&
				!strings.Contains(text, "| `"+name+"` |") {
				t.Errorf("docs/configuration.md does not list %s", name)
			}
		}
		if _, has := config.MethodByName("Effective"); has && config != reflect.TypeFor[chaos.Config]() &&
			!strings.Contains(text, "`"+config.String()+".Effective`") {
			t.Errorf("docs/configuration.md does not say that %s.Effective has the defaults", config)
		}
	}
}
