// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/protoadapt"
)

// raws returns a request for each message.
func raws(kind string, messages ...protoadapt.MessageV1) []Request {
	all := make([]Request, len(messages))
	for i, m := range messages {
		all[i] = Request{Kind: kind, Do: "raw!", Raw: m}
	}
	return all
}

// Columns of raw inserts.

func longs(name string, xs ...int64) *schemapb.FieldData {
	return &schemapb.FieldData{Type: schemapb.DataType_Int64, FieldName: name, Field: scalars(&schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: xs}}})}
}

func texts(name string, xs ...string) *schemapb.FieldData {
	return &schemapb.FieldData{Type: schemapb.DataType_VarChar, FieldName: name, Field: scalars(&schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: xs}}})}
}

func doubles(name string, xs ...float64) *schemapb.FieldData {
	return &schemapb.FieldData{Type: schemapb.DataType_Double, FieldName: name, Field: scalars(&schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: xs}}})}
}

func vector(name string, dim int64, xs ...float32) *schemapb.FieldData {
	return &schemapb.FieldData{Type: schemapb.DataType_FloatVector, FieldName: name, Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
		Dim: dim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: xs}},
	}}}
}

func insertRaw(rows uint32, fields ...*schemapb.FieldData) *milvuspb.InsertRequest {
	return &milvuspb.InsertRequest{CollectionName: "c", NumRows: rows, FieldsData: fields}
}

func dynamicInsert(text string) *milvuspb.InsertRequest {
	return insertRaw(1, longs("id", 1000), vector("v", 2, 1, 0), &schemapb.FieldData{
		Type: schemapb.DataType_JSON, IsDynamic: true,
		Field: scalars(&schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: [][]byte{[]byte(text)}}}}),
	})
}

// withFields changes a message and returns it.
func withFields[M any](m M, change func(M)) M {
	change(m)
	return m
}

func loadReplicas(n int32) *milvuspb.LoadCollectionRequest {
	return &milvuspb.LoadCollectionRequest{CollectionName: "c", ReplicaNumber: n}
}

func loadNoPartitions() *milvuspb.LoadPartitionsRequest {
	return &milvuspb.LoadPartitionsRequest{CollectionName: "c"}
}

func releaseNoPartitions() *milvuspb.ReleasePartitionsRequest {
	return &milvuspb.ReleasePartitionsRequest{CollectionName: "c"}
}

func partitionStats(on, partition string) *milvuspb.GetPartitionStatisticsRequest {
	return &milvuspb.GetPartitionStatisticsRequest{CollectionName: on, PartitionName: partition}
}

func describeRaw(on string) *milvuspb.DescribeCollectionRequest {
	return &milvuspb.DescribeCollectionRequest{CollectionName: on}
}

func describeAlias(name string) *milvuspb.DescribeAliasRequest {
	return &milvuspb.DescribeAliasRequest{Alias: name}
}

func listAliases(on string) *milvuspb.ListAliasesRequest {
	return &milvuspb.ListAliasesRequest{CollectionName: on}
}

func describeDatabase(name string) *milvuspb.DescribeDatabaseRequest {
	return &milvuspb.DescribeDatabaseRequest{DbName: name}
}

func hasIn(db, on string) *milvuspb.HasCollectionRequest {
	return &milvuspb.HasCollectionRequest{DbName: db, CollectionName: on}
}

func showIn(db string) *milvuspb.ShowCollectionsRequest {
	return &milvuspb.ShowCollectionsRequest{DbName: db}
}

func queryIn(db string) *milvuspb.QueryRequest {
	return &milvuspb.QueryRequest{DbName: db, CollectionName: "c", Expr: "id > 0", OutputFields: []string{"id"}}
}

func describeIn(db, on string) *milvuspb.DescribeCollectionRequest {
	return &milvuspb.DescribeCollectionRequest{DbName: db, CollectionName: on}
}

func dropIn(db, on string) *milvuspb.DropCollectionRequest {
	return &milvuspb.DropCollectionRequest{DbName: db, CollectionName: on}
}

func loadStateIn(db, on string) *milvuspb.GetLoadStateRequest {
	return &milvuspb.GetLoadStateRequest{DbName: db, CollectionName: on}
}

func alterRaw(on, text string) *milvuspb.AlterCollectionRequest {
	return &milvuspb.AlterCollectionRequest{CollectionName: on, Properties: pairs(text)}
}

func selectUser(name string) *milvuspb.SelectUserRequest {
	return &milvuspb.SelectUserRequest{User: &milvuspb.UserEntity{Name: name}, IncludeRoleInfo: true}
}

func selectRole(name string) *milvuspb.SelectRoleRequest {
	return &milvuspb.SelectRoleRequest{Role: &milvuspb.RoleEntity{Name: name}, IncludeUserInfo: true}
}

