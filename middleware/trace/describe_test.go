// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/internal/stage"
	"github.com/penstock-go/penstock/internal/stage/stagetest"
	"github.com/penstock-go/penstock/middleware/trace"
)

func TestDescribeAndWarningsSayWhatHolds(t *testing.T) {
	stagetest.Stage[trace.Config]{
		Name:    trace.Name,
		Random:  func(*rand.Rand) trace.Config { return trace.Config{} },
		Numbers: func(trace.Config, stage.Around) []string { return nil },
		Rules: func(_ trace.Config, around stage.Around) map[string]bool {
			return map[string]bool{"trace stands inside of": around.Order[0] != "trace"}
		},
	}.Test(t)
}

func TestTheWarningNamesTheStagesOutside(t *testing.T) {
	around := stage.Around{Order: []string{"breaker", "health", "trace", "retry"}}
	w := trace.Config{}.Warnings(around)
	if len(w) != 1 || !strings.Contains(w[0], `"breaker", "health":`) || strings.Contains(w[0], "retry") {
		t.Errorf("Warnings = %q, want one that names breaker and health", w)
	}
}
