// SPDX-License-Identifier: Apache-2.0

package milvuserr_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

func TestAnErrorAdvises(t *testing.T) {
	texts := milvuserr.Advices()
	given := map[string]bool{}
	for _, c := range []struct {
		want string
		err  milvuserr.Error
	}{
		{"flush limited", milvuserr.Error{Method: "Flush", Code: 8, Reason: "request is rejected by grpc RateLimiter middleware, please retry later: rate limit exceeded[rate=0.1]"}},
		{"rate limited", milvuserr.Error{Method: "Insert", Code: 8, Reason: "rate limit exceeded[rate=1]"}},
		{"quota", milvuserr.Error{Method: "Insert", Code: 9, Reason: "quota exceeded[reason=memory usage]"}},
		{"not loaded", milvuserr.Error{Method: "Search", Code: 101, Reason: "failed to search: collection not loaded[collection=470]"}},
		{"not loaded", milvuserr.Error{Method: "Query", Code: 65535, Reason: delegator + "fail to Query, QueryNode ID = 1, reason=partition not loaded[partition=[4]]"}},
		{"no index", milvuserr.Error{Method: "LoadCollection", Code: 700, Reason: "index not found[collection=docs]"}},
		{"collection not found", milvuserr.Error{Method: "DescribeCollection", Code: 100, Reason: "collection not found"}},
		{"partition not found", milvuserr.Error{Method: "Insert", Code: 200, Reason: "partition not found[partition=nosuch]"}},
		{"partition not found", milvuserr.Error{Method: "Search", Code: 65535, Reason: "partition name nosuch not found"}},
		{"database not found", milvuserr.Error{Method: "Connect", Code: 800, Reason: "database not found[database=nosuch]"}},
		{"credentials", milvuserr.Error{Method: "UpdateCredential", Code: 1400, Reason: "old password not correct"}},
		{"credentials", milvuserr.Error{Method: "Connect", GRPC: codes.Unauthenticated, Reason: "auth check failure"}},
		{"permission", milvuserr.Error{Method: "DropRole", Code: 1401, Reason: "privilege not permitted"}},
		{"message too large", milvuserr.Error{Method: "Insert", GRPC: codes.ResourceExhausted, Reason: "grpc: received message larger than max (94371877 vs. 67108864)"}},
		{"wrong metric", milvuserr.Error{Method: "Search", Code: 65535, Reason: delegator + "metric type not match: invalid parameter[expected=L2][actual=IP]"}},
		{"wrong metric", milvuserr.Error{Method: "Search", Code: 1100, Reason: "metric type not match: invalid parameter[expected=L2][actual=IP]"}},
		{"wrong dimension", milvuserr.Error{Method: "Search", Code: 65535, Reason: delegator + "=> vector dimension mismatch: service internal error"}},
		{"wrong dimension", milvuserr.Error{Method: "Insert", Code: 65535, Reason: "the length(6) of float data should divide the dim(4)"}},
		{"unknown field", milvuserr.Error{Method: "Search", Code: 65535, Reason: "field nosuch not exist"}},
		{"unknown field", milvuserr.Error{Method: "Query", Code: 65535, Reason: "cannot parse expression: nosuch == 1, error: field nosuch not exist"}},
		{"unknown field", milvuserr.Error{Method: "Query", Code: 1700, Reason: "field not found[field=nosuch]"}},
		{"no filter", milvuserr.Error{Method: "Query", Code: 65535, Reason: "empty expression should be used with limit"}},
		{"filter", milvuserr.Error{Method: "Query", Code: 65535, Reason: "cannot parse expression: k >, error: line 1:3"}},
		{"too many rows asked", milvuserr.Error{Method: "Search", Code: 65535, Reason: "topk [99999] is invalid, top k should be in range [1, 16384], but got 99999"}},
		{"collection differs", milvuserr.Error{Method: "CreateCollection", Code: 65535, Reason: "create duplicate collection with different parameters, collection: docs"}},
		{"rows do not fit", milvuserr.Error{Method: "Insert", Code: 109, Reason: "collection schema mismatch"}},

		{"", milvuserr.Error{Method: "Search", Code: 65535, Reason: delegator + "context canceled"}},
		{"", milvuserr.Error{Method: "Search", GRPC: codes.Unavailable, Reason: "connection refused"}},
		{"", milvuserr.Error{Method: "Search", GRPC: codes.Internal, Reason: "metric type not match"}}, // not the server's words
	} {
		given[c.want] = true
		if got := c.err.Advice(); got != texts[c.want] {
			t.Errorf("the advice of %s is %q, want %q", fmt.Sprint(c.err.Code, c.err.Reason), got, texts[c.want])
		}
		if text := c.err.Error(); texts[c.want] != "" && !strings.HasSuffix(text, "): "+texts[c.want]) {
			t.Errorf("Error = %q, want the advice at the end", text)
		}
	}
	for name := range texts {
		if !given[name] {
			t.Errorf("no error has the advice of %q", name)
		}
	}
}

func TestTheAdviceOfEachErrorIsInTheDocument(t *testing.T) {
	page, err := os.ReadFile("../../../docs/milvus.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	for name, advice := range milvuserr.Advices() {
		if !strings.Contains(text, "| "+name+" | ") || !strings.Contains(text, " | "+advice+" |") {
			t.Errorf("docs/milvus.md has no row %q with %q", name, advice)
		}
	}
}
