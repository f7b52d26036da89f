// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"context"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// answering returns the option of a connection whose requests of that method are
// answered by the function, which may change the reply of the server.
func answering(method string, answer func(req, reply any, err error) error) grpc.DialOption {
	return grpc.WithChainUnaryInterceptor(func(
		ctx context.Context, full string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		err := invoke(ctx, full, req, reply, cc, opts...)
		if strings.HasSuffix(full, "/"+method) {
			return answer(req, reply, err)
		}
		return err
	})
}

// everyType is a collection with a field of each type that Milvus 2.3 has.
func everyType() *entity.Schema {
	schema := entity.NewSchema().WithName("docs").WithDynamicFieldEnabled(true).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2)).
		WithField(entity.NewField().WithName("s").WithDataType(entity.FieldTypeVarChar).WithMaxLength(10))
	for name, kind := range map[string]entity.FieldType{
		"b": entity.FieldTypeBool, "i8": entity.FieldTypeInt8, "i16": entity.FieldTypeInt16, "i32": entity.FieldTypeInt32, "i64": entity.FieldTypeInt64,
		"f": entity.FieldTypeFloat, "d": entity.FieldTypeDouble, "j": entity.FieldTypeJSON,
	} {
		schema.WithField(entity.NewField().WithName(name).WithDataType(kind))
	}
	return schema
}

func TestASearchWithoutHitsIsAnEmptyResultOnEachServer(t *testing.T) {
	untyped := func(name string) *schemapb.FieldData {
		return &schemapb.FieldData{FieldName: name, Type: schemapb.DataType_Int64}
	}
	for name, strip := range map[string]func(*milvuspb.SearchResults){
		"Milvus 2.4":                             func(*milvuspb.SearchResults) {},
		"Milvus 2.3, a collection without rows":  func(r *milvuspb.SearchResults) { r.Results.FieldsData = nil },
		"Milvus 2.3, a filter that none matches": func(r *milvuspb.SearchResults) { r.Results.FieldsData = []*schemapb.FieldData{untyped("i64")} },
		"a reply without results": func(r *milvuspb.SearchResults) {
			r.Results = nil
		},
		"groups without values": func(r *milvuspb.SearchResults) {
			r.Results.FieldsData, r.Results.GroupByFieldValue = nil, untyped("i64")
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, milvustest.Config{})
			c := dial(t, newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{
				answering("Search", func(_, reply any, err error) error {
					if err == nil {
						strip(reply.(*milvuspb.SearchResults))
					}
					return err
				}),
			}}))
			if err := c.CreateCollection(t.Context(), everyType(), 1); err != nil {
				t.Fatal(err)
			}
			loadDocs(t, c, "v")
			param, err := entity.NewIndexFlatSearchParam()
			if err != nil {
				t.Fatal(err)
			}
			vectors := []entity.Vector{entity.FloatVector{1, 0}, entity.FloatVector{0, 1}}
			for _, outputs := range [][]string{nil, {"id"}, {"b", "i8", "i16", "i32", "i64", "f", "d", "j", "s", "v"}, {"*"}, {"i64", "dynamic"}} {
				srv.ResetCalls()
				results, err := c.Search(t.Context(), "docs", nil, "", outputs, vectors, "v", entity.L2, 3, param)
				if err != nil || len(results) != len(vectors) {
					t.Fatalf("Search with %q = %d results, %v", outputs, len(results), err)
				}
				for _, r := range results {
					if r.Err != nil || r.ResultCount != 0 || r.IDs.Len() != 0 {
						t.Errorf("Search with %q: %d rows, %v, want none and no error", outputs, r.ResultCount, r.Err)
					}
					for _, output := range outputs {
						if column := r.Fields.GetColumn(output); output != "*" && (column == nil || column.Len() != 0) {
							t.Errorf("Search with %q: the column %s is %v, want an empty one", outputs, output, column)
						}
					}
				}
				if got := srv.Calls("DescribeCollection"); outputs != nil && outputs[0] != "id" && got != 0 {
					t.Errorf("Search with %q asked %d times for the schema", outputs, got)
				}
			}
		})
	}
}

// TestTheConsistencyOfAHybridSearch looks at the request, because milvustest has no
// hybrid search.
func TestTheConsistencyOfAHybridSearch(t *testing.T) {
	srv := start(t, milvustest.Config{})
	var sent *milvuspb.HybridSearchRequest
	c := dial(t, newFactory(t, milvus.Config{Address: srv.Addr(), DialOptions: []grpc.DialOption{
		answering("HybridSearch", func(req, reply any, _ error) error {
			sent = req.(*milvuspb.HybridSearchRequest)
			r := reply.(*milvuspb.SearchResults)
			r.Reset()
			r.Status = &commonpb.Status{}
			return nil
		}),
	}}))
	ctx := tenant(t, c, "tenant", 2, "a") // of session consistency, with a write
	param, err := entity.NewIndexFlatSearchParam()
	if err != nil {
		t.Fatal(err)
	}
	hybrid := func(opts ...client.SearchQueryOptionFunc) {
		t.Helper()
		part := client.NewANNSearchRequest("v2", entity.L2, "", []entity.Vector{entity.FloatVector{0, 0}}, param, 3)
		results, err := c.HybridSearch(ctx, "docs", nil, 3, []string{"id"}, client.NewRRFReranker(), []*client.ANNSearchRequest{part}, opts...)
		if err != nil || len(results) != 1 || results[0].Err != nil || results[0].Fields.GetColumn("id") == nil {
			t.Fatalf("HybridSearch = %v, %v, want one empty result", results, err)
		}
		if sent.GetCollectionName() != "docs" || sent.GetRequests()[0].GetCollectionName() != "docs" {
			t.Errorf("the request names the collections %q and %q", sent.GetCollectionName(), sent.GetRequests()[0].GetCollectionName())
		}
	}
	hybrid()
	if level, ts := sent.GetConsistencyLevel(), sent.GetGuaranteeTimestamp(); level != commonpb.ConsistencyLevel_Session || ts < 1<<18 {
		t.Errorf("the request asks for %v and the timestamp %d, want session and the time of the write", level, ts)
	}
	hybrid(client.WithSearchQueryConsistencyLevel(entity.ClStrong))
	if level, ts := sent.GetConsistencyLevel(), sent.GetGuaranteeTimestamp(); level != commonpb.ConsistencyLevel_Strong || ts != 0 {
		t.Errorf("the request asks for %v and the timestamp %d, want strong", level, ts)
	}
	hybrid(client.WithSearchQueryConsistencyLevel(entity.ClCustomized), client.WithGuaranteeTimestamp(77))
	if level, ts := sent.GetConsistencyLevel(), sent.GetGuaranteeTimestamp(); level != commonpb.ConsistencyLevel_Customized || ts != 77 {
		t.Errorf("the request asks for %v and the timestamp %d, want the one of the caller", level, ts)
	}
}
