// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

// The work of an operation may run operations of other clients. What their
// errors say of themselves is not true of all that the work did.
func TestAnUnsafeOperationIsNotRepeatedForWhatAnInnerOneSays(t *testing.T) {
	for _, tt := range []struct {
		name  string
		inner func() trialConfig
		work  work
	}{
		{"the inner one got no connection", func() trialConfig {
			return trialConfig{acquire: func(context.Context) error { return coretest.Exhausted{} }}
		}, func(context.Context, string) (string, error) { return "", nil }},
		{"the inner one was limited", func() trialConfig { return trialConfig{} },
			func(context.Context, string) (string, error) { return "", errLimited }},
		{"the inner one applied something before it was limited", func() trialConfig { return trialConfig{} },
			func(ctx context.Context, _ string) (string, error) {
				core.MarkApplied(ctx)
				return "", errLimited
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outer, inner := newTrial(t, trialConfig{}), newTrial(t, tt.inner())
			_, err := core.Do(t.Context(), outer.client, core.Op{Name: "Outer"}, func(ctx context.Context, _ string) (string, error) {
				return core.Do(ctx, inner.client, core.Op{Name: "Inner"}, tt.work)
			})
			if err == nil || outer.outcome.Retry.Allows(core.Unsafe) {
				t.Errorf("Do = %v, and the outer operation would be repeated: %v", err, outer.outcome)
			}
		})
	}
}

func TestWhatAnInnerOperationAppliedTheOuterOneAppliedToo(t *testing.T) {
	outer, inner := newTrial(t, trialConfig{}), newTrial(t, trialConfig{})
	_, _ = core.Do(t.Context(), outer.client, core.Op{Name: "Outer"}, func(ctx context.Context, _ string) (string, error) {
		_, err := core.Do(ctx, inner.client, core.Op{Name: "Inner"}, func(ctx context.Context, _ string) (string, error) {
			core.MarkApplied(ctx)
			return "", nil
		})
		if err != nil {
			t.Error(err)
		}
		return "", errLimited // as a second request of the work itself may be
	})
	if outer.outcome.Retry != core.RetryIfIdempotent {
		t.Errorf("Since = %v, want another attempt of idempotent operations only", outer.outcome)
	}
}

func TestTheMarkOfAnOperationHoldsForAllThatItIsPartOf(t *testing.T) {
	const levels = 4
	var trials [levels]*trial
	for i := range trials {
		trials[i] = newTrial(t, trialConfig{})
	}
	var level func(ctx context.Context, i int)
	level = func(ctx context.Context, i int) {
		_, _ = core.Do(ctx, trials[i].client, core.Op{Name: "Level"}, func(ctx context.Context, _ string) (string, error) {
			if i+1 < levels {
				level(ctx, i+1)
			} else {
				core.MarkApplied(ctx)
			}
			return "", errLimited // of a request of its own
		})
	}
	level(t.Context(), 0)
	for i, tr := range trials {
		if tr.outcome.Retry != core.RetryIfIdempotent {
			t.Errorf("level %d: Since = %v, want another attempt of idempotent operations only", i, tr.outcome)
		}
	}
}
