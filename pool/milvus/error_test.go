// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus"
)

func TestErrorTypes(t *testing.T) {
	for _, c := range []struct {
		err                *milvus.Error
		errorType, telling string
	}{
		{&milvus.Error{Code: 100}, "100", "100"},
		{&milvus.Error{Code: 8}, "rate_limited", "8"},
		{&milvus.Error{Code: 1400}, "unauthenticated", "1400"},
		{&milvus.Error{GRPC: codes.Unauthenticated}, "unauthenticated", "UNAUTHENTICATED"},
		{&milvus.Error{GRPC: codes.ResourceExhausted}, "rate_limited", "RESOURCE_EXHAUSTED"},
		{&milvus.Error{GRPC: codes.Unavailable}, "UNAVAILABLE", "UNAVAILABLE"},
		{&milvus.Error{GRPC: codes.Canceled}, "CANCELLED", "CANCELLED"},
		{&milvus.Error{GRPC: codes.Code(99)}, "UNKNOWN", "UNKNOWN"},
	} {
		if got := core.ErrorType(fmt.Errorf("wrapped: %w", c.err)); got != c.errorType {
			t.Errorf("ErrorType of %v = %q, want %q", c.err, got, c.errorType)
		}
		if got := c.err.ResponseStatusCode(); got != c.telling {
			t.Errorf("ResponseStatusCode of %v = %q, want %q", c.err, got, c.telling)
		}
	}
}

func TestWhatErrorsMatch(t *testing.T) {
	targets := map[string]error{
		"connection": core.ErrConnection, "unavailable": core.ErrUnavailable,
		"unauthenticated": milvus.ErrUnauthenticated, "bad conn": pool.ErrBadConn,
		"certificate": milvus.ErrTLS, "rejected": core.ErrRejected,
	}
	for _, c := range []struct {
		err  *milvus.Error
		want []string
	}{
		{&milvus.Error{GRPC: codes.Unavailable}, []string{"connection", "unavailable"}},
		{&milvus.Error{Code: 2}, []string{"connection", "unavailable"}},
		{&milvus.Error{GRPC: codes.Unauthenticated}, []string{"connection", "unauthenticated"}},
		{&milvus.Error{Code: 1400}, []string{"connection", "unauthenticated"}},
		{&milvus.Error{GRPC: codes.Canceled, Reason: "grpc: the client connection is closing"}, []string{"bad conn"}},
		{&milvus.Error{Code: 100}, nil},
		{&milvus.Error{GRPC: codes.Internal}, nil},
	} {
		want := make(map[string]bool)
		for _, name := range c.want {
			want[name] = true
		}
		for name, target := range targets {
			if got := errors.Is(c.err, target); got != want[name] {
				t.Errorf("errors.Is(%v, %s) = %v, want %v", c.err, name, got, want[name])
			}
		}
	}
	if !errors.Is(milvus.ErrUnauthenticated, core.ErrConnection) {
		t.Error("ErrUnauthenticated is no core.ErrConnection")
	}
}

func TestLegacyCodesHaveTheirPresentDayEquivalents(t *testing.T) {
	for want, legacy := range map[int32][]commonpb.ErrorCode{
		1: {commonpb.ErrorCode_NotReadyServe, commonpb.ErrorCode_NotReadyCoordActivating},
		2: {commonpb.ErrorCode_ConnectFailed, commonpb.ErrorCode_DataCoordNA},
		3: {commonpb.ErrorCode_OutOfMemory, commonpb.ErrorCode_InsufficientMemoryToLoad, commonpb.ErrorCode_MemoryQuotaExhausted},
		7: {commonpb.ErrorCode_DiskQuotaExhausted},
		8: {commonpb.ErrorCode_RateLimit},
		9: {commonpb.ErrorCode_ForceDeny, commonpb.ErrorCode_TimeTickLongDelay},

		100:   {commonpb.ErrorCode_CollectionNotExists, commonpb.ErrorCode_CollectionNameNotFound},
		401:   {commonpb.ErrorCode_NoReplicaAvailable},
		503:   {commonpb.ErrorCode_NotShardLeader},
		600:   {commonpb.ErrorCode_SegmentNotFound},
		700:   {commonpb.ErrorCode_IndexNotExist},
		701:   {commonpb.ErrorCode_IllegalIndexType},
		904:   {commonpb.ErrorCode_NodeIDNotMatch},
		1100:  {commonpb.ErrorCode_IllegalArgument, commonpb.ErrorCode_IllegalRowRecord, commonpb.ErrorCode_UpsertAutoIDTrue},
		1401:  {commonpb.ErrorCode_PermissionDenied},
		65535: {commonpb.ErrorCode_UnexpectedError, commonpb.ErrorCode_MetaFailed},
	} {
		for _, code := range legacy {
			if got := milvus.CodeOf(code); got != want {
				t.Errorf("%v stands for %d, want %d", code, got, want)
			}
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]*milvus.Error{
		"milvus: Search: collection not found (100)":      {Method: "Search", Code: 100, Reason: "collection not found"},
		"milvus: Search: (8)":                             {Method: "Search", Code: 8},
		"milvus at h:1: Dial: no such host (UNAVAILABLE)": {Method: "Dial", Address: "h:1", GRPC: codes.Unavailable, Reason: "no such host"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}
	}
}

func TestOnlyAGRPCStatusIsToldAsOne(t *testing.T) {
	if _, ok := status.FromError(&milvus.Error{Code: 100}); ok {
		t.Error("an error with a code of Milvus has a gRPC status")
	}
	st, ok := status.FromError(&milvus.Error{GRPC: codes.Aborted, Reason: "why"})
	if !ok || st.Code() != codes.Aborted || st.Message() != "why" {
		t.Errorf("status = %v, %v, want Aborted: why", st, ok)
	}
}
