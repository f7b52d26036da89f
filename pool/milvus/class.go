// SPDX-License-Identifier: Apache-2.0

package milvus

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
// err, or else the first gRPC status. Any other error comes from the
// operation's own function or from the SDK's checks before a request: it says
// nothing about the server and is not worth another attempt.
//
// A failed request counts as applied only if it was one that changes something
// (see [core.Attempt] for those that went before it).
func Classify(err error) core.Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.class()
	}
	if st, ok := status.FromError(err); ok {
		return (&Error{GRPC: st.Code(), Reason: st.Message()}).class()
	}
	if errors.Is(err, pool.ErrDial) {
		return core.Class{Verdict: core.Failure, Retryable: true}
	}
	return core.Class{Verdict: core.Neutral}
}

func (e *Error) class() core.Class {
	var c core.Class
	switch {
	case e.certificate():
		c = core.Class{Verdict: core.Neutral}
	case e.Code != 0:
		c = e.classByCode()
	default:
		c = e.classByStatus()
	}
	if e.Method == methodConnect || e.Method == methodDial {
		// What is refused here is no statement but the configuration.
		if c.Verdict == core.Success {
			c.Verdict = core.Neutral
		}
		c.ReadOnlyRetry = false
	}
	if e.NotSent || readOnly[e.Method] {
		c.Sent = false
	}
	c.Code = e.ErrorType()
	return c
}

func (e *Error) classByCode() core.Class {
	switch e.meaning() {
	case statement:
		return core.Class{Verdict: core.Success}
	case notReady:
		return core.Class{Verdict: core.Neutral, Retryable: true, ReadOnlyRetry: true, Sent: true}
	case limited:
		return core.Class{Verdict: core.Neutral, Retryable: true, RetryAfter: retryAfter(e.Reason)}
	case overQuota:
		return core.Class{Verdict: core.Neutral, Retryable: e.Retriable, RetryAfter: retryAfter(e.Reason)}
	case refused:
		return core.Class{Verdict: core.Failure, Retryable: true}
	case failed:
		return core.Class{Verdict: core.Failure, Retryable: true, Sent: true}
	default:
		return core.Class{Verdict: core.Neutral, Retryable: e.Retriable, Sent: true}
	}
}

func (e *Error) classByStatus() core.Class {
	switch e.GRPC {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return core.Class{Verdict: core.Success}
	case codes.Unauthenticated:
		return core.Class{Verdict: core.Neutral}
	case codes.ResourceExhausted:
		if e.meaning() == limited {
			return core.Class{Verdict: core.Neutral, Retryable: true, RetryAfter: retryAfter(e.Reason)}
		}
		return core.Class{Verdict: core.Neutral, Sent: true}
	case codes.Unavailable, codes.Canceled:
		if e.closing() {
			return core.Class{Verdict: core.Failure, Retryable: true, Sent: true, Conn: core.Broken}
		}
		if e.GRPC == codes.Unavailable {
			return core.Class{Verdict: core.Failure, Retryable: true, Sent: true, Conn: core.Suspect}
		}
	}
	if e.foreignEnd() {
		return core.Class{Verdict: core.Neutral, Retryable: true, Sent: true}
	}
	// Also Unknown, which is what a handler's plain error becomes, and a deadline
	// that the server, or the operation's own function, had set.
	return core.Class{Verdict: core.Failure, Retryable: true, Sent: true}
}

// foreignEnd reports whether a context of this process ended the request that
// was not the caller's (or this error would not be classified): that of the
// operation's own function, or of another caller, whose DescribeCollection the
// SDK lets everybody wait for who wants to know the same.
func (e *Error) foreignEnd() bool {
	return e.ended != nil && (e.GRPC == codes.Canceled || e.Method == methodDescribe)
}

// meaning also knows the gRPC status of a limit.
func (e *Error) meaning() meaning {
	if e.Code == 0 && e.GRPC == codes.ResourceExhausted && !strings.Contains(e.Reason, "larger than max") {
		return limited
	}
	return meanings[e.Code]
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
