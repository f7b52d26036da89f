// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// levelOf returns the name of the consistency level of a read, "" if the request is none.
func levelOf(req any) string {
	switch r := req.(type) {
	case *milvuspb.SearchRequest:
		return consistencyOf(r.GetGuaranteeTimestamp())
	case *milvuspb.QueryRequest:
		return consistencyOf(r.GetGuaranteeTimestamp())
	case *milvuspb.HybridSearchRequest:
		return milvusbase.LevelName(r.GetConsistencyLevel())
	}
	return ""
}

// consistencyOf returns the name of the level that a read asks for by its timestamp, as
// the SDK does.
func consistencyOf(guarantee uint64) string {
	switch guarantee {
	case strong:
		return milvusbase.LevelName(commonpb.ConsistencyLevel_Strong)
	case eventually:
		return milvusbase.LevelName(commonpb.ConsistencyLevel_Eventually)
	case bounded:
		return milvusbase.LevelName(commonpb.ConsistencyLevel_Bounded)
	case sessionMark:
		return milvusbase.LevelName(commonpb.ConsistencyLevel_Session)
	default:
		return milvusbase.LevelName(commonpb.ConsistencyLevel_Customized)
	}
}
