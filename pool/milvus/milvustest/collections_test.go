// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

func TestServerSaysWhatItIs(t *testing.T) {
	srv := start(t, milvustest.Config{Version: "v9.9.9"})
	c := connect(t, srv)
	ctx := testContext(t)

	version, err := c.GetVersion(ctx)
	if err != nil || version != "v9.9.9" {
		t.Errorf("GetVersion = %q, %v, want v9.9.9", version, err)
	}
	state, err := c.CheckHealth(ctx)
	if err != nil || !state.IsHealthy {
		t.Errorf("CheckHealth = %+v, %v, want healthy", state, err)
	}
	srv.SetUnhealthy("query node is down")
	state, err = c.CheckHealth(ctx)
	if err != nil || state.IsHealthy || !slices.Equal(state.Reasons, []string{"query node is down"}) {
		t.Errorf("CheckHealth = %+v, %v, want not healthy for one reason", state, err)
	}
	srv.SetUnhealthy()
	state, err = c.CheckHealth(ctx)
	if err != nil || !state.IsHealthy {
		t.Errorf("CheckHealth = %+v, %v, want healthy again", state, err)
	}
}

func TestDatabasesAreSeparate(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	must(t, c.CreateDatabase(ctx, "other"))
	if err := c.CreateDatabase(ctx, "other"); err == nil {
		t.Error("CreateDatabase of a database that exists succeeds")
	}
	dbs, err := c.ListDatabases(ctx)
	if err != nil || len(dbs) != 2 || dbs[0].Name != "default" || dbs[1].Name != "other" {
		t.Errorf("ListDatabases = %v, %v", dbs, err)
	}
	db, err := c.DescribeDatabase(ctx, "other")
	if err != nil || db.Name != "other" {
		t.Errorf("DescribeDatabase = %v, %v", db, err)
	}

	inOther := connectWith(t, client.Config{Address: srv.Addr(), DBName: "other", DialOptions: dialOptions()})
	must(t, inOther.CreateCollection(ctx, schemaOf("people"), 1))
	if has, err := inOther.HasCollection(ctx, "people"); err != nil || !has {
		t.Errorf("HasCollection in its database = %v, %v, want true", has, err)
	}
	if has, err := c.HasCollection(ctx, "people"); err != nil || has {
		t.Errorf("HasCollection in another database = %v, %v, want false", has, err)
	}
	if err := c.DropDatabase(ctx, "other"); err == nil {
		t.Error("DropDatabase of a database with a collection succeeds")
	}
	must(t, inOther.DropCollection(ctx, "people"))
	must(t, c.DropDatabase(ctx, "other"))
	if err := c.DropDatabase(ctx, "default"); err == nil {
		t.Error("DropDatabase of the default database succeeds")
	}
	if _, err := inOther.HasCollection(ctx, "people"); err == nil || !strings.Contains(err.Error(), "database not found") {
		t.Errorf("HasCollection in a dropped database = %v, want database not found", err)
	}
}

