// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
)

// ErrUnauthenticated is matched by errors that say that the credentials were
// not accepted. It is a core.ErrConnection.
var ErrUnauthenticated = core.Sentinel("milvus: not authenticated", core.TypeUnauthenticated, core.ErrConnection)

// Error is what the server answered instead of a result, or how the transport
// failed. errors.Is matches core.ErrUnavailable where the server cannot be
// reached or says that it is not available, [ErrUnauthenticated], and
// [ErrCertificate].
type Error struct {
	// Method is the RPC, such as "Search", or "Dial" where it did not come to
	// that. One method of the SDK may make several RPCs.
	Method string
	// Code is the error code of Milvus: zero if the server gave none, and its
	// present-day equivalent where an old server gave only a Legacy code.
	Code int32
	// Legacy is the code that servers before 2.3 gave, zero if there was none.
	Legacy int32
	// GRPC is the gRPC status: codes.OK if the server answered with a Code.
	GRPC codes.Code
	// Reason is what the server or the transport said.
	Reason string
	// Retriable is the server's own opinion. [Classify] knows more.
	Retriable bool
	// NotSent says that the request provably did not leave this process.
	NotSent bool
	// Address is the server's, in errors of dialing.
	Address string

	err   error // behind it, nil if the server answered with a Code
	ended error // the context's error, if that ended the request
}

// newError returns the error that an RPC ended with: the gRPC error err, or
// what the status of its reply says. It returns nil if all is well.
func newError(method string, err error, reply *commonpb.Status, ended error) *Error {
	if err != nil {
		st, _ := status.FromError(err)
		e := &Error{Method: method, GRPC: st.Code(), Reason: st.Message(), err: err}
		if e.GRPC == codes.Canceled || e.GRPC == codes.DeadlineExceeded {
			e.ended = ended
		}
		return e
	}
	//lint:ignore SA1019 old servers set nothing else
	legacy := reply.GetErrorCode()
	if reply.GetCode() == 0 && legacy == commonpb.ErrorCode_Success {
		return nil
	}
	e := &Error{
		Method: method, Code: reply.GetCode(), Legacy: int32(legacy),
		Reason: reply.GetReason(), Retriable: reply.GetRetriable(),
	}
	if e.Code == 0 {
		e.Code = codeOf(legacy)
	}
	return e
}

// newDialError returns the error of dialing address. ended is the context's
// error if that ended the dialing; cause says why, or what a handshake failed
// with for good.
func newDialError(address string, err, ended, cause error) *Error {
	e := &Error{Method: methodDial, Address: address, GRPC: codes.Unavailable, NotSent: true, err: err, ended: ended}
	inner := errors.Unwrap(err) // without gRPC's "connection error: desc = ..."
	switch {
	case errors.Is(cause, ErrCertificate):
		e.err, e.ended = cause, nil
	case ended == context.Canceled:
		e.GRPC = codes.Canceled
	case ended != nil:
		e.GRPC = codes.DeadlineExceeded
	case inner != nil:
		e.err = inner
	}
	e.Reason = e.err.Error()
	return e
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("milvus")
	if e.Address != "" {
		b.WriteString(" at ")
		b.WriteString(e.Address)
	}
	b.WriteString(": ")
	b.WriteString(e.Method)
	b.WriteString(": ")
	if e.Reason != "" {
		b.WriteString(e.Reason)
		b.WriteByte(' ')
	}
	b.WriteByte('(')
	b.WriteString(e.ResponseStatusCode())
	b.WriteByte(')')
	return b.String()
}

// ErrorType returns "unauthenticated" or "rate_limited" where that is what
// happened, and else what ResponseStatusCode returns.
func (e *Error) ErrorType() string {
	switch {
	case e.unauthenticated():
		return core.TypeUnauthenticated
	case e.meaning() == limited, e.meaning() == overQuota:
		return core.TypeRateLimited
	default:
		return e.ResponseStatusCode()
	}
}

// ResponseStatusCode returns the error code of Milvus in decimal, or the name
// of the gRPC status, such as "UNAVAILABLE", if there is none.
func (e *Error) ResponseStatusCode() string {
	if e.Code != 0 {
		return strconv.Itoa(int(e.Code))
	}
	return grpcName(e.GRPC)
}

// GRPCStatus returns the gRPC status, nil if the server answered with a Code.
func (e *Error) GRPCStatus() *status.Status {
	if e.GRPC == codes.OK {
		return nil
	}
	if st, ok := status.FromError(e.err); ok && e.err != nil {
		return st
	}
	return status.New(e.GRPC, e.Reason)
}

// Unwrap returns the error behind it, nil if there is none.
func (e *Error) Unwrap() error { return e.err }

// Is matches what the error means: see [Error].
func (e *Error) Is(target error) bool {
	switch {
	case e.ended != nil && errors.Is(e.ended, target):
		return true
	case e.unauthenticated():
		return errors.Is(ErrUnauthenticated, target)
	case e.certificate():
		return false // Unwrap leads there
	case e.closing() && target == pool.ErrBadConn:
		return true
	case e.unavailable():
		//lint:ignore SA1032 the question is what the sentinel matches
		return errors.Is(core.ErrUnavailable, target)
	}
	return false
}

func (e *Error) unauthenticated() bool {
	return e.GRPC == codes.Unauthenticated || e.Code == codeNotAuthenticated || e.Code == codeNeedAuthenticate
}

func (e *Error) unavailable() bool { return e.GRPC == codes.Unavailable || e.Code == codeUnavailable }

func (e *Error) certificate() bool {
	return e.Method == methodDial && errors.Is(e.err, ErrCertificate)
}

// closing reports whether the connection had been closed on our side.
func (e *Error) closing() bool {
	return (e.GRPC == codes.Canceled || e.GRPC == codes.Unavailable) &&
		strings.Contains(e.Reason, "the client connection is closing")
}

// grpcName returns the name that gRPC's specification gives to a code.
func grpcName(c codes.Code) string {
	if int(c) < len(grpcNames) {
		return grpcNames[c]
	}
	return grpcNames[codes.Unknown]
}

var grpcNames = [...]string{
	codes.OK:                 "OK",
	codes.Canceled:           "CANCELLED",
	codes.Unknown:            "UNKNOWN",
	codes.InvalidArgument:    "INVALID_ARGUMENT",
	codes.DeadlineExceeded:   "DEADLINE_EXCEEDED",
	codes.NotFound:           "NOT_FOUND",
	codes.AlreadyExists:      "ALREADY_EXISTS",
	codes.PermissionDenied:   "PERMISSION_DENIED",
	codes.ResourceExhausted:  "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION",
	codes.Aborted:            "ABORTED",
	codes.OutOfRange:         "OUT_OF_RANGE",
	codes.Unimplemented:      "UNIMPLEMENTED",
	codes.Internal:           "INTERNAL",
	codes.Unavailable:        "UNAVAILABLE",
	codes.DataLoss:           "DATA_LOSS",
	codes.Unauthenticated:    "UNAUTHENTICATED",
}
