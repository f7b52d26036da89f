// SPDX-License-Identifier: Apache-2.0

package milvustest

// The codes of aliases, users, resource groups, replicas, metrics and imports.
const (
	CodeResourceGroupNotFound       Code = 300
	CodeReplicaNotFound             Code = 400
	CodeImportTaskNotFound          Code = 1000
	CodeParameterMissing            Code = 1101
	CodeMetricNotFound              Code = 1200
	CodeNotAuthenticated            Code = 1400
	CodeNotPermitted                Code = 1401
	CodeAliasNotFound               Code = 1600
	CodeAliasCollectionNameConflict Code = 1601
	CodeAliasAlreadyExist           Code = 1602
	CodeImportFailed                Code = 2100
)
