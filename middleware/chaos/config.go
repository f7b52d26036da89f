// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config says which faults are injected. A chain with the zero value has no
// chaos.
type Config struct {
	// Faults are tried in order; the first that strikes an attempt is the only
	// one that does.
	Faults []Fault
	// Seed makes the choice of the attempts that are struck. Zero is a seed like
	// any other.
	Seed uint64
	// Off keeps the stage in the chain, switched off until [Chaos.On] or
	// [Chaos.Set] is called.
	Off bool
	// Disabled leaves the stage out.
	Disabled bool
}

// Fault is something bad that happens to some attempts: one of Err, Hang and
// Panic, or Latency, or Latency and then Err or Panic.
type Fault struct {
	// Share is how many of the attempts that it may strike it does, above zero
	// and up to one.
	Share float64
	// Ops names the operations that it may strike. Empty is all of them.
	Ops []string
	// From and Until are when it may strike, counted from when the chaos was
	// switched on. Zero for Until is for ever.
	From, Until time.Duration

	// Latency is how long the attempt takes longer, or takes until it ends in
	// the fault. The end of its context cuts it short.
	Latency time.Duration
	// Err is what the attempt fails with. The backend's classifier sees it, and
	// says what it means.
	Err error
	// Hang keeps the attempt until its context ends.
	Hang bool
	// Panic is what the attempt panics with. Nil is no panic.
	Panic any
}

// late reports whether the fault is latency and nothing else.
func (f *Fault) late() bool { return f.Err == nil && !f.Hang && f.Panic == nil }

// injected returns what the fault fails with.
func (f *Fault) injected() error {
	if f.Err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInjected, f.Err)
}

// check returns an error that names everything that is wrong with faults.
func check(faults []Fault) error {
	var found []error
	for i, f := range faults {
		fault := func(format string, args ...any) {
			found = append(found, fmt.Errorf("Faults[%d]: "+format, append([]any{i}, args...)...))
		}
		if !(f.Share > 0 && f.Share <= 1) {
			fault("Share is %v, want above 0 and up to 1", f.Share)
		}
		if slices.Contains(f.Ops, "") {
			fault("Ops names an operation without a name")
		}
		if f.From < 0 {
			fault("From is negative: %v", f.From)
		}
		if f.Until < 0 {
			fault("Until is negative: %v", f.Until)
		} else if f.Until > 0 && f.Until <= f.From {
			fault("Until %v is not after From %v", f.Until, f.From)
		}
		if f.Latency < 0 {
			fault("Latency is negative: %v", f.Latency)
		}
		ends := 0
		for _, set := range []bool{f.Err != nil, f.Hang, f.Panic != nil} {
			if set {
				ends++
			}
		}
		switch {
		case ends > 1:
			fault("more than one of Err, Hang and Panic is set")
		case ends == 0 && f.Latency == 0:
			fault("nothing happens: none of Latency, Err, Hang and Panic is set")
		case f.Hang && f.Latency > 0:
			fault("Latency makes no difference to a Hang")
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("chaos: bad configuration: %w", errors.Join(found...))
	}
	return nil
}
