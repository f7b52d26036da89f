// SPDX-License-Identifier: Apache-2.0

package milvuserr

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

var _ core.Classifier = Classify

// Classify is the [core.Classifier] of Milvus. It goes by the first [*Error] in
// err, or else by the first gRPC status. Any other error comes from the
// operation's own function, or from a check of the SDK before a request: the
// error says nothing about the server, and another attempt would end the same.
//
// The class is about the request that failed. What earlier requests of the same
// attempt applied is marked with [core.MarkApplied].
func Classify(err error) core.Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.class()
	}
	if st, ok := status.FromError(err); ok {
		return (&Error{GRPC: st.Code(), Reason: st.Message()}).class()
	}
	if errors.Is(err, pool.ErrDial) {
		return core.NotApplied("")
	}
	return unrelated
}

// unrelated is the class of a failure that another attempt does not mend and
// that says nothing about the health of the server.
var unrelated = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}

func (e *Error) class() core.Class {
	var c core.Class
	switch {
	case e.certificate():
		c = unrelated
	case e.Rotates && e.unauthenticated():
		// The server refused the request, and the next dial asks for the present
		// credentials. If those are bad too, the dial says so.
		c = core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Broken}
	case e.Code != 0:
		c = e.classByCode()
	default:
		c = e.classByStatus()
	}
	if e.Method == MethodConnect || e.Method == methodDial {
		// The server refused the configuration here, not a statement.
		if c.Verdict == core.Success {
			c.Verdict = core.Neutral
		}
		if c.Retry == core.RetryIfReadOnly {
			c.Retry = core.RetryAlways
		}
	}
	if c.Retry == core.RetryIfIdempotent && !e.MayHaveApplied() {
		c.Retry = core.RetryAlways
	}
	c.ErrorType = e.ErrorType()
	return c
}

func (e *Error) classByCode() core.Class {
	switch e.meaning() {
	case statement:
		return core.Answered("")
	case notReady:
		return core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep}
	case limited:
		return core.Busy("", retryAfter(e.Reason))
	case overQuota:
		if e.Retriable {
			return core.Busy("", retryAfter(e.Reason))
		}
		return unrelated
	case refused:
		return core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep}
	default:
		// An unknown error is read like a failure. The connection is kept all the
		// same, because the server answered on it.
		return core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep}
	}
}

func (e *Error) classByStatus() core.Class {
	switch e.meaning() {
	case statement:
		return core.Answered("")
	case limited:
		return core.Busy("", retryAfter(e.Reason))
	}
	switch e.GRPC {
	case codes.Unauthenticated, codes.ResourceExhausted:
		return unrelated
	case codes.Unavailable, codes.Canceled:
		if e.closing() {
			return core.DeadConn("")
		}
		if e.GRPC == codes.Unavailable {
			return core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect}
		}
	}
	if e.foreignEnd() {
		return core.Class{Verdict: core.Neutral, Retry: core.RetryIfIdempotent, Conn: core.Keep}
	}
	// Unknown is here because gRPC gives it to a plain error of a handler, and
	// DeadlineExceeded because the server, or the operation's own function, may
	// have set a deadline.
	return core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep}
}

// foreignEnd reports whether a context of this process, other than the caller's,
// ended the request: either the operation's function derived its own context, or
// the SDK merged this DescribeCollection with the call of another caller. (The
// end of the caller's context is judged by core, not by a classifier.)
func (e *Error) foreignEnd() bool {
	return e.ended != nil && (e.GRPC == codes.Canceled || e.Method == methodDescribe)
}

// meaning returns what the code of Milvus means, or else the gRPC status.
func (e *Error) meaning() meaning {
	if e.Code != 0 {
		if m, ok := meanings[e.Code]; ok {
			if said := mixed[e.Code]; said != nil && said.MatchString(e.Reason) {
				return statement
			}
			return m
		}
		if e.inputError {
			return statement
		}
		return meaningOf(e.Reason)
	}
	switch e.GRPC {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return statement
	case codes.ResourceExhausted:
		if !strings.Contains(e.Reason, "larger than max") {
			return limited
		}
	}
	return unknown
}

// Mistake reports whether the server says that the request is wrong, or that the request
// names something that does not exist. Another attempt gets the same answer.
func (e *Error) Mistake() bool { return e.meaning() == statement }

// MayHaveApplied reports whether the request may have changed the server. A
// request that changes nothing may not, and neither may a request that was not
// sent, or that the server refused.
func (e *Error) MayHaveApplied() bool {
	if e.NotSent || ReadOnly(e.Method) || e.GRPC == codes.Unauthenticated {
		return false
	}
	switch e.meaning() {
	case statement, limited, overQuota, refused:
		return false
	default:
		return true
	}
}

var (
	waitHint = regexp.MustCompile(`(?i)retry (?:after|in) (\d+(?:\.\d+)?\s?(?:ms|s|m)\b)`)
	rateHint = regexp.MustCompile(`\[rate=(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\]`)
)

// retryAfter returns how long a limit asks to wait, zero if it does not say. A
// rate of less than one a second, as Milvus has for flushing, asks for its
// inverse.
func retryAfter(reason string) time.Duration {
	if m := waitHint.FindStringSubmatch(reason); m != nil {
		d, err := time.ParseDuration(strings.ReplaceAll(m[1], " ", ""))
		if err == nil {
			return d
		}
	}
	if m := rateHint.FindStringSubmatch(reason); m != nil {
		rate, err := strconv.ParseFloat(m[1], 64)
		if err == nil && rate > 0 && rate < 1 && 1/rate < math.MaxInt32 {
			return time.Duration(float64(time.Second) / rate)
		}
	}
	return 0
}
