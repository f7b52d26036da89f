// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/fxmodule/config"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/health"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/middleware/timeout"
	"github.com/penstock-go/penstock/middleware/trace"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

// file returns the name of a file with that text.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var options = config.Options{Sections: map[string]any{"milvus": milvus.Settings{}}}

// load returns the configurations of the only client of a file.
func load(file string) (milvus.Config, penstock.Config, error) {
	f, err := config.Load(file, options)
	if err != nil {
		return milvus.Config{}, penstock.Config{}, err
	}
	c, err := f.Client("")
	if err != nil {
		return milvus.Config{}, penstock.Config{}, err
	}
	server, err := config.Section[milvus.Settings](c, "milvus")
	pool, client := c.Settings()
	return server.Config(pool), client, err
}

func TestNothingSetMeansTheDefaults(t *testing.T) {
	for _, name := range []string{"", file(t, "# nothing yet\n"), file(t, "---\n"), file(t, "retry:\n  # max_interval: 3s\nmilvus: {address: }\nclients:\npool: {}\nbulkhead:\n  # max_concurrent: 8\nhealth: {}\n")} {
		cfg, client, err := load(name)
		if err != nil {
			t.Errorf("Load = %v", err)
		}
		if !reflect.DeepEqual(cfg, milvus.Config{}) || !reflect.DeepEqual(client, penstock.Config{}) {
			t.Errorf("Load = %#v, %+v, want the zero values", cfg, client)
		}
	}
}

const everything = `
milvus:
  address: milvus.internal:19530
  database: books
  username: reader
  password: "hunter2"
  propagation_disabled: true
  query_text: true
operation_timeout: 5m
max_async: 500
order: [trace, breaker, bulkhead, ratelimit, retry, timeout]
pool: {name: main, max_size: 8, min_size: 2, target_sharing: 16, max_sharing: 64, max_waiters: 100, acquire_timeout: 1s, dial_timeout: 2s, leak_after: 1m}
timeout: {attempt: 5s}
breaker:
  failure_threshold: 7
  recovery_timeout: 20s
  half_open_successes: 2
  max_half_open_requests: 1
  fair_run: 50ms
  count_attempts: true
  slow_call_rate: 0.5
  slow_call_threshold: 2s
  slow_call_window: 30
retry: {max_retries: 2, interval: 200ms, max_interval: 2s, jitter: equal}
health: {disabled: true, interval: 5s, recovery_interval: 2s, max_rate: 50, replicas: 3, timeout: 1s, down_threshold: 4, up_threshold: 2}
bulkhead: {max_concurrent: 100, max_waiting: 50, max_wait: 1s}
ratelimit: {rate: 250, burst: 20, max_wait: 2s}
`

func whole() (milvus.Config, penstock.Config) {
	cfg := milvus.Config{
		Address: "milvus.internal:19530", Database: "books", Username: "reader", Password: milvus.NewSecret("hunter2"),
		PropagationDisabled: true, QueryText: true,
		Pool: pool.Config{
			Name: "main", MaxSize: 8, MinSize: 2, TargetSharing: 16, MaxSharing: 64, MaxWaiters: 100,
			AcquireTimeout: time.Second, DialTimeout: 2 * time.Second, LeakAfter: time.Minute,
		},
	}
	client := penstock.Config{
		MaxAsync: 500,
		Chain: middleware.Config{
			OperationTimeout: 5 * time.Minute,
			Order:            []string{"trace", "breaker", "bulkhead", "ratelimit", "retry", "timeout"},
			Timeout:          timeout.Config{Attempt: 5 * time.Second},
			Breaker: breaker.Config{
				FailureThreshold: 7, RecoveryTimeout: 20 * time.Second, HalfOpenSuccesses: 2, MaxHalfOpenRequests: 1,
				FairRun: 50 * time.Millisecond, CountAttempts: true,
				SlowCallRate: 0.5, SlowCallThreshold: 2 * time.Second, SlowCallWindow: 30,
			},
			Retry:  retry.Config{MaxRetries: 2, Interval: 200 * time.Millisecond, MaxInterval: 2 * time.Second, Jitter: retry.EqualJitter},
			Health: &health.Config{Disabled: true, Interval: 5 * time.Second, RecoveryInterval: 2 * time.Second, MaxRate: 50, Replicas: 3, Timeout: time.Second, DownThreshold: 4, UpThreshold: 2},

			Bulkhead:  &bulkhead.Config{MaxConcurrent: 100, MaxWaiting: 50, MaxWait: time.Second},
			RateLimit: &ratelimit.Config{Rate: 250, Burst: 20, MaxWait: 2 * time.Second},
		},
	}
	return cfg, client
}

