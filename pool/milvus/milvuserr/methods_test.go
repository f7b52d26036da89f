// SPDX-License-Identifier: Apache-2.0

package milvuserr_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

func TestEveryRPCIsKnownAsReadOnlyOrIsNot(t *testing.T) {
	reads := []string{"Get", "Describe", "List", "Show", "Has", "Select", "Check"}
	service := reflect.TypeFor[milvuspb.MilvusServiceClient]()
	for i := range service.NumMethod() {
		name := service.Method(i).Name
		for _, prefix := range reads {
			if strings.HasPrefix(name, prefix) && !milvuserr.ReadOnly(name) {
				t.Errorf("%s is not known as read-only", name)
			}
		}
	}
	// The protocol package of the nested adapter has these.
	later := []string{
		"BatchDescribeCollection", "ListPrivilegeGroups", "RunAnalyzer", "GetReplicateInfo",
		"ListFileResources", "ListRowPolicies", "GetUserTags", "ListUsersWithTag",
	}
	for name := range milvuserr.ReadOnlyMethods {
		if _, ok := service.MethodByName(name); !ok && name != "Dial" && !slices.Contains(later, name) {
			t.Errorf("there is no RPC %s", name)
		}
	}
	for _, name := range []string{
		"Insert", "Upsert", "Delete", "CreateCollection", "DropCollection", "CreateIndex", "DropIndex", "Flush",
		"LoadCollection", "ReleaseCollection", "CreateDatabase", "DropDatabase", "Import", "RestoreRBAC", "ManualCompaction",
	} {
		if milvuserr.ReadOnly(name) {
			t.Errorf("%s is taken for read-only", name)
		}
	}
}
