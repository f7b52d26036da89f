// SPDX-License-Identifier: Apache-2.0

package milvus

var (
	ReadOnly = readOnly
	CodeOf   = codeOf
)
