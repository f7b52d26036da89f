// SPDX-License-Identifier: Apache-2.0

package bulkhead

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
)

// Config says how many operations may run and wait. MaxConcurrent is required;
// a chain with the zero value has no bulkhead.
type Config struct {
	// Name names the bulkhead in telemetry and errors. Empty is "bulkhead".
	Name string
	// MaxConcurrent is how many operations may run at once.
	MaxConcurrent int
	// MaxWaiting is how many callers may wait for a slot. Zero is none: beyond
	// MaxConcurrent, operations are refused at once.
	MaxWaiting int
	// MaxWait is the longest wait. Zero is as long as the caller's context
	// lasts.
	MaxWait time.Duration
	// Disabled leaves the stage out.
	Disabled bool
}

// withDefaults returns the configuration that cfg stands for, or an error that
// names everything that is wrong with it.
func (cfg Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if cfg.MaxConcurrent < 1 {
		fault("MaxConcurrent is %d, want at least 1", cfg.MaxConcurrent)
	}
	if cfg.MaxWaiting < 0 {
		fault("MaxWaiting is negative: %d", cfg.MaxWaiting)
	}
	if cfg.MaxWait < 0 {
		fault("MaxWait is negative: %v", cfg.MaxWait)
	}
	if cfg.MaxWait > 0 && cfg.MaxWaiting == 0 {
		fault("MaxWait is %v, but MaxWaiting lets nobody wait", cfg.MaxWait)
	}
	if cfg.Name == "" {
		cfg.Name = Name
	}
	if len(faults) > 0 {
		return cfg, fmt.Errorf("bulkhead: bad configuration: %w", errors.Join(faults...))
	}
	return cfg, nil
}

// ErrFull is matched by every refusal of a bulkhead. It is a core.ErrRejected.
var ErrFull = core.Sentinel("bulkhead full", core.TypeBulkheadFull, core.ErrRejected)

// FullError is how a bulkhead refuses an operation. errors.Is finds [ErrFull],
// and the context's error if that ended the wait.
type FullError struct {
	Name   string        // of the bulkhead
	Limit  int           // of operations that may run
	Waited time.Duration // zero if refused at once
	Err    error         // the context's error, nil if it lasts
}

func (e *FullError) Error() string {
	s := fmt.Sprintf("bulkhead %q is full with %d running", e.Name, e.Limit)
	if e.Waited > 0 {
		s += fmt.Sprintf(", waited %v", e.Waited.Round(time.Microsecond))
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// ErrorType returns "bulkhead_full", or "canceled" if the caller gave up.
func (e *FullError) ErrorType() string {
	if e.Err == context.Canceled {
		return core.TypeCanceled
	}
	return core.TypeBulkheadFull
}

// Unwrap returns [ErrFull] and the context's error.
func (e *FullError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrFull}
	}
	return []error{ErrFull, e.Err}
}

// ForbiddenError is how a bulkhead refuses an operation that had to wait, and
// that a stage further out, such as a breaker that opened meanwhile, forbids
// now. errors.Is finds core.ErrRejected and what that stage said.
type ForbiddenError struct {
	Name string // of the bulkhead
	Err  error  // what the other stage said
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("after a wait in bulkhead %q: %v", e.Name, e.Err)
}

// Unwrap returns what the other stage said, and core.ErrRejected.
func (e *ForbiddenError) Unwrap() []error { return []error{e.Err, core.ErrRejected} }