func entityOf(role, object, name, privilege string) *milvuspb.GrantEntity {
	return &milvuspb.GrantEntity{
		Role: &milvuspb.RoleEntity{Name: role}, Object: &milvuspb.ObjectEntity{Name: object}, ObjectName: name,
		Grantor: &milvuspb.GrantorEntity{Privilege: &milvuspb.PrivilegeEntity{Name: privilege}},
	}
}

func grant(role, object, name, privilege string) *milvuspb.OperatePrivilegeRequest {
	return &milvuspb.OperatePrivilegeRequest{Entity: entityOf(role, object, name, privilege), Type: milvuspb.OperatePrivilegeType_Grant}
}

func revoke(role, object, name, privilege string) *milvuspb.OperatePrivilegeRequest {
	return &milvuspb.OperatePrivilegeRequest{Entity: entityOf(role, object, name, privilege), Type: milvuspb.OperatePrivilegeType_Revoke}
}

func selectGrant(role string) *milvuspb.SelectGrantRequest {
	return &milvuspb.SelectGrantRequest{Entity: &milvuspb.GrantEntity{Role: &milvuspb.RoleEntity{Name: role}}}
}

func rawInserts() []Request {
	id, k, s, v := longs("id", 1), longs("k", 1), texts("s", "a"), vector("v", 2, 1, 0)
	kills := marked(raws("raw insert", insertRaw(1, id, k, s, vector("v", 0, 1, 2)), insertRaw(1, id, k, s, vector("v", -2, 1, 2))))
	return append(kills, raws("raw insert",
		insertRaw(1, id, k, s, v), insertRaw(1, v, s, k, id), insertRaw(0, id, k, s, v), insertRaw(2, id, k, s, v), insertRaw(1), insertRaw(0),
		insertRaw(1, id, k, s), insertRaw(1, k, s, v), insertRaw(1, id, k, s, v, longs("x", 1)), insertRaw(1, id, k, s, v, k), insertRaw(1, id, id, k, s, v),
		insertRaw(1, longs("id"), k, s, v), insertRaw(1, id, longs("k"), s, v), insertRaw(1, id, longs("k", 1, 2), s, v), insertRaw(1, id, k, texts("s"), v), insertRaw(1, id, k, texts("s", "a", "b"), v), insertRaw(1, longs("id", 1, 2), k, s, v),
		insertRaw(1, id, k, s, vector("v", 2, 1)), insertRaw(1, id, k, s, vector("v", 2, 1, 2, 3)), insertRaw(1, id, k, s, vector("v", 2, 1, 2, 3, 4)), insertRaw(1, id, k, s, vector("v", 4, 1, 2, 3, 4)), insertRaw(1, id, k, s, vector("v", 2)), insertRaw(2, longs("id", 1, 2), longs("k", 1, 2), texts("s", "a", "b"), vector("v", 2, 1, 0)),
		insertRaw(1, id, longs("s", 1), k, v), insertRaw(1, id, k, s, doubles("v", 1)), insertRaw(1, id, k, texts("s", "a\xff"), v), insertRaw(1, longs("", 1), k, s, v), insertRaw(1, id, k, s, v, nil),
		insertRaw(1, id, k, s, &schemapb.FieldData{Type: schemapb.DataType_FloatVector, FieldName: "v"}), insertRaw(1, id, k, &schemapb.FieldData{Type: schemapb.DataType_VarChar, FieldName: "s"}, v),
		&milvuspb.InsertRequest{}, &milvuspb.InsertRequest{CollectionName: "nosuch", NumRows: 1, FieldsData: []*schemapb.FieldData{id, k, s, v}},
		withFields(insertRaw(1, id, k, s, v), func(r *milvuspb.InsertRequest) { r.HashKeys = []uint32{1, 2, 3} }),
		withFields(insertRaw(1, id, k, s, v), func(r *milvuspb.InsertRequest) { r.PartitionName = " " }),
		withFields(insertRaw(1, longs("id", 7), k, s, v), func(r *milvuspb.InsertRequest) { r.DbName = "nosuch" }),
		withFields(insertRaw(1, longs("id", 8), k, s, v), func(r *milvuspb.InsertRequest) { r.Base = &commonpb.MsgBase{MsgType: commonpb.MsgType_Delete} }),
		insertRaw(1, withFields(longs("id", 9), func(f *schemapb.FieldData) { f.FieldId = 999 }), k, s, v),
		insertRaw(1, withFields(longs("id", 10), func(f *schemapb.FieldData) { f.IsDynamic = true }), k, s, v),
		&milvuspb.UpsertRequest{}, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 1, FieldsData: []*schemapb.FieldData{id, k, s}}, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 2, FieldsData: []*schemapb.FieldData{id, k, s, v}},
		&milvuspb.UpsertRequest{CollectionName: "c", NumRows: 1, FieldsData: []*schemapb.FieldData{k, s, v}}, &milvuspb.UpsertRequest{CollectionName: "c", NumRows: 1, FieldsData: []*schemapb.FieldData{longs("id", 20), longs("k", 5), s, v}},
	)...)
}

