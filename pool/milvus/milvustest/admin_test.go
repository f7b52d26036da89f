// SPDX-License-Identifier: Apache-2.0

package milvustest_test

import (
	"encoding/base64"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// TestUsersAndRolesAsMilvus has the codes of the real 2.3.5.
func TestUsersAndRolesAsMilvus(t *testing.T) {
	raw, ctx := stub(t, start(t, as23)), testContext(t)
	withoutUser := ctx
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", base64Of("root:Milvus"))
	check := func(what string, want int32) func(*commonpb.Status, error) {
		return func(st *commonpb.Status, err error) {
			t.Helper()
			if code(t, st, err) != want {
				t.Errorf("%s = %v, want code %d", what, st, want)
			}
		}
	}
	for _, test := range []struct {
		name, password string
		code           int32
	}{
		{"ann", "secret1", 0}, {"ann", "secret1", 65535}, {"root", "secret1", 65535}, {"", "secret1", 1100}, {"1x", "secret1", 1100},
		{"a-b", "secret1", 1100}, {"abcdefghijklmnopqrstuvwxyzabcdefgh", "secret1", 1100}, {"bob", "short", 1100},
	} {
		check("create user "+test.name, test.code)(raw.CreateCredential(ctx, &milvuspb.CreateCredentialRequest{Username: test.name, Password: base64Of(test.password)}))
	}
	for _, test := range []struct {
		name, old, password string
		code                int32
	}{{"ann", "wrong", "secret2", 1400}, {"nobody", "secret1", "secret2", 1400}, {"ann", "secret1", "s", 1100}, {"ann", "secret1", "secret2", 0}} {
		check("update user "+test.name+" "+test.old, test.code)(raw.UpdateCredential(ctx, &milvuspb.UpdateCredentialRequest{
			Username: test.name, OldPassword: base64Of(test.old), NewPassword: base64Of(test.password),
		}))
	}
	users, err := raw.ListCredUsers(ctx, &milvuspb.ListCredUsersRequest{})
	if must(t, err); !slices.Equal(users.GetUsernames(), []string{"ann", "root"}) {
		t.Errorf("users = %v", users)
	}

	for name, want := range map[string]int32{"": 1100, "1x": 1100, "admin": 65535} {
		check("create role "+name, want)(raw.CreateRole(ctx, &milvuspb.CreateRoleRequest{Entity: &milvuspb.RoleEntity{Name: name}}))
	}
	check("create role", 0)(raw.CreateRole(ctx, &milvuspb.CreateRoleRequest{Entity: &milvuspb.RoleEntity{Name: "reader"}}))
	check("create role again", 65535)(raw.CreateRole(ctx, &milvuspb.CreateRoleRequest{Entity: &milvuspb.RoleEntity{Name: "reader"}}))
	check("give role", 0)(raw.OperateUserRole(ctx, &milvuspb.OperateUserRoleRequest{Username: "ann", RoleName: "reader"}))
	check("give role again", 0)(raw.OperateUserRole(ctx, &milvuspb.OperateUserRoleRequest{Username: "ann", RoleName: "reader"}))
	check("give role to nobody", 65535)(raw.OperateUserRole(ctx, &milvuspb.OperateUserRoleRequest{Username: "nobody", RoleName: "reader"}))
	check("give no role", 65535)(raw.OperateUserRole(ctx, &milvuspb.OperateUserRoleRequest{Username: "ann", RoleName: "norole"}))

	grant := func(role, object, privilege string) *milvuspb.OperatePrivilegeRequest {
		return &milvuspb.OperatePrivilegeRequest{Entity: &milvuspb.GrantEntity{
			Role: &milvuspb.RoleEntity{Name: role}, Object: &milvuspb.ObjectEntity{Name: object}, ObjectName: "docs",
			Grantor: &milvuspb.GrantorEntity{Privilege: &milvuspb.PrivilegeEntity{Name: privilege}},
		}}
	}
	check("grant without a user", 65535)(raw.OperatePrivilege(withoutUser, grant("reader", "Collection", "Search")))
	check("grant", 0)(raw.OperatePrivilege(ctx, grant("reader", "Collection", "Search")))
	check("grant for nothing", 65535)(raw.OperatePrivilege(ctx, grant("reader", "Nope", "Search")))
	check("grant nothing", 1100)(raw.OperatePrivilege(ctx, grant("reader", "Collection", "")))
	check("grant to no role", 65535)(raw.OperatePrivilege(ctx, grant("norole", "Collection", "Search")))
	grants, err := raw.SelectGrant(ctx, &milvuspb.SelectGrantRequest{Entity: &milvuspb.GrantEntity{Role: &milvuspb.RoleEntity{Name: "reader"}}})
	must(t, err)
	if list := grants.GetEntities(); len(list) != 1 || list[0].GetObjectName() != "docs" || list[0].GetGrantor().GetUser().GetName() != "root" {
		t.Errorf("grants = %v, want one of docs by root", grants)
	}
	check("drop role with a grant", 65535)(raw.DropRole(ctx, &milvuspb.DropRoleRequest{RoleName: "reader"}))
	revoke := grant("reader", "Collection", "Search")
	revoke.Type = milvuspb.OperatePrivilegeType_Revoke
	check("revoke", 0)(raw.OperatePrivilege(ctx, revoke))
	roles, err := raw.SelectRole(ctx, &milvuspb.SelectRoleRequest{IncludeUserInfo: true})
	must(t, err)
	if list := roles.GetResults(); len(list) != 3 || list[2].GetRole().GetName() != "reader" || list[2].GetUsers()[0].GetName() != "ann" {
		t.Errorf("roles = %v, want admin, public and that of ann", roles)
	}
	user, err := raw.SelectUser(ctx, &milvuspb.SelectUserRequest{User: &milvuspb.UserEntity{Name: "ann"}, IncludeRoleInfo: true})
	must(t, err)
	if list := user.GetResults(); len(list) != 1 || list[0].GetRoles()[0].GetName() != "reader" {
		t.Errorf("user = %v, want ann with her role", user)
	}
	check("drop role", 0)(raw.DropRole(ctx, &milvuspb.DropRoleRequest{RoleName: "reader"}))
	check("drop role again", 65535)(raw.DropRole(ctx, &milvuspb.DropRoleRequest{RoleName: "reader"}))
	check("drop role admin", 1401)(raw.DropRole(ctx, &milvuspb.DropRoleRequest{RoleName: "admin"}))
	check("delete user", 0)(raw.DeleteCredential(ctx, &milvuspb.DeleteCredentialRequest{Username: "ann"}))
	check("delete user again", 0)(raw.DeleteCredential(ctx, &milvuspb.DeleteCredentialRequest{Username: "ann"}))
	check("delete root", 1401)(raw.DeleteCredential(ctx, &milvuspb.DeleteCredentialRequest{Username: "root"}))
	check("delete no user", 65535)(raw.DeleteCredential(ctx, &milvuspb.DeleteCredentialRequest{}))
}

func TestUsersThatAClientCreatesAreLetIn(t *testing.T) {
	srv := start(t, milvustest.Config{Username: "root", Password: "secret"})
	ctx := testContext(t)
	root := connectWith(t, client.Config{Address: srv.Addr(), Username: "root", Password: "secret", DialOptions: dialOptions()})
	must(t, root.CreateCredential(ctx, "ann", "secret1"))
	ann := connectWith(t, client.Config{Address: srv.Addr(), Username: "ann", Password: "secret1", DialOptions: dialOptions()})
	_, err := ann.ListCollections(ctx)
	must(t, err)
	must(t, root.UpdateCredential(ctx, "ann", "secret1", "secret2"))
	if _, err := ann.ListCollections(ctx); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a call with the old password = %v, want Unauthenticated", err)
	}
	must(t, root.UpdateCredential(ctx, "root", "secret", "secret3"))
	if _, err := root.ListCollections(ctx); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a call of root with the old password = %v, want Unauthenticated", err)
	}
	root = connectWith(t, client.Config{Address: srv.Addr(), Username: "root", Password: "secret3", DialOptions: dialOptions()})
	must(t, root.DeleteCredential(ctx, "ann"))
	asAnn := metadata.AppendToOutgoingContext(ctx, "authorization", base64Of("ann:secret2"))
	if _, err := stub(t, srv).ListDatabases(asAnn, &milvuspb.ListDatabasesRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a call of a deleted user = %v, want Unauthenticated", err)
	}
}

