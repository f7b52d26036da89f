// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/pool/milvus"
)

// target is what is loaded.
type target struct {
	client milvus.ClientConfig
	tls    tlsFiles
}

// field is a setting, and where its value goes.
type field struct {
	key string
	to  any // a pointer, whose type says what values there are
}

// secret is text that is never shown.
type secret string

func (t *target) fields() []field {
	var (
		c     = &t.client
		chain = &c.Chain
	)
	return []field{
		{"address", &c.Address},
		{"database", &c.Database},
		{"username", &c.Username},
		{"password", (*secret)(&c.Password)},
		{"api_key", (*secret)(&c.APIKey)},

		{"tls.enabled", &t.tls.enabled},
		{"tls.ca_file", &t.tls.ca},
		{"tls.cert_file", &t.tls.cert},
		{"tls.key_file", &t.tls.key},
		{"tls.server_name", &t.tls.serverName},

		{"pool.name", &c.Pool.Name},
		{"pool.max_size", &c.Pool.MaxSize},
		{"pool.min_size", &c.Pool.MinSize},
		{"pool.target_sharing", &c.Pool.TargetSharing},
		{"pool.max_sharing", &c.Pool.MaxSharing},
		{"pool.max_waiters", &c.Pool.MaxWaiters},
		{"pool.acquire_timeout", &c.Pool.AcquireTimeout},
		{"pool.dial_timeout", &c.Pool.DialTimeout},
		{"pool.max_concurrent_dials", &c.Pool.MaxConcurrentDials},
		{"pool.max_lifetime", &c.Pool.MaxLifetime},
		{"pool.lifetime_jitter", &c.Pool.LifetimeJitter},
		{"pool.idle_timeout", &c.Pool.IdleTimeout},
		{"pool.check_idle_after", &c.Pool.CheckIdleAfter},
		{"pool.check_every", &c.Pool.CheckEvery},
		{"pool.replace_after", &c.Pool.ReplaceAfter},

		{"operation_timeout", &c.Timeout},
		{"order", &chain.Order},
		{"without", &chain.Without},

		{"timeout.disabled", &chain.Timeout.Disabled},
		{"timeout.attempt", &chain.Timeout.Attempt},

		{"breaker.disabled", &chain.Breaker.Disabled},
		{"breaker.failure_threshold", &chain.Breaker.FailureThreshold},
		{"breaker.recovery_timeout", &chain.Breaker.RecoveryTimeout},
		{"breaker.half_open_successes", &chain.Breaker.HalfOpenSuccesses},
		{"breaker.max_half_open_requests", &chain.Breaker.MaxHalfOpenRequests},
		{"breaker.failure_rate", &chain.Breaker.FailureRate},
		{"breaker.failure_window", &chain.Breaker.FailureWindow},
		{"breaker.failure_window_time", &chain.Breaker.FailureWindowTime},
		{"breaker.minimum_calls", &chain.Breaker.MinimumCalls},
		{"breaker.fair_run", &chain.Breaker.FairRun},
		{"breaker.count_attempts", &chain.Breaker.CountAttempts},
		{"breaker.slow_call_rate", &chain.Breaker.SlowCallRate},
		{"breaker.slow_call_threshold", &chain.Breaker.SlowCallThreshold},
		{"breaker.slow_call_window", &chain.Breaker.SlowCallWindow},

		{"retry.disabled", &chain.Retry.Disabled},
		{"retry.max_retries", &chain.Retry.MaxRetries},
		{"retry.interval", &chain.Retry.Interval},
		{"retry.cap", &chain.Retry.Cap},
		{"retry.jitter", &chain.Retry.Jitter},

		{"health.disabled", &chain.Health.Disabled},
		{"health.interval", &chain.Health.Interval},
		{"health.timeout", &chain.Health.Timeout},
		{"health.down_threshold", &chain.Health.DownThreshold},
		{"health.up_threshold", &chain.Health.UpThreshold},

		{"bulkhead.disabled", &chain.Bulkhead.Disabled},
		{"bulkhead.max_concurrent", &chain.Bulkhead.MaxConcurrent},
		{"bulkhead.max_waiting", &chain.Bulkhead.MaxWaiting},
		{"bulkhead.max_wait", &chain.Bulkhead.MaxWait},

		{"ratelimit.disabled", &chain.RateLimit.Disabled},
		{"ratelimit.rate", &chain.RateLimit.Rate},
		{"ratelimit.burst", &chain.RateLimit.Burst},
		{"ratelimit.max_wait", &chain.RateLimit.MaxWait},
	}
}

