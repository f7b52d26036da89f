// SPDX-License-Identifier: Apache-2.0

package milvuserr

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/pool"
)

// ErrTLS is matched by the error of a dial for which both sides do not agree on TLS:
// another dial would fail too. Examples are a certificate that one side does not
// accept, a server without TLS, and a server with TLS that was dialed without. It is a
// core.ErrConnection.
var ErrTLS = core.Sentinel("TLS handshake failed", "", core.ErrConnection)

// ErrUnauthenticated is matched by an error of a server that did not accept the
// credentials, and of a dial that had none because Config.Credentials failed. It is a
// core.ErrConnection.
var ErrUnauthenticated = core.Sentinel("milvus: not authenticated", core.TypeUnauthenticated, core.ErrConnection)

// Error is an error answer of the server, or a failure of the transport. It
// matches core.ErrUnavailable if the server cannot be reached or says that it is
// not available, [ErrUnauthenticated] if the server did not accept the
// credentials, [ErrTLS] if both sides do not agree on TLS, and
// pool.ErrBadConn if this process had closed the connection.
type Error struct {
	// Method is the RPC, such as "Search", or "Dial" if there was no connection for
	// an RPC. One method of the SDK may make several RPCs.
	Method string
	// Code is the error code of Milvus, zero if the server gave none. If an old
	// server gave only a Legacy code, Code is the present code for it.
	Code int32
	// Legacy is the error code of servers before 2.3, zero if there was none.
	Legacy int32
	// GRPC is the gRPC status: codes.OK if the server answered with a Code.
	GRPC codes.Code
	// Reason is the text of the server or of the transport.
	Reason string
	// Retriable says that the server recommends another attempt. [Classify] knows
	// more.
	Retriable bool
	// NotSent says that the request provably did not leave this process.
	NotSent bool
	// Address is the address of the server, in errors of a dial.
	Address string

	// Rotates says that the next connection has the credentials of that time. Then an
	// error that matches ErrUnauthenticated is worth another attempt.
	Rotates bool

	err        error // the cause, nil if the server answered with a Code
	ended      error // error of the context that ended the request, nil if none did
	inputError bool  // whether the server says that the request is wrong
}

// inputErrorFlag is the key by which Milvus 2.4 and later mark an error that is
// the fault of the request.
const inputErrorFlag = "is_input_error"

// FromReply returns the error of an RPC: the gRPC error err, or the error in the
// status of the reply. It returns nil if there is neither. ended is the error of the
// context if the context ended the RPC.
func FromReply(method string, err error, reply *commonpb.Status, ended error) *Error {
	if err != nil {
		st, _ := status.FromError(err)
		e := &Error{Method: method, GRPC: st.Code(), Reason: st.Message(), err: err}
		if e.GRPC == codes.Canceled || e.GRPC == codes.DeadlineExceeded {
			e.ended = ended
		}
		return e
	}
	//lint:ignore SA1019 an old server sets no other field
	legacy := reply.GetErrorCode()
	if reply.GetCode() == 0 && legacy == commonpb.ErrorCode_Success {
		return nil
	}
	e := &Error{
		Method: method, Code: reply.GetCode(), Legacy: int32(legacy),
		Reason: reply.GetReason(), Retriable: reply.GetRetriable(),
	}
	_, e.inputError = reply.GetExtraInfo()[inputErrorFlag]
	if e.Code == 0 {
		e.Code = codeOf(legacy)
	}
	return e
}

// FromDial returns the error of a dial of address. err is what gRPC or the SDK
// returned, or the result of [NoCredentials]. ended is the error of the context if the
// context ended the dial. cause is the cause of that, or the result of [Final].
func FromDial(address string, err, ended, cause error) *Error {
	e := &Error{Method: methodDial, Address: address, GRPC: codes.Unavailable, NotSent: true, err: err, ended: ended}
	inner := errors.Unwrap(err) // without gRPC's "connection error: desc = ..."
	final, isFinal := errors.AsType[*finalError](cause)
	switch {
	case isFinal:
		e.err, e.ended = final.err, nil
	case ended == context.Canceled:
		e.GRPC = codes.Canceled
	case ended != nil:
		e.GRPC = codes.DeadlineExceeded
	case isCredentials(err):
		e.GRPC = codes.Unauthenticated
	case inner != nil:
		e.err = inner
	}
	e.Reason = e.err.Error()
	return e
}

// Error says which RPC failed, with the reason and the code of the server, and what to
// do about it, if something is known that helps.
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
	if advice := e.Advice(); advice != "" {
		b.WriteString(": ")
		b.WriteString(advice)
	}
	return b.String()
}

// ErrorType returns "unauthenticated" or "rate_limited" for such an error, and for
// any other error what ResponseStatusCode returns.
func (e *Error) ErrorType() string {
	switch {
	case e.unauthenticated():
		return core.TypeUnauthenticated
	case e.meaning() == limited, e.meaning() == overQuota:
		return errtype.RateLimited
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

// Unwrap returns the cause, nil if the server answered with a Code.
func (e *Error) Unwrap() error { return e.err }

// Is matches the errors that the doc comment of [Error] names, and the error of
// the context that ended the request.
func (e *Error) Is(target error) bool {
	switch {
	case e.ended != nil && errors.Is(e.ended, target):
		return true
	case e.unauthenticated():
		return errors.Is(ErrUnauthenticated, target)
	case e.certificate():
		return false // Unwrap leads to ErrTLS
	case e.closing() && target == pool.ErrBadConn:
		return true
	case e.unavailable():
		//lint:ignore SA1032 target may be an error that the sentinel matches
		return errors.Is(core.ErrUnavailable, target)
	}
	return false
}

// unauthenticated reports whether the server did not accept the credentials.
func (e *Error) unauthenticated() bool {
	return e.GRPC == codes.Unauthenticated || e.Code == codeNotAuthenticated || e.Code == codeNeedAuthenticate
}

func (e *Error) unavailable() bool {
	return e.GRPC == codes.Unavailable || e.Code == codeUnavailable && e.meaning() != statement
}

func (e *Error) certificate() bool {
	return e.Method == methodDial && errors.Is(e.err, ErrTLS)
}

// closing reports whether this process had closed the connection.
func (e *Error) closing() bool {
	return (e.GRPC == codes.Canceled || e.GRPC == codes.Unavailable) &&
		strings.Contains(e.Reason, "the client connection is closing")
}

// grpcName returns the name of a code in the specification of gRPC.
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
