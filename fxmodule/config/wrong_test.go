// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/fxmodule/config"
)

const (
	client  = `penstock: client "localhost:19530/default": `
	badPool = "pool: bad configuration: "
	badWire = "milvus: bad configuration: "
	badPart = "middleware: bad configuration: "
)

// Each row has all that the user reads. FILE stands for the name of the file.
func TestWhatIsWrongIsNamedAtOnceAndOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		file string
		env  map[string]string
		want []string
	}{
		{"unknown settings", "adress: localhost:1\nwithout: [health]\nretry: {cap: 1s, backoff: 2}\n", nil, []string{
			`FILE: unknown setting "adress": docs/configuration.md lists all settings`,
			`FILE: unknown setting "retry.backoff": docs/configuration.md lists all settings`,
			`FILE: unknown setting "retry.cap": docs/configuration.md lists all settings`,
			`FILE: unknown setting "without": docs/configuration.md lists all settings`,
		}},
		{"unknown variables", "", map[string]string{"POOL_MAXSIZE": "3", "SERVICE": "x", "PORT": "19530"}, []string{
			"unknown variable PENSTOCK_POOL_MAXSIZE: docs/configuration.md lists all settings",
			"unknown variable PENSTOCK_PORT: docs/configuration.md lists all settings",
			"unknown variable PENSTOCK_SERVICE: docs/configuration.md lists all settings",
		}},
		{"a section without settings", "timeout: 3s\nhealth: [a]\nratelimit: {rate: {a: 3}}", nil, []string{
			"FILE: health has no value of its own: it holds settings such as health.interval",
			"FILE: timeout has no value of its own: it holds settings such as timeout.attempt",
			"FILE: ratelimit.rate is a section, want a number",
		}},
		{"values of the wrong kind", `
address: 17
password: 12345
username: [a]
order: trace
retry: {interval: 3, jitter: much}
breaker: {failure_threshold: 1.5, recovery_timeout: {seconds: 3}, count_attempts: 1}
ratelimit: {rate: fast}
`, nil, []string{
			"FILE: address is 17, want text, in quotes if it looks like anything else",
			"FILE: username is a list, want text, in quotes if it looks like anything else",
			"FILE: password is not text; put it in quotes",
			`FILE: order is "trace", want a list of names`,
			"FILE: breaker.failure_threshold is 1.5, want a whole number",
			"FILE: breaker.recovery_timeout is a section, want a duration with its unit, such as 500ms or 3s",
			"FILE: breaker.count_attempts is 1, want true or false",
			`FILE: ratelimit.rate is "fast", want a number`,
			"FILE: retry.interval is 3, want a duration with its unit, such as 500ms or 3s",
			`FILE: retry.jitter: "much" is no retry.Jitter, want full, equal or none`,
		}},
		{"variables of the wrong kind", "", map[string]string{
			"POOL_MAX_SIZE": "many", "BREAKER_COUNT_ATTEMPTS": "maybe", "HEALTH_INTERVAL": "3", "RETRY_JITTER": "FULL", "OPERATION_TIMEOUT": "-3s",
		}, []string{
			"PENSTOCK_OPERATION_TIMEOUT is -3s, want more than 0: leave it out for the default",
			`PENSTOCK_POOL_MAX_SIZE is "many", want a whole number`,
			`PENSTOCK_BREAKER_COUNT_ATTEMPTS is "maybe", want true or false`,
			`PENSTOCK_RETRY_JITTER: "FULL" is no retry.Jitter, want full, equal or none`,
			`PENSTOCK_HEALTH_INTERVAL is "3", want a duration with its unit, such as 500ms or 3s`,
		}},
		{"zeros", "operation_timeout: 0\nretry: {max_retries: 0, interval: 0s}\nbulkhead: {max_concurrent: 0}", nil, []string{
			"FILE: operation_timeout is 0, want more than 0: leave it out for the default",
			"FILE: bulkhead.max_concurrent is 0, want more than 0: leave it out for the default",
			"FILE: retry.max_retries is 0, want more than 0: leave it out for the default",
			"FILE: retry.interval is 0s, want more than 0: leave it out for the default",
		}},
		{"contradictions", "operation_timeout: 1s\ntimeout: {attempt: 2s}\nretry: {interval: 30s}\npool: {min_size: 9}\napi_key: a\nusername: b:c", nil, []string{
			badWire + "Username has a colon, which Milvus takes for the end of it: use a user without a colon",
			badWire + "both APIKey and Username are set: leave one of the two out",
			client + badPool + "MinSize 9 exceeds MaxSize 4 (the default): set a lower MinSize, or a higher MaxSize",
			badPart + "Timeout.Attempt 2s is not below OperationTimeout 1s: an attempt would never end by it; set a lower one, or leave it out",
			badPart + "retry: Interval 30s is above MaxInterval 20s: set a lower Interval, or a higher MaxInterval",
		}},
		{"a bad value beside one that it would contradict", "retry: {interval: 30s, max_interval: -1s}\nbulkhead: {max_concurrent: -1, max_wait: 1s}\nusername: 7\npassword: secret", nil, []string{
			"FILE: username is 7, want text, in quotes if it looks like anything else",
			"FILE: bulkhead.max_concurrent is -1, want more than 0: leave it out for the default",
			"FILE: retry.max_interval is -1s, want more than 0: leave it out for the default",
			badPart + "bulkhead: MaxWait is 1s, but MaxWaiting lets no operation wait: set MaxWaiting, or leave MaxWait out",
		}},
		{"a rate that is no share", "breaker: {slow_call_rate: 2}", nil, []string{client + badPart + "breaker: SlowCallRate is 2, want 0 to 1"}},
		{"TLS that is not on", "tls: {ca_file: ca.pem}", nil, []string{"there are settings for TLS, but tls.enabled is not true: set it, or leave them out"}},
		{"TLS that may be on", "tls: {ca_file: ca.pem, enabled: 1}", nil, []string{"FILE: tls.enabled is 1, want true or false"}},
		{"a misspelt stage in the order", "order: [trace, breaker, retires, timeout, health]", nil, []string{
			client + badPart + `the order names stage "retires", and there is no such stage: name "retry" instead, which has no place, or add the stage to Stages, or leave the name out`,
		}},
		{"a key twice", "pool:\n  max_size: 3\n  max_size: 4\n", nil, []string{"FILE: line 3: max_size is there already, in line 2: keep one of the two"}},
		{"a section twice", "retry: {interval: 1s}\npool: {max_size: 3}\nretry: {max_retries: 2}\n", nil, []string{
			"FILE: line 3: retry is there already, in line 1: keep one of the two",
		}},
		{"an unknown key twice", "hunter2: 1\nhunter2: 2\n", nil, []string{"FILE: line 2: a key is there already, in line 1: keep one of the two"}},
		{"no settings", "- a\n- b\n", nil, []string{"FILE: not a YAML document with settings, see line 1"}},
		{"no YAML", "pool:\n\tmax_size: 3\n", nil, []string{"FILE: not a YAML document with settings, see line 2"}},
		{"two documents", "---\npool: {max_size: 3}\n---\nretry: {max_retries: 2}\n", nil, []string{"FILE: more than one YAML document: put all settings into one"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, value := range row.env {
				t.Setenv("PENSTOCK_"+name, value)
			}
			name := file(t, row.file)
			_, _, err := config.Load(name)
			want := strings.ReplaceAll("config: "+strings.Join(row.want, "\n"), "FILE", name)
			if err == nil || sorted(err.Error()) != sorted(want) {
				t.Errorf("Load = %v\nwant %s", err, want)
			}
		})
	}
}