func TestRequestsAboutTheServer(t *testing.T) {
	srv, raw := line(t, as24)
	c, ctx := connect(t, srv), testContext(t)
	must(t, c.AlterCollection(ctx, "line", entity.CollectionTTL(1800*1e9)))
	st, err := raw.AlterCollection(ctx, &milvuspb.AlterCollectionRequest{CollectionName: "line"})
	if code(t, st, err) != 65535 {
		t.Errorf("AlterCollection without properties = %v, want code 65535", st)
	}
	described, err := raw.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: "line"})
	must(t, err)
	if got := described.GetProperties(); len(got) != 1 || got[0].GetKey() != "collection.ttl.seconds" {
		t.Errorf("properties = %v, want the time to live", got)
	}
	replicas, err := raw.GetReplicas(ctx, &milvuspb.GetReplicasRequest{CollectionName: "line"})
	if code(t, replicas.GetStatus(), err) != 0 || len(replicas.GetReplicas()) != 1 {
		t.Errorf("GetReplicas = %v, want one", replicas)
	}
	must(t, c.ReleaseCollection(ctx, "line"))
	replicas, err = raw.GetReplicas(ctx, &milvuspb.GetReplicasRequest{CollectionName: "line"})
	if code(t, replicas.GetStatus(), err) != 400 {
		t.Errorf("GetReplicas of a released collection = %v, want code 400", replicas)
	}
	segments, err := c.GetPersistentSegmentInfo(ctx, "line")
	if must(t, err); len(segments) != 1 || segments[0].NumRows != 5 {
		t.Errorf("segments = %v, want one of 5 rows", segments)
	}
	id, err := c.ManualCompaction(ctx, "line", 0)
	must(t, err)
	if state, err := c.GetCompactionState(ctx, id); err != nil || state != entity.CompactionStateCompleted {
		t.Errorf("GetCompactionState = %v, %v, want completed", state, err)
	}
	imported, err := raw.Import(ctx, &milvuspb.ImportRequest{CollectionName: "line", Files: []string{"x.json"}})
	if code(t, imported.GetStatus(), err) != 2100 {
		t.Errorf("Import = %v, want code 2100", imported)
	}
	state, err := raw.GetImportState(ctx, &milvuspb.GetImportStateRequest{Task: 1})
	if code(t, state.GetStatus(), err) != 1000 {
		t.Errorf("GetImportState = %v, want code 1000", state)
	}
	for request, want := range map[string]int32{`{"metric_type": "system_info"}`: 0, `{"metric_type": "nope"}`: 1200, `{}`: 65535, `x`: 65535} {
		metrics, err := raw.GetMetrics(ctx, &milvuspb.GetMetricsRequest{Request: request})
		if code(t, metrics.GetStatus(), err) != want {
			t.Errorf("GetMetrics of %s = %v, want code %d", request, metrics, want)
		}
	}
	stats, err := raw.GetIndexStatistics(ctx, &milvuspb.GetIndexStatisticsRequest{CollectionName: "line"})
	if code(t, stats.GetStatus(), err) != 0 || len(stats.GetIndexDescriptions()) != 1 {
		t.Errorf("GetIndexStatistics = %v, want one index", stats)
	}
	flushed, err := raw.FlushAll(ctx, &milvuspb.FlushAllRequest{})
	must(t, err)
	flushState, err := raw.GetFlushAllState(ctx, &milvuspb.GetFlushAllStateRequest{FlushAllTs: flushed.GetFlushAllTs()})
	if must(t, err); !flushState.GetFlushed() {
		t.Error("GetFlushAllState is not flushed")
	}
	must(t, c.AlterDatabase(ctx, "default", entity.DatabaseReplica(1)))
	db, err := c.DescribeDatabase(ctx, "default")
	if must(t, err); len(db.Properties) != 1 {
		t.Errorf("properties of the database = %v, want one", db.Properties)
	}
}