// set puts the value of a setting where it belongs.
func (l *loader) set(f field) {
	value, where := l.k.Get(f.key), l.file+": "+f.key
	if text, ok := l.env.Get(f.key).(string); ok {
		value, where = parse(f.to, text), variable(f.key)
	}
	if value == nil {
		return // it stands in the file without a value
	}
	wants := ""
	switch to := f.to.(type) {
	case *secret:
		text, ok := value.(string)
		if *to = secret(text); !ok {
			l.fault("%s is not text; put it in quotes", where) // and not what it is
		}
	case *string:
		wants = assign(to, value, "text, in quotes if it looks like anything else")
	case *bool:
		wants = assign(to, value, "true or false")
	case *int:
		if wants = assign(to, value, "a whole number"); wants == "" {
			l.positive(where, float64(*to), value)
		}
	case *float64:
		if n, ok := value.(int); ok {
			value = float64(n)
		}
		if wants = assign(to, value, "a number"); wants == "" {
			l.positive(where, *to, value)
		}
	case *time.Duration:
		if value == 0 {
			value = "0" // which needs no unit
		}
		text, _ := value.(string)
		d, err := time.ParseDuration(text)
		if *to = d; err != nil {
			wants = "a duration with its unit, such as 500ms or 3s"
		} else {
			l.positive(where, float64(d), value)
		}
	case *retry.Jitter:
		text, _ := value.(string)
		jitter, ok := jitters[text]
		if *to = jitter; !ok {
			wants = "full, equal or none"
		}
	case *[]string:
		names, ok := texts(value)
		if *to = names; !ok {
			wants = "a list of names"
		}
	}
	if wants != "" {
		l.fault("%s is %s, want %s", where, show(value), wants)
	}
}

var jitters = map[string]retry.Jitter{"full": retry.FullJitter, "equal": retry.EqualJitter, "none": retry.NoJitter}

// parse returns the value that a variable's text stands for, which is what a
// file would hold, or the text itself if it stands for none.
func parse(to any, text string) any {
	var (
		value any
		err   error
	)
	switch to.(type) {
	case *bool:
		value, err = strconv.ParseBool(text)
	case *int:
		value, err = strconv.Atoi(text)
	case *float64:
		value, err = strconv.ParseFloat(text, 64)
	case *[]string:
		var names []any
		for name := range strings.SplitSeq(text, ",") {
			names = append(names, strings.TrimSpace(name))
		}
		return names
	default:
		return text
	}
	if err != nil {
		return text
	}
	return value
}

// assign sets to to value if that is a T, and else returns what is wanted.
func assign[T any](to *T, value any, want string) (wants string) {
	v, ok := value.(T)
	if !ok {
		return want
	}
	*to = v
	return ""
}

// positive refuses what is not more than zero.
func (l *loader) positive(where string, number float64, value any) {
	switch {
	case number < 0:
		l.fault("%s is negative: %v", where, value)
	case !(number > 0):
		l.fault("%s is %v: leave it out for the default", where, value)
	}
}

func texts(value any) (names []string, ok bool) {
	values, ok := value.([]any)
	ok = ok && len(values) > 0
	for _, v := range values {
		name, isText := v.(string)
		names, ok = append(names, name), ok && isText && name != ""
	}
	return names, ok
}

// show describes a bad value.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a section"
	default:
		return fmt.Sprint(v)
	}
}