func TestCollectionsAreDescribedAsTheyWereMade(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	schema := schemaOf("people").WithDynamicFieldEnabled(true)
	must(t, c.CreateCollection(ctx, schema, 2, client.WithConsistencyLevel(entity.ClSession), client.WithCollectionProperty("k", "v")))
	// The same again does no harm.
	must(t, c.CreateCollection(ctx, schema, 2, client.WithConsistencyLevel(entity.ClSession), client.WithCollectionProperty("k", "v")))
	if err := c.CreateCollection(ctx, schemaOf("people"), 2); err == nil {
		t.Error("CreateCollection with another schema under the same name succeeds")
	}

	got, err := c.DescribeCollection(ctx, "people")
	must(t, err)
	if got.Name != "people" || got.Schema.Description != "a test" || got.ShardNum != 2 || got.ConsistencyLevel != entity.ClSession ||
		got.Properties["k"] != "v" || !got.Schema.EnableDynamicField || len(got.PhysicalChannels) != 2 {
		t.Errorf("DescribeCollection = %+v, schema %+v", got, got.Schema)
	}
	if len(got.Schema.Fields) != len(schema.Fields) {
		t.Fatalf("DescribeCollection tells of %d fields, want %d", len(got.Schema.Fields), len(schema.Fields))
	}
	for i, f := range got.Schema.Fields {
		if f.Name != schema.Fields[i].Name || f.DataType != schema.Fields[i].DataType || f.ID != int64(100+i) {
			t.Errorf("field %d is %+v, want %+v", i, f, schema.Fields[i])
		}
	}
	if got.Schema.Fields[7].TypeParams["dim"] != "4" {
		t.Errorf("type parameters of the vector field = %v, want dim 4", got.Schema.Fields[7].TypeParams)
	}

	must(t, c.CreateCollection(ctx, schemaOf("cats"), 1))
	all, err := c.ListCollections(ctx)
	if err != nil || len(all) != 2 || all[0].Name != "cats" || all[1].Name != "people" {
		t.Errorf("ListCollections = %v, %v, want cats and people", all, err)
	}
	must(t, c.RenameCollection(ctx, "cats", "dogs"))
	if got, err := c.DescribeCollection(ctx, "dogs"); err != nil || got.Name != "dogs" {
		t.Errorf("DescribeCollection after a rename = %v, %v", got, err)
	}
	if err := c.RenameCollection(ctx, "dogs", "people"); err == nil {
		t.Error("RenameCollection to a name that is taken succeeds")
	}
	must(t, c.DropCollection(ctx, "dogs"))
	must(t, c.DropCollection(ctx, "dogs")) // As in Milvus.
	if has, err := c.HasCollection(ctx, "dogs"); err != nil || has {
		t.Errorf("HasCollection after drop = %v, %v, want false", has, err)
	}
}

func TestNewCollectionOfTheSDKIsReadyToUse(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	must(t, c.NewCollection(ctx, "quick", dim, client.WithMetricsType(entity.L2)))
	state, err := c.GetLoadState(ctx, "quick", nil)
	if err != nil || state != entity.LoadStateLoaded {
		t.Errorf("GetLoadState = %v, %v, want loaded", state, err)
	}
}

func TestIndexAndLoadStates(t *testing.T) {
	c := connect(t, start(t, milvustest.Config{}))
	ctx := testContext(t)
	must(t, c.CreateCollection(ctx, schemaOf("people"), 1))

	loadState := func(want entity.LoadState) {
		t.Helper()
		if got, err := c.GetLoadState(ctx, "people", nil); err != nil || got != want {
			t.Errorf("GetLoadState = %v, %v, want %v", got, err, want)
		}
	}
	loadState(entity.LoadStateNotLoad)
	if err := c.LoadCollection(ctx, "people", true); err == nil || !strings.Contains(err.Error(), "index not found") {
		t.Errorf("LoadCollection without an index = %v, want index not found", err)
	}
	if _, err := c.DescribeIndex(ctx, "people", "vec"); err == nil {
		t.Error("DescribeIndex without an index succeeds")
	}
	load(t, c, "people", entity.IP)
	loadState(entity.LoadStateLoaded)
	if progress, err := c.GetLoadingProgress(ctx, "people", nil); err != nil || progress != 100 {
		t.Errorf("GetLoadingProgress = %v, %v, want 100", progress, err)
	}
	if coll, err := c.(*client.GrpcClient).ShowCollection(ctx, "people"); err != nil || !coll.Loaded {
		t.Errorf("ShowCollection = %v, %v, want loaded", coll, err)
	}

	idx, err := c.DescribeIndex(ctx, "people", "vec")
	if err != nil || len(idx) != 1 || idx[0].IndexType() != entity.Flat || idx[0].Params()["metric_type"] != "IP" {
		t.Errorf("DescribeIndex = %+v, %v, want one FLAT index with IP", idx, err)
	}
	if state, err := c.GetIndexState(ctx, "people", "vec"); err != nil || state != entity.IndexState(commonpb.IndexState_Finished) {
		t.Errorf("GetIndexState = %v, %v, want finished", state, err)
	}
	other, _ := entity.NewIndexFlat(entity.L2)
	if err := c.CreateIndex(ctx, "people", "vec", other, false); err == nil {
		t.Error("CreateIndex with another metric on the same field succeeds")
	}
	if err := c.DropIndex(ctx, "people", "vec"); err == nil {
		t.Error("DropIndex while the collection is loaded succeeds")
	}
	must(t, c.ReleaseCollection(ctx, "people"))
	loadState(entity.LoadStateNotLoad)
	must(t, c.DropIndex(ctx, "people", "vec"))
	if _, err := c.DescribeIndex(ctx, "people", "vec"); err == nil {
		t.Error("DescribeIndex after DropIndex succeeds")
	}
}

