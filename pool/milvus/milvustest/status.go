// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
)

// Code is an error code of Milvus, the field Code of a status.
type Code int32

// The codes of this server, and further codes for tests of retries and breakers.
const (
	CodeNotReady                 Code = 1
	CodeUnavailable              Code = 2
	CodeMemoryLimitExceeded      Code = 3
	CodeRequestLimitExceeded     Code = 4
	CodeRateLimit                Code = 8
	CodeForceDeny                Code = 9
	CodeCollectionNotFound       Code = 100
	CodeCollectionNotLoaded      Code = 101
	CodeCollectionNotFullyLoaded Code = 103
	CodePartitionNotFound        Code = 200
	CodePartitionNotLoaded       Code = 201
	CodePartitionNotFullyLoaded  Code = 202
	CodeIndexNotFound            Code = 700
	CodeDatabaseNotFound         Code = 800
	CodeDatabaseInvalidName      Code = 802
	CodeParameterInvalid         Code = 1100
	CodeFieldNotFound            Code = 1700
	CodeFieldInvalidName         Code = 1701
	// CodeUnexpected is the code of an error without a code of its own.
	CodeUnexpected Code = 65535
)

// traits says how Milvus writes a code in a status. A code that is not in the
// table is not retriable and has the legacy code UnexpectedError.
var traits = map[Code]struct {
	legacy    commonpb.ErrorCode
	retriable bool
}{
	CodeNotReady:                 {commonpb.ErrorCode_NotReadyServe, true},
	CodeUnavailable:              {commonpb.ErrorCode_UnexpectedError, true},
	CodeMemoryLimitExceeded:      {commonpb.ErrorCode_InsufficientMemoryToLoad, false},
	CodeRequestLimitExceeded:     {commonpb.ErrorCode_UnexpectedError, true},
	CodeRateLimit:                {commonpb.ErrorCode_RateLimit, true},
	CodeForceDeny:                {commonpb.ErrorCode_ForceDeny, false},
	CodeCollectionNotFound:       {commonpb.ErrorCode_CollectionNotExists, false},
	CodeCollectionNotFullyLoaded: {commonpb.ErrorCode_UnexpectedError, true},
	CodePartitionNotFound:        {commonpb.ErrorCode_MetaFailed, false},
	CodePartitionNotFullyLoaded:  {commonpb.ErrorCode_UnexpectedError, true},
	CodeIndexNotFound:            {commonpb.ErrorCode_IndexNotExist, false},
	CodeParameterInvalid:         {commonpb.ErrorCode_IllegalArgument, false},
}

// NewStatus returns the status that Milvus answers for code. It has the legacy
// code too, because some clients read no other, and is marked retriable as
// Milvus does. Code 0 gives the status of a success.
func NewStatus(code Code, reason string) *commonpb.Status {
	if code == 0 {
		return &commonpb.Status{Reason: reason}
	}
	t, ok := traits[code]
	if !ok {
		t.legacy = commonpb.ErrorCode_UnexpectedError
	}
	return &commonpb.Status{
		ErrorCode: t.legacy, // A client of this protocol version takes a status without it for a success.
		Code:      int32(code),
		Reason:    reason,
		Retriable: t.retriable,
		Detail:    reason,
	}
}

// RateLimited is the status of a request refused by a quota.
func RateLimited(reason string) *commonpb.Status { return NewStatus(CodeRateLimit, reason) }

// NotReady is the status of a server that is still starting.
func NotReady(reason string) *commonpb.Status { return NewStatus(CodeNotReady, reason) }

// CollectionNotFound is the status of a request for a collection that does not
// exist.
func CollectionNotFound(name string) *commonpb.Status {
	return NewStatus(CodeCollectionNotFound, fmt.Sprintf("collection not found[collection=%s]", name))
}

// CollectionNotLoaded is the status of a search or a query in a collection that
// was not loaded.
func CollectionNotLoaded(name string) *commonpb.Status {
	return NewStatus(CodeCollectionNotLoaded, fmt.Sprintf("collection not loaded[collection=%s]", name))
}

// codedError is an error of a handler before it is written as a status.
type codedError struct {
	code   Code
	reason string
}

func (e *codedError) Error() string { return e.reason }

func failf(code Code, format string, args ...any) error {
	return &codedError{code, fmt.Sprintf(format, args...)}
}

func invalidf(format string, args ...any) error { return failf(CodeParameterInvalid, format, args...) }

// toStatus returns the status for err. It is never nil: clients report a reply
// without a status as broken.
func toStatus(err error) *commonpb.Status {
	if err == nil {
		return &commonpb.Status{}
	}
	if coded, ok := errors.AsType[*codedError](err); ok {
		return NewStatus(coded.code, coded.reason)
	}
	return NewStatus(CodeUnexpected, err.Error())
}
