// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestAServerSaysItselfThatTheRequestIsWrong(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	s := milvustest.NewStatus(65535, "words of a later version")
	s.ExtraInfo = map[string]string{"is_input_error": "true"}
	srv.Inject(milvustest.Fault{Method: "DropCollection", Status: s, Times: 1})
	err := c.DropCollection(t.Context(), "docs")
	wantStatus(t, err, 65535, codes.OK)
	wantClass(t, err, answered)
}

func TestAReadThatAWorkerDidNotFinishIsAttemptedAgain(t *testing.T) {
	srv := start(t, milvustest.Config{})
	conn := connect(t, srv)
	createDocs(t, conn, "v")
	loadDocs(t, conn, "v")
	srv.Inject(milvustest.Fault{Method: "Search", Status: &commonpb.Status{
		Code: 65535, ErrorCode: commonpb.ErrorCode_UnexpectedError,
		Reason: "failed to search/query delegator 1 for channel by-dev-rootcoord-dml_0_470719287928553485v0: " +
			"fail to Search, QueryNode ID=1, reason=worker(1) query failed: context canceled",
	}, Times: 1})
	_, err := search(t.Context(), conn, "v", 1)
	class := milvus.Classify(err)
	if class.Verdict != core.Failure || !class.Retry.Allows(core.ReadOnly) || class.Conn != core.Keep {
		t.Errorf("Classify(%v) = %+v, want a failure that is worth another attempt on this connection", err, class)
	}
	if _, err := search(t.Context(), conn, "v", 1); err != nil {
		t.Errorf("the next attempt = %v", err)
	}
}
