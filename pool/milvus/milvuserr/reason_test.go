// SPDX-License-Identifier: Apache-2.0

package milvuserr_test

import (
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

// The delegator wraps whatever a query node says. All reasons below are of real servers.
const delegator = "failed to search/query delegator 1 for channel by-dev-rootcoord-dml_0_470719287928553485v0: "

func TestTheReasonOfAnUnexpectedErrorTellsMistakesFromFailures(t *testing.T) {
	for reason, want := range map[string]core.Class{
		// Milvus 2.3.5, mistakes of the statement.
		`cannot parse expression: k >, error: line 1:3 no viable alternative at input '>'`:                                                        answered,
		`failed to create query plan: cannot parse expression: nosuch > 1, error: field nosuch not exist`:                                         answered,
		`cannot parse expression: s == "context canceled", error: comparisons are not supported`:                                                  answered,
		`predicate is not a boolean expression: j["b"], data type: JSON`:                                                                          answered,
		`failed to create expr plan, expr = k >`:                                                                                                  answered,
		`empty expression should be used with limit`:                                                                                              answered,
		`invalid max query result window, (offset+limit) should be in range [1, 16384], but got 99999999`:                                         answered,
		`partition name nosuch not found`:                                                                                                         answered,
		`field nosuch not exist`:                                                                                                                  answered,
		`failed to create query plan: failed to get field schema by name: fieldName(nosuch) not found`:                                            answered,
		`failed to create query plan: field (k) to search is not of vector data type`:                                                             answered,
		`topk [0] is invalid, top k should be in range [1, 16384], but got 0`:                                                                     answered,
		`offset [99999] is invalid, top k should be in range [1, 16384], but got 99999`:                                                           answered,
		`nq [0] is invalid, nq (number of search vector per search request) should be in range [1, 16384], but got 0`:                             answered,
		`value 'NaN' is not a number or infinity`:                                                                                                 answered,
		`create duplicate collection with different parameters, collection: docs`:                                                                 answered,
		`maximum shards's number should be limited to 16`:                                                                                         answered,
		`partition cannot be dropped, partition is loaded, please release it first`:                                                               answered,
		`Invalid partition name: a-b. Partition name can only contain numbers, letters and underscores.`:                                          answered,
		`invalid index type: NOPE`:                                                                                                                answered,
		`nlist out of range: [1, 65536]`:                                                                                                          answered,
		`database already exist: default`:                                                                                                         answered,
		`role [name:"admin"] already exists`:                                                                                                      answered,
		`not found the role, maybe the role isn't existed or internal system error`:                                                               answered,
		delegator + `fail to Search, QueryNode ID=1, reason=collection:470, metric type not match: invalid parameter[expected=L2][actual=COSINE]`: answered,
		delegator + "fail to Search, QueryNode ID=1, reason=worker(1) query failed: Assert \"field_meta.get_sizeof() == element.line_sizeof_\" at " +
			"/milvus/internal/core/src/query/Plan.cpp:52\n => vector dimension mismatch: service internal error: UnknownError": answered,
		delegator + "fail to Query, QueryNode ID = 1, reason=worker(1) query failed: Assert \"(value_proto.val_case() == planpb::GenericValue::kInt64Val)\" at " +
			"/milvus/internal/core/src/query/PlanProto.cpp:47\n: service internal error: UnknownError": answered,
		delegator + `fail to Query, QueryNode ID = 1, reason=worker(1) query failed:  => unsupported data type JSON: service internal error: UnknownError`:                            answered,
		delegator + `fail to Query, QueryNode ID = 1, reason=worker(1) query failed:  => unsupported right datatype JSON of compare expr: service internal error: UnknownError`:       answered,
		delegator + "fail to Query, QueryNode ID = 1, reason=worker(1) query failed:  => unsupported expr proto node: value_expr {\n  value {\n    bool_val: true\n  }\n}\n: service": answered,

		// A collection or partition that is still to be loaded.
		delegator + `fail to Query, QueryNode ID = 1, reason=partition not loaded[partition=[470719287928553492]]`: notReady,

		// Failures, of several versions.
		delegator + `fail to Search, QueryNode ID=1, reason=worker(1) query failed: context canceled`:           down,
		delegator + `fail to Query, QueryNode ID = 1, reason=worker(1) query failed: context deadline exceeded`: down,
		delegator + `Timestamp lag too large`:                                                                                 down,
		delegator + `channel distribution is not serviceable: channel not available`:                                          down,
		delegator + `fail to search on QueryNode 1: unrecoverable error`:                                                      down,
		delegator + `fail to search on QueryNode 7: rpc error: code = Unavailable desc = transport is closing`:                down,
		delegator + `node not found[node=7]`:                                                                                  down,
		delegator + `node not match[expectedNodeID=1][actualNodeID=2]`:                                                        down,
		`failed to get delegator 624 for channel base-rootcoord-dml_14_453896578611993902v0: can not find client of node 624`: down,
		`attempt #1: no available shard delegator found: service unavailable: fail to search on all shard leaders`:            down,
		`ShardCluster for by-dev-rootcoord-dml_16 replicaID 434327753245589522 is no available`:                               down,
		`proxy TaskCondition context Done`:                                                                                    down,
		`etcdserver: request timed out`:                                                                                       down,
		`runtime error: index out of range [5] with length 3`:                                                                 down,
		`UnknownError: => failed to get vector, faiss inner error`:                                                            down,
		`something that nobody has seen before`:                                                                               down,
		"":                                                                                                                    down,
	} {
		for _, code := range []int32{65535, 2000} {
			class := want
			if class == down {
				class.Retry = core.RetryAlways // a read changes nothing
			}
			wantClass(t, &milvuserr.Error{Method: "Search", Code: code, Reason: reason}, class)
			wantClass(t, &milvuserr.Error{Method: "Insert", Code: code, Reason: reason}, want)
		}
	}
}

func TestAReasonDoesNotOverruleACodeThatSaysSomething(t *testing.T) {
	wantClass(t, &milvuserr.Error{Method: "Insert", Code: 5, Reason: "cannot parse expression"}, down)
	wantClass(t, &milvuserr.Error{Method: "Insert", Code: 1100, Reason: "context canceled"}, answered)
}
