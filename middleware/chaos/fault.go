// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"slices"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
)

// ErrInjected is matched by every error that a fault injects, beside the fault's
// own Err.
var ErrInjected = core.Sentinel("injected by chaos", "")

// Fault is what happens to some attempts: Latency, Err, Hang or Panic, or Latency
// followed by Err or Panic.
type Fault struct {
	// Share is the share of the attempts that the fault strikes, among those it may
	// strike: above zero and up to one.
	Share float64
	// Ops names the operations whose attempts it may strike. Empty is all
	// operations.
	Ops []string
	// From and Until are the times between which it may strike, counted from the
	// moment the chaos is switched on. Zero for Until is no end.
	From, Until time.Duration

	// Latency is time added to the attempt, before its work or before the rest of
	// the fault. The end of the attempt's context cuts it short.
	Latency time.Duration
	// Err is the error of the attempt, wrapped. The backend's classifier says what
	// it means.
	Err error
	// Hang keeps the attempt until its context ends.
	Hang bool
	// Panic is the value that the attempt panics with. Nil is no panic.
	Panic any
}

// late reports whether the fault is latency and nothing else.
func (f *Fault) late() bool { return f.Err == nil && !f.Hang && f.Panic == nil }

// injected returns the error of a struck attempt, nil if the fault has no Err.
func (f *Fault) injected() error {
	if f.Err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInjected, f.Err)
}

// check returns an error that names everything that is wrong with faults.
func check(faults []Fault) error {
	var found fault.List
	for i, f := range faults {
		for _, fault := range f.faults() {
			found.Add("Faults[%d]: %w", i, fault)
		}
	}
	return found.Err("chaos")
}

// faults returns everything that is wrong with f.
func (f *Fault) faults() (found fault.List) {
	if !(f.Share > 0 && f.Share <= 1) {
		found.Add("Share is %v, want above 0 and up to 1", f.Share)
	}
	if slices.Contains(f.Ops, "") {
		found.Add("Ops names an operation without a name: give its name, or leave it out")
	}
	fault.Default(&found, "From", &f.From, 0)
	fault.Default(&found, "Until", &f.Until, 0)
	if f.Until > 0 && f.Until <= f.From {
		found.Add("Until %v is not after From %v: set a later one, or leave it out", f.Until, f.From)
	}
	fault.Default(&found, "Latency", &f.Latency, 0)
	ends := 0
	for _, set := range []bool{f.Err != nil, f.Hang, f.Panic != nil} {
		if set {
			ends++
		}
	}
	switch {
	case ends > 1:
		found.Add("more than one of Err, Hang and Panic is set: leave all but one out")
	case ends == 0 && f.Latency == 0:
		found.Add("nothing happens, because none of Latency, Err, Hang and Panic is set: set one")
	case f.Hang && f.Latency > 0:
		found.Add("Latency makes no difference to a Hang: leave Latency out")
	}
	return found
}
