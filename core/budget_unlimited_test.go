// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"math"
	"testing"

	"github.com/penstock-go/penstock/core"
)

func TestAnUnlimitedBudgetGrantsEverything(t *testing.T) {
	b := core.UnlimitedBudget()
	for range 100_000 {
		if !b.Take() {
			t.Fatal("it refused")
		}
	}
	b.Deposit()
	b.Refund()
	if got := b.Balance(); !math.IsInf(got, 1) {
		t.Errorf("balance %v, want infinity", got)
	}
}

func TestABudgetSaysWhatItGrants(t *testing.T) {
	for _, test := range []struct {
		budget    *core.Budget
		text      string
		unlimited bool
	}{
		{core.DefaultBudget(), "10 % + 10/s", false},
		{newBudget(t, 0, 0), "0 % + 0/s", false},
		{newBudget(t, 0.125, 0.5), "12.5 % + 0.5/s", false},
		{core.UnlimitedBudget(), "unlimited", true},
	} {
		if got := test.budget.String(); got != test.text || test.budget.Unlimited() != test.unlimited {
			t.Errorf("it says %q, unlimited %v, want %q, %v", got, test.budget.Unlimited(), test.text, test.unlimited)
		}
	}
}