// rawEmpty are requests without anything in them, and with little.
func rawEmpty() []Request {
	return append(marked(raws("raw empty", &milvuspb.ImportRequest{})), raws("raw empty",
		&milvuspb.CreateCollectionRequest{}, &milvuspb.CreateCollectionRequest{CollectionName: "e"}, &milvuspb.CreateCollectionRequest{CollectionName: "e", Schema: []byte("junk")}, &milvuspb.DropCollectionRequest{}, &milvuspb.HasCollectionRequest{}, &milvuspb.DescribeCollectionRequest{}, &milvuspb.DescribeCollectionRequest{CollectionID: 999}, &milvuspb.LoadCollectionRequest{}, &milvuspb.ReleaseCollectionRequest{}, &milvuspb.GetCollectionStatisticsRequest{}, &milvuspb.CreatePartitionRequest{}, &milvuspb.DropPartitionRequest{}, &milvuspb.HasPartitionRequest{}, &milvuspb.HasPartitionRequest{CollectionName: "c"}, &milvuspb.LoadPartitionsRequest{}, &milvuspb.ReleasePartitionsRequest{}, &milvuspb.GetPartitionStatisticsRequest{}, &milvuspb.ShowPartitionsRequest{}, &milvuspb.CreateIndexRequest{}, &milvuspb.CreateIndexRequest{CollectionName: "c"}, &milvuspb.CreateIndexRequest{CollectionName: "c", FieldName: "v"}, &milvuspb.DescribeIndexRequest{}, &milvuspb.DescribeIndexRequest{CollectionName: "c"}, &milvuspb.DescribeIndexRequest{CollectionName: "c", IndexName: "nosuch"}, &milvuspb.DropIndexRequest{}, &milvuspb.DropIndexRequest{CollectionName: "c"}, &milvuspb.GetIndexStateRequest{CollectionName: "c", FieldName: "v"}, &milvuspb.GetIndexBuildProgressRequest{CollectionName: "c", FieldName: "v"}, &milvuspb.GetIndexStatisticsRequest{CollectionName: "c"}, &milvuspb.GetIndexStatisticsRequest{CollectionName: "nosuch"}, &milvuspb.DeleteRequest{}, &milvuspb.DeleteRequest{CollectionName: "c"}, &milvuspb.SearchRequest{}, &milvuspb.SearchRequest{CollectionName: "c"}, &milvuspb.QueryRequest{}, &milvuspb.QueryRequest{CollectionName: "c"}, &milvuspb.HybridSearchRequest{CollectionName: "c"}, &milvuspb.FlushRequest{}, &milvuspb.FlushRequest{CollectionNames: []string{""}}, &milvuspb.FlushRequest{CollectionNames: []string{"nosuch"}}, &milvuspb.FlushRequest{CollectionNames: []string{"c", "nosuch"}}, &milvuspb.GetFlushStateRequest{}, &milvuspb.GetFlushStateRequest{CollectionName: "nosuch"}, &milvuspb.GetLoadStateRequest{}, &milvuspb.GetLoadingProgressRequest{}, &milvuspb.GetLoadingProgressRequest{CollectionName: "nosuch"}, &milvuspb.RenameCollectionRequest{}, &milvuspb.AlterCollectionRequest{}, &milvuspb.CreateAliasRequest{}, &milvuspb.DropAliasRequest{}, &milvuspb.AlterAliasRequest{}, &milvuspb.CreateDatabaseRequest{}, &milvuspb.DropDatabaseRequest{}, &milvuspb.GetReplicasRequest{}, &milvuspb.GetReplicasRequest{CollectionName: "nosuch"}, &milvuspb.GetPersistentSegmentInfoRequest{}, &milvuspb.GetPersistentSegmentInfoRequest{CollectionName: "nosuch"}, &milvuspb.GetQuerySegmentInfoRequest{}, &milvuspb.GetQuerySegmentInfoRequest{CollectionName: "nosuch"}, &milvuspb.ManualCompactionRequest{}, &milvuspb.GetCompactionStateRequest{}, &milvuspb.GetCompactionStateRequest{CompactionID: 1}, &milvuspb.GetMetricsRequest{}, &milvuspb.GetMetricsRequest{Request: "junk"}, &milvuspb.GetMetricsRequest{Request: `{"metric_type":"nope"}`}, &milvuspb.CalcDistanceRequest{}, &milvuspb.DummyRequest{}, &milvuspb.LoadBalanceRequest{}, &milvuspb.CreateCredentialRequest{}, &milvuspb.DeleteCredentialRequest{}, &milvuspb.UpdateCredentialRequest{}, &milvuspb.CreateRoleRequest{}, &milvuspb.DropRoleRequest{}, &milvuspb.OperateUserRoleRequest{}, &milvuspb.OperatePrivilegeRequest{}, &milvuspb.SelectGrantRequest{}, &milvuspb.ImportRequest{CollectionName: "c"}, &milvuspb.GetImportStateRequest{}, &milvuspb.GetImportStateRequest{Task: 1}, &milvuspb.ListImportTasksRequest{}, &milvuspb.GetFlushAllStateRequest{}, &milvuspb.GetFlushAllStateRequest{FlushAllTs: 1}, &milvuspb.CreateResourceGroupRequest{}, &milvuspb.DescribeResourceGroupRequest{}, &milvuspb.DescribeResourceGroupRequest{ResourceGroup: "nosuch"}, &milvuspb.ListResourceGroupsRequest{}, &milvuspb.DescribeAliasRequest{}, &milvuspb.ListAliasesRequest{}, &milvuspb.AllocTimestampRequest{}, &milvuspb.GetVersionRequest{}, &milvuspb.CheckHealthRequest{}, &milvuspb.GetComponentStatesRequest{}, &milvuspb.RegisterLinkRequest{},
	)...)
}

