// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"testing"

	"github.com/penstock-go/penstock/core"
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
			return trialConfig{acquire: func(context.Context) error { return exhausted{} }}
		}, func(context.Context, string) (string, error) { return "", nil }},
		{"the inner one was limited", func() trialConfig { return trialConfig{} },
			func(context.Context, string) (string, error) { return "", errLimited }},
		{"the inner one applied something before it was limited", func() trialConfig { return trialConfig{} },
			func(ctx context.Context, _ string) (string, error) {
				core.AttemptOf(ctx).MayHaveApplied()
				return "", errLimited
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outer, inner := newTrial(t, trialConfig{}), newTrial(t, tt.inner())
			_, err := core.Do(t.Context(), outer.client, core.Op{Name: "Outer"}, func(ctx context.Context, _ string) (string, error) {
				return core.Do(ctx, inner.client, core.Op{Name: "Inner"}, tt.work)
			})
			if err == nil || outer.outcome.RetryableAs(core.Unsafe) {
				t.Errorf("Do = %v, and the outer operation would be repeated: %v", err, outer.outcome)
			}
		})
	}
}

func TestWhatAnInnerOperationAppliedTheOuterOneAppliedToo(t *testing.T) {
	outer, inner := newTrial(t, trialConfig{}), newTrial(t, trialConfig{})
	_, _ = core.Do(t.Context(), outer.client, core.Op{Name: "Outer"}, func(ctx context.Context, _ string) (string, error) {
		_, err := core.Do(ctx, inner.client, core.Op{Name: "Inner"}, func(ctx context.Context, _ string) (string, error) {
			core.AttemptOf(ctx).MayHaveApplied()
			return "", nil
		})
		if err != nil {
			t.Error(err)
		}
		return "", errLimited // as a second request of the work itself may be
	})
	if !outer.outcome.Sent {
		t.Errorf("Outcome = %v, want it sent", outer.outcome)
	}
}