// loads fails the test if Load of the file does not return the two
// configurations.
func loads(t *testing.T, file string, wantCfg milvus.Config, wantClient penstock.Config) {
	t.Helper()
	cfg, client, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Password != wantCfg.Password || cfg.APIKey != wantCfg.APIKey {
		t.Errorf("the credentials are not those that were set")
	}
	for _, c := range []struct{ got, want any }{
		{cfg.Address, wantCfg.Address},
		{cfg.Database, wantCfg.Database},
		{cfg.Username, wantCfg.Username},
		{cfg.PropagationDisabled, wantCfg.PropagationDisabled},
		{cfg.QueryText, wantCfg.QueryText},
		{cfg.Pool, wantCfg.Pool},
		{client, wantClient},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("Load = %+v\nwant %+v", c.got, c.want)
		}
	}
}

func TestAFileSetsEverything(t *testing.T) {
	cfg, client := whole()
	loads(t, file(t, everything), cfg, client)
}

func TestTheEnvironmentSetsEverything(t *testing.T) {
	for name, value := range map[string]string{
		"MILVUS_ADDRESS": "milvus.internal:19530", "MILVUS_DATABASE": "books", "MILVUS_USERNAME": "reader", "MILVUS_PASSWORD": "hunter2",
		"OPERATION_TIMEOUT": "5m", "ORDER": "trace, breaker,bulkhead, ratelimit,retry,timeout", "MAX_ASYNC": "500",
		"POOL_NAME": "main", "POOL_MAX_SIZE": "8", "POOL_MIN_SIZE": "2", "POOL_TARGET_SHARING": "16", "POOL_MAX_SHARING": "64",
		"POOL_MAX_WAITERS": "100", "POOL_ACQUIRE_TIMEOUT": "1s", "POOL_DIAL_TIMEOUT": "2s", "POOL_LEAK_AFTER": "1m", "TIMEOUT_ATTEMPT": "5s",
		"BREAKER_FAILURE_THRESHOLD": "7", "BREAKER_RECOVERY_TIMEOUT": "20s", "BREAKER_HALF_OPEN_SUCCESSES": "2",
		"BREAKER_MAX_HALF_OPEN_REQUESTS": "1", "BREAKER_FAIR_RUN": "50ms", "BREAKER_COUNT_ATTEMPTS": "true",
		"BREAKER_SLOW_CALL_RATE": "0.5", "BREAKER_SLOW_CALL_THRESHOLD": "2s", "BREAKER_SLOW_CALL_WINDOW": "30",
		"RETRY_MAX_RETRIES": "2", "RETRY_INTERVAL": "200ms", "RETRY_MAX_INTERVAL": "2s", "RETRY_JITTER": "equal",
		"MILVUS_PROPAGATION_DISABLED": "true", "MILVUS_QUERY_TEXT": "true",
		"HEALTH_DISABLED": "true", "HEALTH_INTERVAL": "5s", "HEALTH_RECOVERY_INTERVAL": "2s", "HEALTH_MAX_RATE": "50", "HEALTH_REPLICAS": "3", "HEALTH_TIMEOUT": "1s", "HEALTH_DOWN_THRESHOLD": "4", "HEALTH_UP_THRESHOLD": "2",
		"BULKHEAD_MAX_CONCURRENT": "100", "BULKHEAD_MAX_WAITING": "50", "BULKHEAD_MAX_WAIT": "1s",
		"RATELIMIT_RATE": "250", "RATELIMIT_BURST": "20", "RATELIMIT_MAX_WAIT": "2s",
	} {
		t.Setenv("PENSTOCK_"+name, value)
	}
	cfg, client := whole()
	loads(t, "", cfg, client)
}

