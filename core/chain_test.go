// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"slices"
	"testing"

	"github.com/penstock-go/penstock/core"
)

func TestComposeSkipsNilAndComposesOnce(t *testing.T) {
	var composed int
	var log []string
	stage := func(name string) core.Middleware {
		return func(next core.Handler) core.Handler {
			composed++
			return func(ctx context.Context, call *core.Call) error {
				log = append(log, name)
				return next(ctx, call)
			}
		}
	}
	tr := newTrial(t, trialConfig{stage: core.Compose(nil, stage("a"), core.Compose(), core.Compose(stage("b"), nil), stage("c"))})
	for range 2 {
		if _, err := core.Do(t.Context(), tr.client, search, fail()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"a", "b", "c", "a", "b", "c"}; !slices.Equal(log, want) || composed != 3 {
		t.Errorf("stages ran as %q (composed %d times), want %q (3)", log, composed, want)
	}
}
