// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
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

// codeIOFailed is what Milvus 2.3 answers for JSON that it cannot read.
const codeIOFailed Code = 1001

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

// Milvus 2.3 answers most mistakes of a statement with CodeUnexpected, the code of
// its own breakdowns. Later releases have a code for each kind of mistake. The methods
// below are one for each kind of mistake.

// badStatement is the error of a statement with a wrong parameter: a filter, a metric,
// a dimension, a limit, or the values of a row.
func (r release) badStatement(format string, args ...any) error {
	return r.failf(CodeParameterInvalid, format, args...)
}

// unknownPartition is the error of a read of a partition that is not there.
func (r release) unknownPartition(name string) error {
	if r.before(since24) {
		return failf(CodeUnexpected, "partition name %s not found", name)
	}
	return failf(CodePartitionNotFound, "partition name %s not found: partition not found[partition=%s]", name, name)
}

// unloadedPartition is the error of a read of a partition that is not loaded.
func (r release) unloadedPartition(name string) error {
	return r.failf(CodePartitionNotLoaded, "partition not loaded[partition=%s]", name)
}

// badValues is the error of rows whose values of a field do not fit. Milvus 2.3 has
// CodeUnexpected for vectors alone, unless their number is wrong.
func (r release) badValues(f *schemapb.FieldSchema, err error) error {
	coded, ok := errors.AsType[*codedError](err)
	if !ok || !r.before(since24) || !strings.HasSuffix(f.GetDataType().String(), "Vector") || strings.Contains(coded.reason, "is not equal to") {
		return err
	}
	return failf(CodeUnexpected, "%s", coded.reason)
}

// badPartitionName is the error of a statement that names a partition by a name that
// no partition can have.
func (r release) badPartitionName(name string) error {
	if name == "" {
		return r.badStatement("Invalid partition name: %s. Partition name should not be empty.", name)
	}
	return r.badStatement("Invalid partition name: %s. Partition name can only contain numbers, letters and underscores.", name)
}

// failf is the error of a mistake that has this code since 2.4.
func (r release) failf(code Code, format string, args ...any) error {
	if r.before(since24) {
		code = CodeUnexpected
	}
	return failf(code, format, args...)
}

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