// sorted sorts the lines about variables, which have no order.
func sorted(text string) string {
	lines := strings.Split(strings.TrimPrefix(text, "config: "), "\n")
	if strings.HasPrefix(lines[0], "unknown variable") {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}

// required are values without which a section is faulty by itself.
const required = "bulkhead: {max_concurrent: 1}\nratelimit: {rate: 1}\n"

func TestEachValueThatIsNotAboveZeroIsNamedOnce(t *testing.T) {
	_, _, pointers := config.Pointers()
	numbers := 0
	for key, p := range pointers {
		for _, value := range []string{"0", "-1"} {
			switch p.(type) {
			case *int, *float64:
			case *time.Duration:
				value += "s"
			default:
				continue
			}
			numbers++
			name := file(t, required)
			variable := "PENSTOCK_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
			t.Setenv(variable, value)
			_, _, err := config.Load(name)
			if want := "config: " + variable + " is " + value + ", want more than 0: leave it out for the default"; err == nil || err.Error() != want {
				t.Errorf("Load = %v\nwant %s", err, want)
			}
			t.Setenv(variable, "")
		}
	}
	if numbers < 60 {
		t.Errorf("%d settings and values, fewer than there are", numbers)
	}
}

// The variables of a Service called penstock, and of others whose names begin so.
func TestVariablesOfKubernetesAreIgnored(t *testing.T) {
	for name, value := range map[string]string{
		"PENSTOCK_SERVICE_HOST":               "10.0.171.239",
		"PENSTOCK_SERVICE_PORT":               "19530",
		"PENSTOCK_SERVICE_PORT_GRPC":          "19530",
		"PENSTOCK_SERVICE_PORT_MILVUS_2":      "9091",
		"PENSTOCK_PORT":                       "tcp://10.0.171.239:19530",
		"PENSTOCK_PORT_19530_TCP":             "tcp://10.0.171.239:19530",
		"PENSTOCK_PORT_19530_TCP_PROTO":       "tcp",
		"PENSTOCK_PORT_19530_TCP_PORT":        "19530",
		"PENSTOCK_PORT_19530_TCP_ADDR":        "10.0.171.239",
		"PENSTOCK_PORT_53_UDP":                "udp://10.0.171.239:53",
		"PENSTOCK_PORT_53_UDP_ADDR":           "10.0.171.239",
		"PENSTOCK_PORT_132_SCTP":              "sctp://10.0.171.239:132",
		"PENSTOCK_POOL_SERVICE_HOST":          "10.0.171.240",
		"PENSTOCK_POOL_PORT":                  "tcp://10.0.171.240:80",
		"PENSTOCK_POOL_PORT_80_TCP":           "tcp://10.0.171.240:80",
		"PENSTOCK_RETRY_2_SERVICE_PORT_HTTPS": "443",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("PENSTOCK_POOL_MAX_SIZE", "7")
	cfg, _, err := config.Load("")
	if err != nil || cfg.Pool.MaxSize != 7 {
		t.Errorf("Load = MaxSize %d, %v, want 7", cfg.Pool.MaxSize, err)
	}
}