func TestTheEnvironmentWins(t *testing.T) {
	t.Setenv("PENSTOCK_POOL_MAX_SIZE", "16")
	t.Setenv("PENSTOCK_MILVUS_ADDRESS", "")    // counts as not set
	t.Setenv("PENSTOCK_REQUIRE_REAL", "1")     // a variable of Penstock's tests
	t.Setenv("PENSTOCK_RETRY_MAX_RETRIES", "") // counts as not set
	cfg, client := whole()
	cfg.Pool.MaxSize = 16
	loads(t, file(t, everything), cfg, client)
}

func TestAnAPIKeyAndDisabledStages(t *testing.T) {
	loads(t, file(t, `
milvus: {api_key: hunter2}
trace: {disabled: true}
breaker: {disabled: true}
retry: {disabled: true}
timeout: {disabled: true}
health: {disabled: true}
bulkhead: {disabled: true}
`), milvus.Config{APIKey: milvus.NewSecret("hunter2")}, penstock.Config{Chain: middleware.Config{
		Trace:    trace.Config{Disabled: true},
		Breaker:  breaker.Config{Disabled: true},
		Retry:    retry.Config{Disabled: true},
		Timeout:  timeout.Config{Disabled: true},
		Health:   &health.Config{Disabled: true},
		Bulkhead: &bulkhead.Config{Disabled: true},
	}})
}

func TestSecretsAreNeverShown(t *testing.T) {
	for _, text := range []string{
		"milvus: {password: *hunter2}",
		"milvus:\n  password: hunter2\n    api_key: hunter2",
		"hunter2",
		"- hunter2",
		"milvus: hunter2",
		"milvus: {password: {a: hunter2}}",
		"milvus: {password: {\"hunter2!\": 1}}",
		"\"hunter2!\": 1\n\"hunter2!\": 1",
		"milvus: {password: [hunter2], username: x}",
		"milvus: {api_key: hunter2, username: x, password: hunter2}",
		"milvus: {password: hunter2}", // without a user
		"milvus: {password: \"hunter2}",
		"milvus: {password: !!int hunter2}",
		"milvus: {address: \"root:hunter2@localhost:19530\"}",
		"milvus: {password: hunter2, password: hunter2}",
		"milvus: {password: hunter2, password_file: nowhere}",
		"milvus: {password: \"[redacted]\"}",
		"password: hunter2",
		"clients: {hunter2!: {}}",
		"clients: hunter2",
	} {
		_, _, err := load(file(t, text))
		if err == nil {
			t.Errorf("%q is accepted", text)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	cfg, _, err := load(file(t, "milvus: {username: reader, password: hunter2}"))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, cfg); strings.Contains(text, "hunter2") {
		t.Errorf("printed: %s", text)
	}
}

func TestSettingsWrittenAsYAMLShowNoSecret(t *testing.T) {
	t.Setenv("PENSTOCK_MILVUS_USERNAME", "root")
	t.Setenv("PENSTOCK_MILVUS_PASSWORD", "hunter2")
	cfg, _, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(map[string]any{"user": cfg.Username, "password": cfg.Password, "all": milvus.Credentials{
		Username: cfg.Username, Password: cfg.Password,
	}})
	if err != nil || strings.Contains(string(text), "hunter2") || !strings.Contains(string(text), "redacted") {
		t.Errorf("Marshal = %q, %v, want a redacted password", text, err)
	}
}