func rawSearches() []Request {
	group, err := placeholders(nil)
	if err != nil {
		panic(err) // it is empty
	}
	base := func() *milvuspb.SearchRequest {
		return &milvuspb.SearchRequest{
			CollectionName: "c", DslType: commonpb.DslType_BoolExprV1, Nq: 1, SearchParams: pairs("anns_field=v topk=3 metric_type=L2 params={} round_decimal=-1"),
			PlaceholderGroup: []byte("\x0a\x10\x0a\x02$0\x10\x65\x1a\x08\x00\x00\x00\x00\x00\x00\x00\x00"),
			// Strong consistency.
			OutputFields: []string{"id"},
		}
	}
	var all []protoadapt.MessageV1
	for _, change := range []func(*milvuspb.SearchRequest){
		func(*milvuspb.SearchRequest) {}, func(r *milvuspb.SearchRequest) { r.PlaceholderGroup = nil }, func(r *milvuspb.SearchRequest) { r.PlaceholderGroup = []byte("junk") }, func(r *milvuspb.SearchRequest) { r.PlaceholderGroup = group }, func(r *milvuspb.SearchRequest) { r.SearchParams = nil },
		func(r *milvuspb.SearchRequest) { r.SearchParams = append(r.SearchParams, pairs("topk=1")...) }, func(r *milvuspb.SearchRequest) { r.Nq = 0 }, func(r *milvuspb.SearchRequest) { r.Nq = 2 }, func(r *milvuspb.SearchRequest) { r.Nq = 16385 },
		func(r *milvuspb.SearchRequest) { r.PartitionNames = []string{""} }, func(r *milvuspb.SearchRequest) { r.OutputFields = []string{""} }, func(r *milvuspb.SearchRequest) { r.ConsistencyLevel = 9 }, func(r *milvuspb.SearchRequest) { r.UseDefaultConsistency = true }, func(r *milvuspb.SearchRequest) { r.NotReturnAllMeta = true }, func(r *milvuspb.SearchRequest) { r.GuaranteeTimestamp = 1 }, func(r *milvuspb.SearchRequest) { r.GuaranteeTimestamp = 2 }, func(r *milvuspb.SearchRequest) { r.TravelTimestamp = 5 },
		func(r *milvuspb.SearchRequest) { r.DbName = "nosuch" }, func(r *milvuspb.SearchRequest) {
			r.PlaceholderGroup = append(r.PlaceholderGroup, r.PlaceholderGroup...)
		}, func(r *milvuspb.SearchRequest) { r.PlaceholderGroup[7] = 0x64 }, func(r *milvuspb.SearchRequest) { r.PlaceholderGroup[7] = 0 },
	} {
		all = append(all, withFields(base(), change))
	}
	negative := withFields(base(), func(r *milvuspb.SearchRequest) { r.Nq = -1 })
	old := withFields(base(), func(r *milvuspb.SearchRequest) { r.DslType = commonpb.DslType_Dsl })
	return append(raws("raw search", all...), marked(raws("raw search", negative, old))...)
}

func rawGroups() []Group {
	schema := "id int64 pk; k int64; s varchar 8; v vector 2"
	rows := `{"id":1,"k":1,"s":"a","v":[1,0]} {"id":2,"k":2,"s":"b","v":[0,2]}`
	return []Group{
		{"raw: inserts", loaded(schema), append(rawInserts(), look("after inserts")...)},
		{"raw: empty", ready("c", schema, rows), rawEmpty()},
		{"raw: searches", ready("c", schema, rows), rawSearches()},
	}
}
