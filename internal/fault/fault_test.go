// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"errors"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/fault"
)

func TestFaultsAreOneErrorWithALineForEach(t *testing.T) {
	if err := (fault.List)(nil).Err("retry"); err != nil {
		t.Errorf("Err = %v without a fault, want nil", err)
	}
	down := errors.New("down")
	var inner fault.List
	inner.Add("A is %d", 1)
	inner.Add("B: %w", down)

	var outer fault.List
	outer.Add("first")
	outer = append(outer, inner.Err("retry"))
	outer.Add("Each%s: %w", "[x]", inner.Err("breaker"))
	err := outer.Err("middleware")
	const want = `middleware: bad configuration: first
retry: A is 1
retry: B: down
Each[x]: A is 1
Each[x]: B: down`
	if err.Error() != want {
		t.Errorf("Err = %s\nwant %s", err, want)
	}
	if !errors.Is(err, down) {
		t.Errorf("the cause is not in %v", err)
	}
}

func TestDefaultFillsInZeroAndRefusesNegatives(t *testing.T) {
	var faults fault.List
	zero, set, negative := 0, 7, -time.Second
	fault.Default(&faults, "Zero", &zero, 5)
	fault.Default(&faults, "Set", &set, 5)
	fault.Default(&faults, "Negative", &negative, time.Second)
	if zero != 5 || set != 7 || negative != -time.Second {
		t.Errorf("the fields became %d, %d, %v", zero, set, negative)
	}
	if err := faults.Err("x"); err == nil || err.Error() != "x: bad configuration: Negative is negative: -1s" {
		t.Errorf("Err = %v", err)
	}
}
