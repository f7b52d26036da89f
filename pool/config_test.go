// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/pool"
)

func TestNewNamesEveryFault(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  pool.Config
		nil  bool // no factory
		want []string
	}{
		{"zero", pool.Config{}, false, nil},
		{"zero, shared", pool.Config{Mode: pool.Shared}, false, nil},
		{"as large as can be", pool.Config{Mode: pool.Shared, MaxSize: 3, MinSize: 3, TargetSharing: 5, MaxSharing: 5}, false, nil},
		{"no factory", pool.Config{}, true, []string{"the factory is nil"}},
		{"everything negative", pool.Config{Mode: pool.Shared, MaxSize: -1, MinSize: -2, TargetSharing: -3, MaxSharing: -4, MaxWaiters: -5, AcquireTimeout: -6, DialTimeout: -7}, true,
			[]string{"MaxSize is -1, want 0", "MinSize is -2, want 0", "TargetSharing is -3, want 0", "MaxSharing is -4, want 0",
				"MaxWaiters is -5, want 0", "AcquireTimeout is -6ns, want 0", "DialTimeout is -7ns, want 0", "the factory is nil"}},
		{"sharing in an exclusive pool", pool.Config{TargetSharing: 2, MaxSharing: 4}, false,
			[]string{"TargetSharing is 2, but the pool is exclusive", "MaxSharing is 4, but the pool is exclusive"}},
		{"min above max", pool.Config{MinSize: 3, MaxSize: 2}, false, []string{"MinSize 3 exceeds MaxSize 2"}},
		{"min above the default", pool.Config{MinSize: 11}, false, []string{"MinSize 11 exceeds MaxSize 10 (the default)"}},
		{"min above the shared default", pool.Config{Mode: pool.Shared, MinSize: 5}, false, []string{"MinSize 5 exceeds MaxSize 4 (the default)"}},
		{"target above max", pool.Config{Mode: pool.Shared, TargetSharing: 9, MaxSharing: 8}, false, []string{"TargetSharing 9 exceeds MaxSharing 8"}},
		{"default target above max", pool.Config{Mode: pool.Shared, MaxSharing: 8}, false, nil},
		{"target above default max", pool.Config{Mode: pool.Shared, TargetSharing: 129}, false, nil},
		{"everything", pool.Config{Mode: pool.Shared, MaxConcurrentDials: 1, MaxLifetime: 5, LifetimeJitter: 5, IdleTimeout: 1, ReplaceAfter: pool.Never, LeakAfter: 1,
			OnLeak: func(pool.LeakInfo) {}, OnUse: func(time.Duration) {}}, false, nil},
		{"new negatives", pool.Config{MaxConcurrentDials: -1, MaxLifetime: -2, LifetimeJitter: -3, IdleTimeout: -4, CheckIdleAfter: -5, CheckEvery: -6, ReplaceAfter: -7, LeakAfter: -8}, false,
			[]string{"MaxConcurrentDials is -1, want 0", "MaxLifetime is -2ns, want 0", "LifetimeJitter is -3ns, want 0", "IdleTimeout is -4ns, want 0",
				"CheckIdleAfter is -5ns, want 0", "CheckEvery is -6ns, want 0", "ReplaceAfter is -7ns, want 0", "LeakAfter is -8ns, want 0"}},
		{"jitter without lifetime", pool.Config{LifetimeJitter: 1}, false, []string{"LifetimeJitter is 1ns, but MaxLifetime is not set"}},
		{"jitter above lifetime", pool.Config{MaxLifetime: 1, LifetimeJitter: 2}, false, []string{"LifetimeJitter 2ns exceeds MaxLifetime 1ns"}},
		{"OnLeak alone", pool.Config{OnLeak: func(pool.LeakInfo) {}}, false, []string{"OnLeak is set, but LeakAfter is not"}},
		{"ReplaceAfter in an exclusive pool", pool.Config{ReplaceAfter: 1}, false, []string{"ReplaceAfter is 1ns, but the pool is exclusive"}},
		{"checks without a checker", pool.Config{CheckIdleAfter: 1, CheckEvery: 2}, false,
			[]string{"CheckIdleAfter is 1ns, but the factory has no method Alive", "CheckEvery is 2ns, but the factory has no method Ping"}},
		{"too many seats", pool.Config{Mode: pool.Shared, MaxSharing: 1<<16 + 1}, false, []string{"MaxSharing 65537 exceeds 65536"}},
		{"unknown mode", pool.Config{Mode: 7}, false, []string{"Mode is mode(7), want exclusive or shared"}},
	} {
		var f pool.Factory[*conn] = &factory{}
		if tc.nil {
			f = nil
		}
		_, err := pool.New(f, tc.cfg)
		if (err != nil) != (len(tc.want) > 0) {
			t.Errorf("%s: New = %v", tc.name, err)
			continue
		}
		if err == nil {
			continue
		}
		if got := strings.Count(err.Error(), "\n") + 1; got != len(tc.want) {
			t.Errorf("%s: New = %q, want %d faults", tc.name, err, len(tc.want))
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: New = %q, want %q in it", tc.name, err, want)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	exclusive := pool.Config{
		Name: "pool", MaxSize: 10, TargetSharing: 1, MaxSharing: 1,
		AcquireTimeout: 3 * time.Second, DialTimeout: 5 * time.Second, MaxConcurrentDials: 8,
	}
	shared := exclusive
	shared.Mode, shared.MaxSize, shared.TargetSharing, shared.MaxSharing = pool.Shared, 4, 32, 128
	shared.ReplaceAfter = 30 * time.Second
	lifetime := exclusive
	lifetime.MaxLifetime, lifetime.LifetimeJitter = time.Hour, 6*time.Minute
	target, most := shared, shared
	target.TargetSharing, target.MaxSharing = 129, 129
	most.TargetSharing, most.MaxSharing = 8, 8
	for _, tc := range []struct {
		name      string
		cfg, want pool.Config
	}{
		{"exclusive", pool.Config{}, exclusive},
		{"shared", pool.Config{Mode: pool.Shared}, shared},
		{"jitter of a lifetime", pool.Config{MaxLifetime: time.Hour}, lifetime},
		{"target above the default of the maximum", pool.Config{Mode: pool.Shared, TargetSharing: 129}, target},
		{"maximum below the default of the target", pool.Config{Mode: pool.Shared, MaxSharing: 8}, most},
	} {
		got := effective(t, tc.cfg)
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: Effective = %+v, want %+v", tc.name, got, tc.want)
		}
		if again := effective(t, got); !reflect.DeepEqual(again, got) {
			t.Errorf("%s: Effective of %+v = %+v", tc.name, got, again)
		}
		p := open(t, &factory{}, tc.cfg)
		if s := p.Stats(); s.Max != tc.want.MaxSize || s.Min != 0 || p.Name() != tc.want.Name {
			t.Errorf("%s: pool %q has Max = %d, Min = %d, want %q, %d, 0", tc.name, p.Name(), s.Max, s.Min, tc.want.Name, tc.want.MaxSize)
		}
	}
}

