// SPDX-License-Identifier: Apache-2.0

package nested

import (
	"context"
	"time"
)

// Keeper is a lender of connections that wants to know which operation has each of them.
type Keeper interface {
	// Hold says that the lease with this token, which is out, is of the attempt whose
	// context is ctx, since the given instant. It is called before the work.
	Hold(ctx context.Context, token uint64, op, target string, since time.Time)
}

// Judge is a lender of connections that wants to know what a failed attempt says of the
// backend.
type Judge interface {
	// Judge says the verdict, a core.Verdict, of the attempt that has the lease with this
	// token. It is called before the lease is returned, and only if the attempt returned
	// an error. Judge reports whether a failure is known already: the lender lends nothing
	// of that place any more, or did so meanwhile, because of failures there, and has other
	// places that work.
	Judge(token uint64, verdict uint8) (known bool)
}

// Tracer is an observer that knows the trace of a context.
type Tracer interface {
	// TraceID returns the id of the trace that ctx belongs to, sampled or not; empty if
	// there is none.
	TraceID(ctx context.Context) string
}