func TestPartitionsHoldTheirRows(t *testing.T) {
	srv := start(t, milvustest.Config{})
	c := connect(t, srv)
	ctx := testContext(t)
	fill(t, c, "people", entity.L2)
	must(t, c.CreatePartition(ctx, "people", "part"))
	if has, err := c.HasPartition(ctx, "people", "part"); err != nil || !has {
		t.Errorf("HasPartition = %v, %v, want true", has, err)
	}
	parts, err := c.ShowPartitions(ctx, "people")
	if err != nil || len(parts) != 2 || parts[0].Name != "_default" || parts[1].Name != "part" || !parts[1].Loaded {
		t.Errorf("ShowPartitions = %v, %v, want _default and part", parts, err)
	}
	// Moves the rows 1 to 5 to the partition, as an upsert does.
	_, err = c.Upsert(ctx, "people", "part", people()...)
	must(t, err)
	for name, want := range map[string]int{"_default": 0, "part": 5} {
		rs, err := c.Query(ctx, "people", []string{name}, "id > 0", []string{"id"})
		if err != nil || rs.Len() != want {
			t.Errorf("Query in %s finds %v, %v, want %d rows", name, rs, err, want)
		}
	}
	must(t, c.Delete(ctx, "people", "_default", "id == 1")) // It is not there.
	must(t, c.Flush(ctx, "people", false))
	reply, err := stub(t, srv).GetPartitionStatistics(ctx, &milvuspb.GetPartitionStatisticsRequest{CollectionName: "people", PartitionName: "part"})
	if err != nil || len(reply.GetStats()) != 1 || reply.Stats[0].Value != "5" {
		t.Errorf("GetPartitionStatistics = %v, %v, want 5 rows", reply, err)
	}
	if err := c.DropPartition(ctx, "people", "part"); err == nil {
		t.Error("DropPartition of a loaded partition succeeds")
	}
	must(t, c.ReleasePartitions(ctx, "people", []string{"part"}))
	if _, err := c.Query(ctx, "people", []string{"part"}, "id > 0", []string{"id"}); err == nil {
		t.Error("Query in a released partition succeeds")
	}
	must(t, c.LoadPartitions(ctx, "people", []string{"part"}, true))
	must(t, c.ReleaseCollection(ctx, "people"))
	must(t, c.DropPartition(ctx, "people", "part"))
	stats, err := c.GetCollectionStatistics(ctx, "people")
	if err != nil || stats["row_count"] != "5" {
		t.Errorf("GetCollectionStatistics = %v, %v, want the 5 rows that were flushed in _default, deleted or not", stats, err)
	}
}