func TestEffectiveRefusesWhatNewRefuses(t *testing.T) {
	bad := pool.Config{MaxSize: -1, LifetimeJitter: 1, MaxSharing: 2}
	got, err := bad.Effective()
	_, want := pool.New(&factory{}, bad)
	if err == nil || want == nil || err.Error() != want.Error() {
		t.Errorf("Effective = %v, New = %v, want the same error", err, want)
	}
	if !reflect.DeepEqual(got, pool.Config{}) {
		t.Errorf("Effective = %+v, want the zero value beside an error", got)
	}
}

func TestStatsNamesEveryCloseReason(t *testing.T) {
	if s := open(t, &factory{}, pool.Config{}).Stats(); len(s.Closed) != 9 {
		t.Errorf("Closed = %v, want every reason in it", s.Closed)
	}
}

func TestAConfigCanBePrinted(t *testing.T) {
	cfg := pool.Config{Name: "docs", LeakAfter: time.Second, OnLeak: func(pool.LeakInfo) {}, OnUse: func(time.Duration) {}}
	text, err := json.Marshal(cfg)
	if err != nil || !strings.Contains(string(text), `"Name":"docs"`) || strings.Contains(string(text), "OnLeak") {
		t.Errorf("Marshal = %s, %v", text, err)
	}
}
