// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-go/penstock/core"
)

// ErrExhausted is matched by the error of an operation that failed in all the
// attempts it may have. It is a core.ErrConnection. The error is an [*Error] with
// the errors of all attempts.
var ErrExhausted = core.Sentinel("retries exhausted", "", core.ErrConnection)

// ErrBudget is the Reason of an [*Error] if the budget for further attempts is
// spent.
var ErrBudget = errors.New("retry budget spent")

var errUnsafe = errors.New("the operation is unsafe to repeat, and the backend may have applied it")

// The outcomes of an operation in which an attempt failed, as telemetry names them.
const (
	OutcomeRecovered    = "recovered"     // a later attempt succeeded
	OutcomeAnswered     = "answered"      // a later attempt got an answer that is no result
	OutcomeExhausted    = "exhausted"     // no retries left
	OutcomeNotRetryable = "not_retryable" // another attempt would not end better
	OutcomeUnsafe       = "unsafe"        // the backend may have applied the attempt
	OutcomeLimited      = "limited"       // a stage limits the attempts, as a breaker does for a probe
	OutcomeForbidden    = "forbidden"     // a guard forbids a further attempt, as an open breaker does
	OutcomeRejected     = "rejected"      // a further attempt was refused locally
	OutcomeHint         = "retry_after"   // the backend asks to wait for longer than MaxInterval
	OutcomeBudget       = "budget"        // the budget is spent
	OutcomeDeadline     = "deadline"      // the deadline has passed, or comes before the end of the wait
	OutcomePanicked     = "panicked"      // a further attempt panicked or called runtime.Goexit
	OutcomeCanceled     = "canceled"      // the caller's context ended
	OutcomeClosed       = "closed"        // the client was closed
)

// Error is the error of an operation with several attempts, or with one attempt
// after which a further attempt was due and something stopped it.
//
// errors.Is and errors.As find Err first, then the errors of the other attempts,
// the last one first. They find Reason only if Reason is the end of a context or the
// close of the client. Any other reason, such as an open breaker, stopped the retries
// and did not make the operation fail.
type Error struct {
	Err      error   // the error of the last attempt that the backend is judged by, else of the first
	Attempts []error // the errors of all attempts, in order; never empty
	Outcome  string  // one of the Outcome constants
	Reason   error   // why no further attempt was made; nil if none would end better
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Err.Error())
	if e.Reason != nil {
		fmt.Fprintf(&b, " (no further attempt: %v)", e.Reason)
	}
	sep, main := "; also ", e.Err.Error()
	for i, err := range e.Attempts {
		if text := err.Error(); text != main { // an equal text is not repeated
			fmt.Fprintf(&b, "%s#%d: %s", sep, i+1, text)
			sep = ", "
		}
	}
	return b.String()
}

// ErrorType returns the type of Err.
func (e *Error) ErrorType() string { return core.ErrorType(e.Err) }

// Is matches [ErrExhausted], and what that matches, if all attempts were made.
func (e *Error) Is(target error) bool {
	return e.Outcome == OutcomeExhausted && errors.Is(ErrExhausted, target)
}

// Unwrap returns the errors that errors.Is and errors.As look into.
func (e *Error) Unwrap() []error {
	// Err comes twice, because it is one of the attempts. It cannot be found among
	// them: errors need not be comparable.
	errs := []error{e.Err}
	for _, err := range slices.Backward(e.Attempts) {
		errs = append(errs, err)
	}
	if e.Reason == nil {
		return errs
	}
	switch e.Outcome {
	case OutcomeDeadline, OutcomeCanceled, OutcomeClosed:
		errs = append(errs, e.Reason)
	}
	return errs
}
