// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"errors"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// Accept reports whether a fallback may replace the result of an operation that
// failed with err, an error of core.Do. It accepts three reasons: the backend
// failed, the operation was refused before it reached the backend, or the operation
// took too long. It does not accept an answer of the backend about the statement, a
// cancel, bad credentials or a panic.
//
// The Outcome in the *core.Error decides, so an error means the same to a
// fallback, to the breaker and in telemetry. An error without a *core.Error is not
// accepted.
func Accept(err error) bool {
	e, ok := errors.AsType[*core.Error](err)
	if !ok || errors.Is(err, core.ErrPanic) {
		return false
	}
	switch o := e.Outcome; {
	case o.ErrorType == errtype.Canceled:
		return false
	case o.Verdict == core.Failure, o.Rejected, o.OutOfTime:
		return true
	case o.Verdict == core.Neutral && o.Retry == core.RetryNever:
		// Not worth another attempt because an operation within the work made further
		// attempts, or by itself, as bad credentials.
		return Accept(e.Err)
	default:
		return o.Verdict == core.Neutral
	}
}
