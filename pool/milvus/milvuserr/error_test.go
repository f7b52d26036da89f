// SPDX-License-Identifier: Apache-2.0

package milvuserr_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

func TestErrorTypes(t *testing.T) {
	for _, c := range []struct {
		err                *milvuserr.Error
		errorType, telling string
	}{
		{&milvuserr.Error{Code: 100}, "100", "100"},
		{&milvuserr.Error{Code: 8}, "rate_limited", "8"},
		{&milvuserr.Error{Code: 1400}, "unauthenticated", "1400"},
		{&milvuserr.Error{GRPC: codes.Unauthenticated}, "unauthenticated", "UNAUTHENTICATED"},
		{&milvuserr.Error{GRPC: codes.ResourceExhausted}, "rate_limited", "RESOURCE_EXHAUSTED"},
		{&milvuserr.Error{GRPC: codes.Unavailable}, "UNAVAILABLE", "UNAVAILABLE"},
		{&milvuserr.Error{GRPC: codes.Canceled}, "CANCELLED", "CANCELLED"},
		{&milvuserr.Error{GRPC: codes.Code(99)}, "UNKNOWN", "UNKNOWN"},
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
		"unauthenticated": milvuserr.ErrUnauthenticated, "bad conn": pool.ErrBadConn,
		"certificate": milvuserr.ErrTLS, "rejected": core.ErrRejected,
	}
	for _, c := range []struct {
		err  *milvuserr.Error
		want []string
	}{
		{&milvuserr.Error{GRPC: codes.Unavailable}, []string{"connection", "unavailable"}},
		{&milvuserr.Error{Code: 2}, []string{"connection", "unavailable"}},
		{&milvuserr.Error{GRPC: codes.Unauthenticated}, []string{"connection", "unauthenticated"}},
		{&milvuserr.Error{Code: 1400}, []string{"connection", "unauthenticated"}},
		{&milvuserr.Error{GRPC: codes.Canceled, Reason: "grpc: the client connection is closing"}, []string{"bad conn"}},
		{&milvuserr.Error{Code: 100}, nil},
		{&milvuserr.Error{GRPC: codes.Internal}, nil},
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
	if !errors.Is(milvuserr.ErrUnauthenticated, core.ErrConnection) {
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
			if got := milvuserr.CodeOf(code); got != want {
				t.Errorf("%v stands for %d, want %d", code, got, want)
			}
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]*milvuserr.Error{
		"milvus: Search: metric not found (1200)":         {Method: "Search", Code: 1200, Reason: "metric not found"},
		"milvus: Search: (5)":                             {Method: "Search", Code: 5},
		"milvus at h:1: Dial: no such host (UNAVAILABLE)": {Method: "Dial", Address: "h:1", GRPC: codes.Unavailable, Reason: "no such host"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}
	}
}

func TestOnlyAGRPCStatusIsToldAsOne(t *testing.T) {
	if _, ok := status.FromError(&milvuserr.Error{Code: 100}); ok {
		t.Error("an error with a code of Milvus has a gRPC status")
	}
	st, ok := status.FromError(&milvuserr.Error{GRPC: codes.Aborted, Reason: "why"})
	if !ok || st.Code() != codes.Aborted || st.Message() != "why" {
		t.Errorf("status = %v, %v, want Aborted: why", st, ok)
	}
}
