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
middleware: bad configuration: retry: A is 1
middleware: bad configuration: retry: B: down
middleware: bad configuration: Each[x]: A is 1
middleware: bad configuration: Each[x]: B: down`
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
	none, sum := -2, -3
	fault.Default(&faults, "None", &none, 0)
	fault.Negative(&faults, "Limit", sum, "no limit")
	fault.Negative(&faults, "Limit", 0, "no limit")
	fault.Negative(&faults, "Limit", 3, "no limit")
	const want = `x: bad configuration: Negative is -1s, want 0 (the default, 1s) or more
x: bad configuration: None is -2, want 0 or more
x: bad configuration: Limit is -3, want 0 (no limit) or more`
	if err := faults.Err("x"); err == nil || err.Error() != want {
		t.Errorf("Err = %v\nwant %s", err, want)
	}
}

func TestJoinedErrorsStandInOneLine(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	if err := fault.Join(nil, nil); err != nil {
		t.Errorf("Join of no error = %v, want nil", err)
	}
	if err := fault.Join(nil, a); err != a {
		t.Errorf("Join of one error = %v, want the error itself", err)
	}
	if err := fault.Join(a, nil, b); err.Error() != "a; b" || !errors.Is(err, a) || !errors.Is(err, b) {
		t.Errorf("Join = %q, want a; b, which matches both", err)
	}
}
