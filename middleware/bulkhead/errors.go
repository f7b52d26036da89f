// SPDX-License-Identifier: Apache-2.0

package bulkhead

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// ErrFull is matched by every refusal of a bulkhead. It is a core.ErrRejected.
var ErrFull = core.Sentinel("bulkhead full", "bulkhead_full", core.ErrRejected)

// FullError is the error of an operation that a bulkhead refuses. errors.Is finds
// [ErrFull], and Err.
type FullError struct {
	Name   string        // of the bulkhead
	Limit  int           // how many operations may run at once
	Waited time.Duration // zero if the operation was refused at once
	Err    error         // what ended the wait: the context's error, core.ErrClientClosed, or nil for MaxWait
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

// ErrorType returns "bulkhead_full", or "canceled" if the caller gave up, or
// "pool_closed" if the client was closed.
func (e *FullError) ErrorType() string {
	switch e.Err {
	case context.Canceled:
		return errtype.Canceled
	case core.ErrClientClosed:
		return errtype.PoolClosed
	}
	return "bulkhead_full"
}

// Explain fills in the limit, for an observer.
func (e *FullError) Explain(event *core.Event) { event.MaxConcurrent = e.Limit }

// Unwrap returns [ErrFull] and Err.
func (e *FullError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrFull}
	}
	return []error{ErrFull, e.Err}
}
