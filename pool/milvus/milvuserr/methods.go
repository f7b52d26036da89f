// SPDX-License-Identifier: Apache-2.0

package milvuserr

// MethodConnect is the RPC by which a dial ends.
const MethodConnect = "Connect"

const (
	methodDial     = "Dial" // no RPC: the dial failed before any
	methodDescribe = "DescribeCollection"
)

// ReadOnly reports whether an RPC changes nothing at the server. Any other RPC may have
// been applied if its end is unknown. Flush, LoadCollection and ReleaseCollection are
// not read-only: they change no data, but they change the state of the server. An
// application that may repeat them declares the operation idempotent.
func ReadOnly(method string) bool { return readOnly[method] }

var readOnly = func() map[string]bool {
	set := make(map[string]bool)
	for _, name := range []string{
		methodDial, MethodConnect, "AllocTimestamp", "Dummy", "RegisterLink",
		"GetVersion", "CheckHealth", "GetComponentStates", "GetMetrics",
		"Search", "HybridSearch", "Query", "CalcDistance",
		"HasCollection", methodDescribe, "ShowCollections", "GetCollectionStatistics",
		"HasPartition", "ShowPartitions", "GetPartitionStatistics",
		"GetLoadState", "GetLoadingProgress", "GetReplicas",
		"DescribeAlias", "ListAliases", "ListDatabases", "DescribeDatabase",
		"DescribeIndex", "GetIndexState", "GetIndexStatistics", "GetIndexBuildProgress",
		"ListIndexedSegment", "DescribeSegmentIndexData",
		"GetFlushState", "GetFlushAllState", "GetPersistentSegmentInfo", "GetQuerySegmentInfo",
		"GetCompactionState", "GetCompactionStateWithPlans", "GetImportState", "ListImportTasks",
		"ListCredUsers", "SelectRole", "SelectUser", "SelectGrant", "BackupRBAC",
		"ListResourceGroups", "DescribeResourceGroup",
		// Of Milvus 2.5 and later.
		"BatchDescribeCollection", "ListPrivilegeGroups", "RunAnalyzer", "GetReplicateInfo",
		"ListFileResources", "ListRowPolicies", "GetUserTags", "ListUsersWithTag",
	} {
		set[name] = true
	}
	return set
}()
