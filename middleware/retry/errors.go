// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/core"
)

// ErrExhausted says that all attempts were made and failed. The error that
// matches it is an [*Error] with the errors of all of them.
var ErrExhausted = core.Sentinel("retries exhausted", "", core.ErrConnection)

// ErrBudget says that the backend's budget for further attempts is spent.
var ErrBudget = errors.New("retry budget spent")

// Outcomes of an operation in which an attempt failed, as telemetry names
// them.
const (
	OutcomeRecovered    = "recovered"     // a later attempt succeeded
	OutcomeExhausted    = "exhausted"     // no retries left
	OutcomeNotRetryable = "not_retryable" // another attempt would not end better
	OutcomeUnsafe       = "unsafe"        // the backend may have applied the attempt
	OutcomeLimited      = "limited"       // a stage limits the attempts, as a breaker does for a probe
	OutcomeForbidden    = "forbidden"     // a guard, such as that of an open breaker, says no
	OutcomeRejected     = "rejected"      // a further attempt was refused locally
	OutcomeHint         = "retry_after"   // the backend asks to wait for longer than Cap
	OutcomeBudget       = "budget"        // the budget is spent
	OutcomeDeadline     = "deadline"      // the wait would not fit before the deadline
	OutcomePanicked     = "panicked"      // a further attempt panicked
	OutcomeCanceled     = "canceled"      // the caller's context ended
)

// Error says how an operation failed for which another attempt was made, or
// might have been.
//
// errors.Is and errors.As find Err first, then the errors of the other
// attempts, the last first. They find Reason only if it is the end of the
// caller's context: any other reason, such as an open breaker, is not what
// became of the operation.
type Error struct {
	Err      error   // of the last attempt that the backend had a part in
	Attempts []error // of all attempts made, in order; never empty
	Outcome  string  // one of the Outcome constants
	Reason   error   // why no further attempt was made
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Err.Error())
	if e.Reason != nil {
		fmt.Fprintf(&b, " (no further attempt: %v)", e.Reason)
	}
	sep, main := "; also ", e.Err.Error()
	for i, err := range e.Attempts {
		if text := err.Error(); text != main { // what says the same is said once
			fmt.Fprintf(&b, "%s#%d: %s", sep, i+1, text)
			sep = ", "
		}
	}
	return b.String()
}

// ErrorType returns that of Err.
func (e *Error) ErrorType() string { return core.ErrorType(e.Err) }

// Is matches [ErrExhausted] and its family, if all attempts were made.
func (e *Error) Is(target error) bool {
	return e.Outcome == OutcomeExhausted && errors.Is(ErrExhausted, target)
}

// Unwrap returns the errors that errors.Is and errors.As look into.
func (e *Error) Unwrap() []error {
	// Err is among the attempts again: errors need not be comparable, so it is
	// not looked for.
	errs := []error{e.Err}
	for _, err := range slices.Backward(e.Attempts) {
		errs = append(errs, err)
	}
	if e.Reason != nil && (e.Outcome == OutcomeDeadline || e.Outcome == OutcomeCanceled) {
		errs = append(errs, e.Reason)
	}
	return errs
}