// TestErrorsCarryBothCodes goes through what callers do wrong, on the bare
// protocol: the SDK would stop some of it.
func TestErrorsCarryBothCodes(t *testing.T) {
	srv := start(t, milvustest.Config{})
	fill(t, connect(t, srv), "people", entity.L2)
	must(t, connect(t, srv).CreateCollection(testContext(t), schemaOf("unloaded"), 1))
	raw := stub(t, srv)

	type reply interface{ GetStatus() *commonpb.Status }
	plain := func(st *commonpb.Status, err error) (reply, error) { return statusReply{st}, err }
	create := func(name string, change func(*entity.Schema)) func(context.Context) (reply, error) {
		return func(ctx context.Context) (reply, error) {
			schema := schemaOf(name)
			change(schema)
			bs, err := proto.Marshal(protoadapt.MessageV2Of(schema.ProtoMessage()))
			must(t, err)
			return plain(raw.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: name, Schema: bs}))
		}
	}
	insert := func(change func(*milvuspb.InsertRequest)) func(context.Context) (reply, error) {
		return func(ctx context.Context) (reply, error) {
			req := &milvuspb.InsertRequest{CollectionName: "people", NumRows: 5}
			for _, col := range people() {
				req.FieldsData = append(req.FieldsData, col.FieldData())
			}
			change(req)
			return raw.Insert(ctx, req)
		}
	}
	query := func(req *milvuspb.QueryRequest) func(context.Context) (reply, error) {
		return func(ctx context.Context) (reply, error) { return raw.Query(ctx, req) }
	}
	searchWith := func(change func(*milvuspb.SearchRequest)) func(context.Context) (reply, error) {
		return func(ctx context.Context) (reply, error) {
			req := searchRequest(t, []float32{1, 2, 3, 4})
			change(req)
			return raw.Search(ctx, req)
		}
	}
	param := func(key, val string) func(*milvuspb.SearchRequest) {
		return func(r *milvuspb.SearchRequest) {
			r.SearchParams = slices.DeleteFunc(r.SearchParams, func(p *commonpb.KeyValuePair) bool { return p.Key == key })
			r.SearchParams = append(r.SearchParams, &commonpb.KeyValuePair{Key: key, Value: val})
		}
	}
	nowhere := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "dbname", "nowhere")
	}

	tests := []struct {
		name   string
		call   func(ctx context.Context) (reply, error)
		code   milvustest.Code
		legacy commonpb.ErrorCode
	}{
		{"connect to unknown database", func(ctx context.Context) (reply, error) {
			return raw.Connect(nowhere(ctx), &milvuspb.ConnectRequest{})
		}, 800, commonpb.ErrorCode_UnexpectedError},
		{"unknown database in metadata", func(ctx context.Context) (reply, error) {
			return raw.HasCollection(nowhere(ctx), &milvuspb.HasCollectionRequest{CollectionName: "people"})
		}, 800, commonpb.ErrorCode_UnexpectedError},
		{"unknown database in request", func(ctx context.Context) (reply, error) {
			return raw.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{DbName: "nowhere"})
		}, 800, commonpb.ErrorCode_UnexpectedError},
		{"drop a database of a bad name", func(ctx context.Context) (reply, error) {
			return plain(raw.DropDatabase(ctx, &milvuspb.DropDatabaseRequest{DbName: "a b"}))
		}, 802, commonpb.ErrorCode_UnexpectedError},
		{"bad database name", func(ctx context.Context) (reply, error) {
			return plain(raw.CreateDatabase(ctx, &milvuspb.CreateDatabaseRequest{DbName: "a b"}))
		}, 802, commonpb.ErrorCode_UnexpectedError},
		{"describe unknown collection", func(ctx context.Context) (reply, error) {
			return raw.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "nope"})
		}, 100, commonpb.ErrorCode_CollectionNotExists},
		{"loading progress of unknown collection", func(ctx context.Context) (reply, error) {
			return raw.GetLoadingProgress(ctx, &milvuspb.GetLoadingProgressRequest{CollectionName: "nope"})
		}, 100, commonpb.ErrorCode_CollectionNotExists},
		{"flush unknown collection", func(ctx context.Context) (reply, error) {
			return raw.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{"nope"}})
		}, 100, commonpb.ErrorCode_CollectionNotExists},
		{"flush nothing", func(ctx context.Context) (reply, error) { return raw.Flush(ctx, &milvuspb.FlushRequest{}) }, 1100, commonpb.ErrorCode_IllegalArgument},
		{"empty collection name", func(ctx context.Context) (reply, error) {
			return raw.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{})
		}, 1100, commonpb.ErrorCode_IllegalArgument},
		{"progress of a collection that is not loaded", func(ctx context.Context) (reply, error) {
			return raw.GetLoadingProgress(ctx, &milvuspb.GetLoadingProgressRequest{CollectionName: "unloaded"})
		}, 101, commonpb.ErrorCode_UnexpectedError},
		{"load without index", func(ctx context.Context) (reply, error) {
			return plain(raw.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: "unloaded"}))
		}, 700, commonpb.ErrorCode_IndexNotExist},
		{"index of unknown field", func(ctx context.Context) (reply, error) {
			return plain(raw.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: "unloaded", FieldName: "nope"}))
		}, 1100, commonpb.ErrorCode_IllegalArgument},
		{"index with unknown metric", func(ctx context.Context) (reply, error) {
			return plain(raw.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: "unloaded", FieldName: "vec",
				ExtraParams: []*commonpb.KeyValuePair{{Key: "metric_type", Value: "HAMMING"}}}))
		}, 1100, commonpb.ErrorCode_IllegalArgument},
		{"release no partition", func(ctx context.Context) (reply, error) {
			return plain(raw.ReleasePartitions(ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: "people"}))
		}, 1100, commonpb.ErrorCode_IllegalArgument},
		{"drop the default partition", func(ctx context.Context) (reply, error) {
			return plain(raw.DropPartition(ctx, &milvuspb.DropPartitionRequest{CollectionName: "people", PartitionName: "_default"}))
		}, 1100, commonpb.ErrorCode_IllegalArgument},
		{"statistics of unknown partition", func(ctx context.Context) (reply, error) {
			return raw.GetPartitionStatistics(ctx, &milvuspb.GetPartitionStatisticsRequest{CollectionName: "people", PartitionName: "nope"})
		}, 200, commonpb.ErrorCode_MetaFailed},

		{"bad collection name", create("a b", func(*entity.Schema) {}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"schema is no schema", func(ctx context.Context) (reply, error) {
			return plain(raw.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: "x", Schema: []byte("\xff")}))
		}, 1100, commonpb.ErrorCode_IllegalArgument},
		{"schema under another name", create("x", func(s *entity.Schema) { s.WithName("y") }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"no primary key", create("x", func(s *entity.Schema) { s.Fields = s.Fields[1:] }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"primary key of a wrong type", create("x", func(s *entity.Schema) { s.Fields[0].WithDataType(entity.FieldTypeInt8) }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"AutoID of another field", create("x", func(s *entity.Schema) { s.Fields[1].WithIsAutoID(true) }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"no vector", create("x", func(s *entity.Schema) { s.Fields = s.Fields[:7] }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"two fields of one name", create("x", func(s *entity.Schema) { s.Fields[1].WithName("id") }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"bad field name", create("x", func(s *entity.Schema) { s.Fields[1].WithName("1st") }), 1701, commonpb.ErrorCode_UnexpectedError},
		{"dimension zero", create("x", func(s *entity.Schema) { s.Fields[7].WithDim(0) }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"varchar without length", create("x", func(s *entity.Schema) { s.Fields[4].TypeParams = nil }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"type that is not supported", create("x", func(s *entity.Schema) { s.Fields[1].WithDataType(entity.FieldTypeArray) }), 1100, commonpb.ErrorCode_IllegalArgument},

		{"insert into unknown collection", insert(func(r *milvuspb.InsertRequest) { r.CollectionName = "nope" }), 100, commonpb.ErrorCode_CollectionNotExists},
		{"insert into unknown partition", insert(func(r *milvuspb.InsertRequest) { r.PartitionName = "nope" }), 200, commonpb.ErrorCode_MetaFailed},
		{"insert nothing", insert(func(r *milvuspb.InsertRequest) { r.NumRows, r.FieldsData = 0, nil }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert unknown field", insert(func(r *milvuspb.InsertRequest) { r.FieldsData[1].FieldName = "nope" }), 1700, commonpb.ErrorCode_UnexpectedError},
		{"insert without a field", insert(func(r *milvuspb.InsertRequest) { r.FieldsData = r.FieldsData[:7] }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert a field twice", insert(func(r *milvuspb.InsertRequest) { r.FieldsData = append(r.FieldsData, r.FieldsData[0]) }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert too few values", insert(func(r *milvuspb.InsertRequest) { r.NumRows = 6 }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert a wrong type", insert(func(r *milvuspb.InsertRequest) { r.FieldsData[1].Type = schemapb.DataType_Double }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert a field without data", insert(func(r *milvuspb.InsertRequest) { r.FieldsData[1].Field = nil }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert a wrong dimension", insert(func(r *milvuspb.InsertRequest) {
			r.FieldsData[7] = entity.NewColumnFloatVector("vec", 2, [][]float32{{1, 2}, {1, 2}, {1, 2}, {1, 2}, {1, 2}}).FieldData()
		}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert an int8 out of range", insert(func(r *milvuspb.InsertRequest) {
			r.FieldsData[1].GetScalars().GetIntData().Data[0] = 200
		}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert a string that is too long", insert(func(r *milvuspb.InsertRequest) {
			r.FieldsData[4].GetScalars().GetStringData().Data[0] = strings.Repeat("x", 21)
		}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"insert bad JSON", insert(func(r *milvuspb.InsertRequest) {
			r.FieldsData[6].GetScalars().GetJsonData().Data[0] = []byte("{")
		}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"delete without a filter", func(ctx context.Context) (reply, error) {
			return raw.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "people"})
		}, 1100, commonpb.ErrorCode_IllegalArgument},
		{"delete with a bad filter", func(ctx context.Context) (reply, error) {
			return raw.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: "people", Expr: "id =="})
		}, 1100, commonpb.ErrorCode_IllegalArgument},

		{"query what is not loaded", query(&milvuspb.QueryRequest{CollectionName: "unloaded", Expr: "id > 0"}), 101, commonpb.ErrorCode_UnexpectedError},
		{"query unknown partition", query(&milvuspb.QueryRequest{CollectionName: "people", Expr: "id > 0", PartitionNames: []string{"nope"}}), 200, commonpb.ErrorCode_MetaFailed},
		{"query unknown output field", query(&milvuspb.QueryRequest{CollectionName: "people", Expr: "id > 0", OutputFields: []string{"nope"}}), 65535, commonpb.ErrorCode_UnexpectedError},
		{"query everything", query(&milvuspb.QueryRequest{CollectionName: "people"}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"query a negative limit", query(&milvuspb.QueryRequest{CollectionName: "people", Expr: "id > 0", QueryParams: []*commonpb.KeyValuePair{{Key: "limit", Value: "-1"}}}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"query a limit that is no number", query(&milvuspb.QueryRequest{CollectionName: "people", Expr: "id > 0", QueryParams: []*commonpb.KeyValuePair{{Key: "limit", Value: "x"}}}), 1100, commonpb.ErrorCode_IllegalArgument},

		{"search unknown collection", searchWith(func(r *milvuspb.SearchRequest) { r.CollectionName = "nope" }), 100, commonpb.ErrorCode_CollectionNotExists},
		{"search what is not loaded", searchWith(func(r *milvuspb.SearchRequest) { r.CollectionName = "unloaded" }), 101, commonpb.ErrorCode_UnexpectedError},
		{"search wrong metric", searchWith(param("metric_type", "IP")), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search unknown field", searchWith(param("anns_field", "nope")), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search a field that is no vector", searchWith(param("anns_field", "age")), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search topk 0", searchWith(param("topk", "0")), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search topk too large", searchWith(param("topk", "16385")), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search offset too large", searchWith(param("offset", "16384")), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search a range in the wrong order", searchWith(param("params", `{"radius": 1, "range_filter": 2}`)), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search with bad params", searchWith(param("params", `{`)), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search in groups of a size", searchWith(param("group_size", "2")), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search unknown output field", searchWith(func(r *milvuspb.SearchRequest) { r.OutputFields = []string{"nope"} }), 65535, commonpb.ErrorCode_UnexpectedError},
		{"search with a bad filter", searchWith(func(r *milvuspb.SearchRequest) { r.Dsl = "nope > 1" }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search a wrong dimension", searchWith(func(r *milvuspb.SearchRequest) {
			r.PlaceholderGroup = searchRequest(t, []float32{1, 2}).PlaceholderGroup
		}), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search without vectors", searchWith(func(r *milvuspb.SearchRequest) { r.PlaceholderGroup = nil }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search with a wrong nq", searchWith(func(r *milvuspb.SearchRequest) { r.Nq = 2 }), 1100, commonpb.ErrorCode_IllegalArgument},
		{"search with garbage", searchWith(func(r *milvuspb.SearchRequest) { r.PlaceholderGroup = []byte("\xff") }), 1100, commonpb.ErrorCode_IllegalArgument},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := test.call(testContext(t))
			if err != nil {
				t.Fatalf("the call fails: %v", err)
			}
			//lint:ignore SA1019 the legacy code is what this is about
			if st := r.GetStatus(); st.GetCode() != int32(test.code) || st.GetErrorCode() != test.legacy || st.GetReason() == "" {
				t.Errorf("status = %v, want code %d and legacy code %v", st, test.code, test.legacy)
			}
		})
	}
}

type statusReply struct{ st *commonpb.Status }

func (r statusReply) GetStatus() *commonpb.Status { return r.st }

func TestWhatIsNotThereIsUnimplemented(t *testing.T) {
	_, err := stub(t, start(t, milvustest.Config{})).BackupRBAC(testContext(t), &milvuspb.BackupRBACMetaRequest{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("BackupRBAC = %v, want Unimplemented", err)
	}
}

func TestTimestampsOnlyGrow(t *testing.T) {
	raw := stub(t, start(t, milvustest.Config{}))
	var last uint64
	for range 100 {
		reply, err := raw.AllocTimestamp(testContext(t), &milvuspb.AllocTimestampRequest{})
		if err != nil || reply.Timestamp <= last {
			t.Fatalf("AllocTimestamp = %v, %v after %d", reply, err, last)
		}
		last = reply.Timestamp
	}
}

func TestStatusHelpers(t *testing.T) {
	for _, test := range []struct {
		st        *commonpb.Status
		code      int32
		legacy    commonpb.ErrorCode
		retriable bool
	}{
		{milvustest.RateLimited("slow down"), 8, commonpb.ErrorCode_RateLimit, true},
		{milvustest.NotReady("starting"), 1, commonpb.ErrorCode_NotReadyServe, true},
		{milvustest.CollectionNotFound("c"), 100, commonpb.ErrorCode_CollectionNotExists, false},
		{milvustest.CollectionNotLoaded("c"), 101, commonpb.ErrorCode_UnexpectedError, false},
		{milvustest.NewStatus(1234, "new"), 1234, commonpb.ErrorCode_UnexpectedError, false},
		{milvustest.NewStatus(0, ""), 0, commonpb.ErrorCode_Success, false},
	} {
		if test.st.Code != test.code || test.st.ErrorCode != test.legacy || test.st.Retriable != test.retriable {
			t.Errorf("status = %v, want %d, %v, retriable %v", test.st, test.code, test.legacy, test.retriable)
		}
	}
}

func TestPanicOfAHandlerIsAnAnswer(t *testing.T) {
	srv := start(t, milvustest.Config{})
	_, err := milvustest.Intercept(srv, testContext(t), nil, unary("Search"), func(context.Context, any) (any, error) { panic("oops") })
	if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "oops") {
		t.Errorf("a call whose handler panics = %v, want Internal", err)
	}
	if n := srv.InFlight(""); n != 0 {
		t.Errorf("InFlight = %d, want 0", n)
	}
	if srv.Calls("Search") != 1 {
		t.Error("the call is not counted")
	}
}