func TestResourceGroups(t *testing.T) {
	raw, ctx := stub(t, start(t, as23)), testContext(t)
	for name, want := range map[string]int32{"": 65535, "1x": 1100, "group": 0, "__default_resource_group": 65535} {
		st, err := raw.CreateResourceGroup(ctx, &milvuspb.CreateResourceGroupRequest{ResourceGroup: name})
		if code(t, st, err) != want {
			t.Errorf("CreateResourceGroup of %q = %v, want code %d", name, st, want)
		}
	}
	transfer := func(from, to string, n, want int32) {
		st, err := raw.TransferNode(ctx, &milvuspb.TransferNodeRequest{SourceResourceGroup: from, TargetResourceGroup: to, NumNode: n})
		if code(t, st, err) != want {
			t.Errorf("TransferNode of %d from %s to %s = %v, want code %d", n, from, to, st, want)
		}
	}
	transfer("group", "nope", 1, 1100)
	transfer("nope", "group", 1, 1100)
	transfer("group", "__default_resource_group", 1, 65535)
	transfer("__default_resource_group", "group", 0, 1100)
	transfer("__default_resource_group", "group", 1, 0)
	group, err := raw.DescribeResourceGroup(ctx, &milvuspb.DescribeResourceGroupRequest{ResourceGroup: "group"})
	if code(t, group.GetStatus(), err) != 0 || group.GetResourceGroup().GetNumAvailableNode() != 1 {
		t.Errorf("DescribeResourceGroup = %v, want one node", group)
	}
	drop := func(name string, want int32) {
		st, err := raw.DropResourceGroup(ctx, &milvuspb.DropResourceGroupRequest{ResourceGroup: name})
		if code(t, st, err) != want {
			t.Errorf("DropResourceGroup of %s = %v, want code %d", name, st, want)
		}
	}
	drop("group", 1100)
	transfer("group", "__default_resource_group", 1, 0)
	drop("group", 0)
	drop("group", 0)
	drop("__default_resource_group", 1100)
}

func TestMethodsOfLaterReleasesAreUnknownTo23(t *testing.T) {
	raw, ctx := stub(t, start(t, as23)), testContext(t)
	_, err := raw.DescribeDatabase(ctx, &milvuspb.DescribeDatabaseRequest{DbName: "default"})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("DescribeDatabase = %v, want Unimplemented", err)
	}
	_, err = raw.AlterDatabase(ctx, &milvuspb.AlterDatabaseRequest{DbName: "default"})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("AlterDatabase = %v, want Unimplemented", err)
	}
}
